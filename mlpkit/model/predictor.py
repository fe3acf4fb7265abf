"""Predictor: a network with its spec and its fitted preprocessing; raw rows in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.frames import as_table, is_empty, plain_array
from mlpkit.engine.network import Network
from mlpkit.errors import DataError
from mlpkit.spec import Spec

if TYPE_CHECKING:  # imported where they are used: to predict needs none of them
    from mlpkit.plugin import Activation, Array, Loss, Metric
    from mlpkit.preprocessing import InputEncoder, TargetEncoder


class Predictor:
    """The part of a model that predicts, and measures its predictions.

    Parameters
    ----------
    spec : Spec
    network : Network
    encoders : (InputEncoder, TargetEncoder)
        None of each before any training.
    verify : callable, optional
        Called before the network is used.
    complete : callable, optional
        Gives the spec with the plugins that a prediction does not need.
    """

    def __init__(
        self,
        spec: Spec,
        network: Network,
        encoders: tuple[InputEncoder | None, TargetEncoder | None],
        verify: Callable[[], None] | None = None,
        complete: Callable[[], Spec] | None = None,
    ) -> None:
        self._spec, self._complete = spec, complete
        self._network, self._verify = network, verify
        self.input_encoder, self.target_encoder = encoders

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the weights of the moment."""
        return {**self.__dict__, "_network": self.network, "_verify": None, "_complete": None, "_spec": self.spec}

    @property
    def spec(self) -> Spec:
        """The spec; of a model that was loaded, the plugins that no prediction needs are imported when it is asked for first.

        What is missing or broken says so where it is used.
        """
        if self._complete is not None:
            complete, self._complete = self._complete, None
            self._spec = complete()
        return self._spec

    @spec.setter
    def spec(self, spec: Spec) -> None:
        self._spec, self._complete = spec, None

    @property
    def network(self) -> Network:
        """The network; of a model that was loaded with ``verify="lazy"`` it is verified when it is asked for first."""
        if self._verify is not None:
            self._verify()
            self._verify = None
        return self._network

    @property
    def classes(self) -> NDArray[Any] | None:
        """The classes, in the order of `predict_proba`'s columns; None for a regression."""
        return None if self.target_encoder is None else self.target_encoder.classes

    @overload
    def predict(self, rows: Any, *, allow_large: bool = False, parts: Literal[False] = False) -> NDArray[Any]: ...
    @overload
    def predict(self, rows: Any, *, allow_large: bool = False, parts: Literal[True]) -> dict[str, NDArray[Any]]: ...
    def predict(self, rows: Any, *, allow_large: bool = False, parts: bool = False) -> NDArray[Any] | dict[str, NDArray[Any]]:
        """Predict.

        Parameters
        ----------
        rows : array, table, str or Path
            Raw rows as the model was trained on: an array of shape (rows, inputs), a table with named columns (a
            dictionary of columns, pandas, polars, Arrow), a list of dictionaries, or the path of a file.
        allow_large : bool
            Read a file that claims more than 1,000 times its own size.
        parts : bool
            Return everything that the loss predicts of numbers, by name: with "gaussian_nll", "y.mean" and "y.deviation".

        Returns
        -------
        array, or dict of str to array with `parts`
            As the target was given: class labels or numbers, shape (rows,), or (rows, targets) for several targets. Each part has
            shape (rows,).

        Raises
        ------
        DataError
            A column is missing or holds what it cannot; or parts are asked of a model of classes.
        MissingPlugin
            The loss is not installed, and defines how outputs become predictions.
        """
        encoded, target = self._encode(rows, allow_large), self.target_encoder
        if parts:
            return self._parts(encoded)
        if target is None:
            return self.network.predict(encoded)
        if target.task == "regression":
            return target.decode(self.network.predict(encoded), loss=self._decoding_loss())
        return target.decode(*self._answers(encoded))

    def _parts(self, encoded: Array) -> dict[str, NDArray[Any]]:
        target = self.target_encoder
        if target is None or target.task != "regression":
            raise DataError("only a model of numbers predicts parts", help="use predict_proba for the probability of each class")
        found = target.parts(self.network.predict(encoded), self._decoding_loss())
        return {
            f"{name}.{part}" if part else name: values[:, column]
            for part, values in found.items()
            for column, name in enumerate(target.names)
        }

    def _decoding_loss(self) -> Loss | None:
        """Return the loss if it defines how outputs become predictions; MissingPlugin if it is not installed."""
        from mlpkit.provenance.placeholders import require

        if self.target_encoder is None or not self.target_encoder.decoded_by_loss:
            return None
        require(self.spec.loss)
        return self.spec.loss

    def _answers(self, encoded: Array) -> tuple[Array, Activation, Array]:
        """Return what the network puts out, its last activation, and the scores before it."""
        z, outputs = self.network.forward(encoded)
        return outputs, self._spec.network.layers[-1].activation, z

    def predict_proba(self, rows: Any, *, allow_large: bool = False) -> NDArray[np.float64]:
        """The probability of each class, shape (rows, classes), in the order of `classes`; each row sums to 1 in float64.

        Parameters are those of `predict`.

        Raises
        ------
        DataError
            As `predict`, and when the target is not a class.
        """
        if self.target_encoder is None:
            raise DataError("the model has not been trained, so its classes are not known", help="predict gives the network's outputs")
        if self.target_encoder.task == "regression":
            raise DataError("this model predicts numbers, not classes, so there are no probabilities", help="use predict")
        return self.target_encoder.scores(*self._answers(self._encode(rows, allow_large)))

    def evaluate(
        self,
        rows: Any,
        y: Any = None,
        *,
        metrics: str | Metric | Sequence[str | Metric] = (),
        weights: Any = None,
        allow_large: bool = False,
        weighted: bool | None = None,
    ) -> dict[str, float]:
        """The loss and metrics on rows with known targets; rows without one are left out, with a warning that counts them.

        Parameters
        ----------
        rows : as for `predict`
            When `y` is left out, the target column is in it.
        y : array, optional
            Targets, shape (rows,) or (rows, targets).
        metrics : str, Metric, or sequence of them
            The spec's when empty; and when that has none, the usual ones for the task.
        weights : array, shape (rows,), optional
            What each row counts. A row of weight 0 is not there, nor is one to which the spec's column of weights, where the
            rows have it, gives 0.
        weighted : bool, optional
            Whether loss and metrics are weighted, by `weights` or else by the spec's column of weights. When left out, they are if
            `weights` are given.
        allow_large : bool
            As for `predict`.

        Returns
        -------
        dict of str to float
            "loss" and each metric by name; NaN, with a warning, for a metric that has no value on these rows.
        """
        from mlpkit.preprocessing.prepare import encode_labelled
        from mlpkit.provenance.placeholders import require
        from mlpkit.training.evaluation import evaluate

        if self.input_encoder is None or self.target_encoder is None:
            raise DataError("the model has not been trained, so its preprocessing is not known", help="train it first")
        weighted = weights is not None if weighted is None else weighted
        require(self.spec.loss)
        labelled = encode_labelled(
            self.spec.allowing_large() if allow_large else self.spec,
            self.input_encoder,
            self.target_encoder,
            rows,
            y,
            weights,
            weighted=weighted,
        )
        return evaluate(self.spec, self.network, self.target_encoder, labelled, metrics)

    def _encode(self, rows: Any, allow_large: bool) -> Array:
        """Return encoded rows, shape (rows, inputs).

        A few rows given as dictionaries take the fast path; all others become a table. A network without fitted preprocessing
        accepts an array of numbers.
        """
        spec = self._spec.allowing_large() if allow_large else self._spec
        encoder = self.input_encoder
        width = spec.network.inputs if encoder is None else encoder.width
        if is_empty(rows):
            return np.empty((0, width or 0), spec.dtype)
        if encoder is None:
            return plain_array(rows, width, spec.dtype)
        encoded = encoder.plain.encode(rows, spec.dtype)
        if encoded is not None:
            return encoded
        if isinstance(rows, (str, Path)):
            from mlpkit.data.sources import read_source

            return encoder.encode(read_source(spec, rows, encoder.order), spec.dtype)
        return encoder.encode(as_table(rows), spec.dtype)
