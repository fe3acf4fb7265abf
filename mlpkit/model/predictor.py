"""Predictor: a network, or several, with spec and fitted preprocessing, with predictions from raw rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import DataError
from mlpkit.model.combination import Combination, decoded
from mlpkit.model.row_encoder import RowEncoder
from mlpkit.model.streams import BATCH, predict_stream
from mlpkit.numerics.average import average
from mlpkit.spec import Spec

if TYPE_CHECKING:  # imported where they are used, because predicting needs none of them
    from mlpkit.plugin import Array, Loss
    from mlpkit.preprocessing import InputEncoder, TargetEncoder
    from mlpkit.preprocessing.unseen import OnUnseen

NO_PARTS, USE_PROBA = "only regression models predict parts", "use predict_proba, or --proba, for the probability of each class"


class Predictor(RowEncoder):
    """Part of a model that predicts.

    Parameters
    ----------
    spec : Spec
    network : Network or None
        None for an ensemble, whose members have the networks.
    encoders : (InputEncoder, TargetEncoder)
        None for each before training.
    verify : callable, optional
        Called before the network is used.
    complete : callable, optional
        Function that returns the spec with the plugins that predictions do not need.
    """

    def __init__(
        self,
        spec: Spec,
        network: Network | None,
        encoders: tuple[InputEncoder | None, TargetEncoder | None],
        verify: Callable[[], None] | None = None,
        complete: Callable[[], Spec] | None = None,
    ) -> None:
        super().__init__(spec, encoders, complete)
        self._network, self._verify = network, verify

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling and copying, with the present weights."""
        network = None if self._network is None else self.network
        return {**self.__dict__, "_network": network, "_verify": None, "_complete": None, "_spec": self.spec}

    @property
    def network(self) -> Network:
        """Network of the model; after loading with ``verify="lazy"``, it is verified on first access.

        An ensemble has no network of its own: each of its `members` has one.
        """
        if self._network is None:
            raise DataError("an ensemble has a network for each member", help="use model.members[0].network")
        if self._verify is not None:
            self._verify()
            self._verify = None
        return self._network

    @property
    def _predicting(self) -> tuple[Network, ...]:
        """Networks whose predictions are averaged, with the weights for predictions."""
        return (self.network,)

    @property
    def classes(self) -> NDArray[Any] | None:
        """Classes in the order of `predict_proba`'s columns; None for regression."""
        return None if self.target_encoder is None else self.target_encoder.classes

    @overload
    def predict(
        self,
        rows: Iterator[Any],
        *,
        allow_large: bool = False,
        parts: bool = False,
        threshold: float | None = None,
        spread: bool = False,
        on_unseen: OnUnseen = "warn",
        batch_size: int = BATCH,
    ) -> Iterator[Any]: ...
    @overload
    def predict(
        self,
        rows: Any,
        *,
        allow_large: bool = False,
        parts: Literal[False] = False,
        threshold: float | None = None,
        spread: Literal[False] = False,
        on_unseen: OnUnseen = "warn",
    ) -> NDArray[Any]: ...
    @overload
    def predict(
        self, rows: Any, *, allow_large: bool = False, threshold: float | None = None, spread: Literal[True], on_unseen: OnUnseen = "warn"
    ) -> tuple[NDArray[Any], NDArray[np.float64]]: ...
    @overload
    def predict(
        self, rows: Any, *, allow_large: bool = False, parts: Literal[True], on_unseen: OnUnseen = "warn"
    ) -> dict[str, NDArray[Any]]: ...
    def predict(
        self,
        rows: Any,
        *,
        allow_large: bool = False,
        parts: bool = False,
        threshold: float | None = None,
        spread: bool = False,
        on_unseen: OnUnseen = "warn",
        batch_size: int = BATCH,
    ) -> NDArray[Any] | dict[str, NDArray[Any]] | tuple[NDArray[Any], NDArray[np.float64]] | Iterator[Any]:
        """Return predictions for raw rows. An ensemble averages the probabilities or numbers of its members.

        For an iterator, such as a generator, an iterator over predictions is returned, which reads no further than it has to: of an
        iterator over rows (dictionaries, named tuples, lists of values) it yields the prediction of each, of an iterator over tables (such
        as the chunks of pandas) the array of each. An error names the item; the predictions before it were yielded.

        Parameters
        ----------
        rows : array, table, str or Path
            Raw rows in the form of the training data: an array of shape (rows, inputs), a table with named columns (a dictionary of
            columns, pandas, polars, Arrow), a list of dictionaries, or the path of a file. Or an iterator over rows or tables.
        allow_large : bool
            Read files that declare more than 1,000 times their own size.
        parts : bool
            True to return all predictions that the loss defines, by name: "y.mean" and "y.deviation" for "gaussian_nll". Regression only.
        threshold : float, optional
            Probability, between 0 and 1, above which the second of two classes is predicted, instead of the model's.
        spread : bool
            True to return the standard deviations over the members of an ensemble too (their squares are divided by the number of members).
        on_unseen : {"warn", "error"}
            With "error", the first value that was not seen in training is an error that names its row: a category, a missing value in a
            column that had none, or a number outside of its range in the training rows, as far as `input_schema` has it.
        batch_size : int
            Rows of an iterator that are read before their predictions are yielded; 1 for rows that come one by one, which takes longer.

        Returns
        -------
        array, or dict of str to array with `parts`, or (array, array) with `spread`
            Class labels or numbers in the form of the training targets: shape (rows,), or (rows, targets) for several targets. Each part
            has shape (rows,). Deviations have the shape of the numbers, or (rows, classes or labels) for those of the probabilities.
            An iterator over the same of each table, or of each row, for an iterator.

        Raises
        ------
        DataError
            A column is missing or has invalid values; `parts` is set for a classification; `threshold` for other than two classes; or
            `spread` for a model that is no ensemble, or with `parts`.
        MissingPlugin
            The loss defines the predictions and is not installed.
        """
        if isinstance(rows, Iterator):
            options: dict[str, Any] = {"allow_large": allow_large, "parts": parts, "threshold": threshold, "spread": spread}
            return predict_stream(partial(self.predict, on_unseen=on_unseen, **options), rows, batch_size)
        target = self.target_encoder if threshold is None else self._with_threshold(threshold)
        if spread:
            self._check_spread(parts)
        encoded = self._encode(rows, allow_large, on_unseen)
        if target is None:
            if parts:
                raise DataError(NO_PARTS, help=USE_PROBA)
            return average([network.predict(encoded) for network in self._predicting])
        if parts:
            return self._parts(target, encoded)
        combined = self._combined(target)
        if not spread:
            return combined.decoded(encoded)
        scores, deviations = combined.spread(encoded)
        return decoded(target, scores), deviations[:, 0] if target.task == "regression" and len(target.names) == 1 else deviations

    def _check_spread(self, parts: bool) -> None:
        """Raise DataError if there is no spread over members."""
        if self._network is not None or self.target_encoder is None:
            raise DataError(
                "only a trained ensemble has a spread over its members", help='leave it out, or train with "ensemble" in the spec'
            )
        if parts:
            raise DataError("parts have no spread of their own", help="leave out parts or spread")

    def _combined(self, target: TargetEncoder) -> Combination:
        return Combination(self._predicting, target, self._spec.network.layers[-1].activation, self._decoding_loss())

    def _with_threshold(self, threshold: float) -> TargetEncoder:
        """Return the target encoder with another decision threshold."""
        target = self.target_encoder
        if target is None or target.classes is None or len(target.classes) != 2:
            raise DataError("only a model of two classes has a decision threshold", help="leave it out")
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.floating)) or not 0 < threshold < 1:
            raise DataError(f"the threshold is {threshold!r}, but must be a number between 0 and 1", help="0.5 is the default")
        return replace(target, threshold=float(threshold))

    def _parts(self, target: TargetEncoder, encoded: Array) -> dict[str, NDArray[Any]]:
        if target.task != "regression":
            raise DataError(NO_PARTS, help=USE_PROBA)
        return {
            f"{name}.{part}" if part else name: values[:, column]
            for part, values in self._combined(target).parts(encoded).items()
            for column, name in enumerate(target.names)
        }

    def _decoding_loss(self) -> Loss | None:
        """Return the loss if it defines the predictions, else None; raise MissingPlugin if it is not installed."""
        if self.target_encoder is None or not self.target_encoder.decoded_by_loss:
            return None
        from mlpkit.provenance.placeholders import require

        require(self.spec.loss)
        return self.spec.loss

    @overload
    def predict_proba(
        self, rows: Iterator[Any], *, allow_large: bool = False, on_unseen: OnUnseen = "warn", batch_size: int = BATCH
    ) -> Iterator[NDArray[np.float64]]: ...
    @overload
    def predict_proba(self, rows: Any, *, allow_large: bool = False, on_unseen: OnUnseen = "warn") -> NDArray[np.float64]: ...
    def predict_proba(
        self, rows: Any, *, allow_large: bool = False, on_unseen: OnUnseen = "warn", batch_size: int = BATCH
    ) -> NDArray[np.float64] | Iterator[NDArray[np.float64]]:
        """Return the probability of each class, shape (rows, classes), in the order of `classes`; rows sum to 1 in float64.

        The parameters are those of `predict`. For an iterator an iterator is returned, as from `predict`: over arrays of shape (classes,)
        for rows, or (rows, classes) for tables.

        Raises
        ------
        DataError
            The same as for `predict`, or the target is not a class.
        """
        if isinstance(rows, Iterator):
            return predict_stream(partial(self.predict_proba, allow_large=allow_large, on_unseen=on_unseen), rows, batch_size)
        if self.target_encoder is None:
            raise DataError("the model has not been trained, so its classes are not known", help="use predict for the network's outputs")
        if self.target_encoder.task == "regression":
            raise DataError("this model predicts numbers, not classes, so there are no probabilities", help="use predict")
        return self._combined(self.target_encoder).scores(self._encode(rows, allow_large, on_unseen))

    def transform(self, rows: Any, *, layer: int = -2, allow_large: bool = False, on_unseen: OnUnseen = "warn") -> Array:
        """Return the outputs of a hidden layer for raw rows: features for another model.

        Parameters
        ----------
        rows, allow_large, on_unseen
            The same as for `predict`.
        layer : int
            Index of the layer, from 0, or from -1 backwards. Default: the last hidden layer.

        Returns
        -------
        array, shape (rows, units of the layer), in the dtype of the spec

        Raises
        ------
        DataError
            The same as for `predict`, or there is no such layer.
        """
        from mlpkit.engine.transform import layer_outputs

        if self._network is None:
            raise DataError("the members of an ensemble have different features", help="use model.members[0].transform")
        count = len(self._spec.network.layers)
        if isinstance(layer, bool) or not isinstance(layer, int) or not -count <= layer < count:
            help = f"use 0 to {count - 1}, or -{count} to -1" + ("; the only layer is the output layer" if count == 1 else "")
            raise DataError(f"there is no layer {layer!r}", help=help)
        return layer_outputs(self._predicting[0], layer % count, self._encode(rows, allow_large, on_unseen))
