"""Predictor: a network with its spec and fitted preprocessing, with predictions from raw rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.frames import as_table, is_empty, plain_array
from mlpkit.engine.network import Network
from mlpkit.errors import DataError
from mlpkit.spec import Spec

if TYPE_CHECKING:  # imported where they are used, because predicting needs none of them
    from mlpkit.plugin import Activation, Array, Loss, Metric
    from mlpkit.preprocessing import InputEncoder, TargetEncoder
    from mlpkit.training.class_report import Report


class Predictor:
    """Part of a model that predicts and evaluates.

    Parameters
    ----------
    spec : Spec
    network : Network
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
        network: Network,
        encoders: tuple[InputEncoder | None, TargetEncoder | None],
        verify: Callable[[], None] | None = None,
        complete: Callable[[], Spec] | None = None,
    ) -> None:
        self._spec, self._complete = spec, complete
        self._network, self._verify = network, verify
        self.input_encoder, self.target_encoder = encoders

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling and copying, with the present weights."""
        return {**self.__dict__, "_network": self.network, "_verify": None, "_complete": None, "_spec": self.spec}

    @property
    def spec(self) -> Spec:
        """Spec of the model; plugins that predictions do not need are imported on first access.

        Missing or broken plugins raise an error where they are used.
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
        """Network of the model; after loading with ``verify="lazy"``, it is verified on first access."""
        if self._verify is not None:
            self._verify()
            self._verify = None
        return self._network

    @property
    def _predicting(self) -> Network:
        """Network with the weights for predictions."""
        return self.network

    @property
    def classes(self) -> NDArray[Any] | None:
        """Classes in the order of `predict_proba`'s columns; None for regression."""
        return None if self.target_encoder is None else self.target_encoder.classes

    @overload
    def predict(
        self, rows: Any, *, allow_large: bool = False, parts: Literal[False] = False, threshold: float | None = None
    ) -> NDArray[Any]: ...
    @overload
    def predict(self, rows: Any, *, allow_large: bool = False, parts: Literal[True]) -> dict[str, NDArray[Any]]: ...
    def predict(
        self, rows: Any, *, allow_large: bool = False, parts: bool = False, threshold: float | None = None
    ) -> NDArray[Any] | dict[str, NDArray[Any]]:
        """Return predictions for raw rows.

        Parameters
        ----------
        rows : array, table, str or Path
            Raw rows in the form of the training data: an array of shape (rows, inputs), a table with named columns (a dictionary of
            columns, pandas, polars, Arrow), a list of dictionaries, or the path of a file.
        allow_large : bool
            Read files that declare more than 1,000 times their own size.
        parts : bool
            True to return all predictions that the loss defines, by name: "y.mean" and "y.deviation" for "gaussian_nll". Regression only.
        threshold : float, optional
            Probability, between 0 and 1, above which the second of two classes is predicted, instead of the model's.

        Returns
        -------
        array, or dict of str to array with `parts`
            Class labels or numbers in the form of the training targets: shape (rows,), or (rows, targets) for several targets. Each part
            has shape (rows,).

        Raises
        ------
        DataError
            A column is missing or has invalid values; `parts` is set for a classification; or `threshold` for other than two classes.
        MissingPlugin
            The loss defines the predictions and is not installed.
        """
        target = self.target_encoder if threshold is None else self._with_threshold(threshold)
        encoded = self._encode(rows, allow_large)
        if parts:
            return self._parts(encoded)
        if target is None:
            return self._predicting.predict(encoded)
        if target.task == "regression":
            return target.decode(self._predicting.predict(encoded), loss=self._decoding_loss())
        return target.decode(*self._answers(encoded))

    def _with_threshold(self, threshold: float) -> TargetEncoder:
        """Return the target encoder with another decision threshold."""
        target = self.target_encoder
        if target is None or target.classes is None or len(target.classes) != 2:
            raise DataError("only a model of two classes has a decision threshold", help="leave it out")
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.floating)) or not 0 < threshold < 1:
            raise DataError(f"the threshold is {threshold!r}, but must be a number between 0 and 1", help="0.5 is the default")
        return replace(target, threshold=float(threshold))

    def _parts(self, encoded: Array) -> dict[str, NDArray[Any]]:
        target = self.target_encoder
        if target is None or target.task != "regression":
            raise DataError("only regression models predict parts", help="use predict_proba, or --proba, for the probability of each class")
        found = target.parts(self._predicting.predict(encoded), self._decoding_loss())
        return {
            f"{name}.{part}" if part else name: values[:, column]
            for part, values in found.items()
            for column, name in enumerate(target.names)
        }

    def _decoding_loss(self) -> Loss | None:
        """Return the loss if it defines the predictions, else None; raise MissingPlugin if it is not installed."""
        from mlpkit.provenance.placeholders import require

        if self.target_encoder is None or not self.target_encoder.decoded_by_loss:
            return None
        require(self.spec.loss)
        return self.spec.loss

    def _answers(self, encoded: Array) -> tuple[Array, Activation, Array]:
        """Return the outputs of the network, its last activation, and the pre-activations of the last layer."""
        z, outputs = self._predicting.forward(encoded)
        return outputs, self._spec.network.layers[-1].activation, z

    def predict_proba(self, rows: Any, *, allow_large: bool = False) -> NDArray[np.float64]:
        """Return the probability of each class, shape (rows, classes), in the order of `classes`; rows sum to 1 in float64.

        The parameters are those of `predict`.

        Raises
        ------
        DataError
            The same as for `predict`, or the target is not a class.
        """
        if self.target_encoder is None:
            raise DataError("the model has not been trained, so its classes are not known", help="use predict for the network's outputs")
        if self.target_encoder.task == "regression":
            raise DataError("this model predicts numbers, not classes, so there are no probabilities", help="use predict")
        return self.target_encoder.scores(*self._answers(self._encode(rows, allow_large)))

    def transform(self, rows: Any, *, layer: int = -2, allow_large: bool = False) -> Array:
        """Return the outputs of a hidden layer for raw rows: features for another model.

        Parameters
        ----------
        rows, allow_large
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

        network, count = self._predicting, len(self._predicting.layers)
        if isinstance(layer, bool) or not isinstance(layer, int) or not -count <= layer < count:
            help = f"use 0 to {count - 1}, or -{count} to -1" + ("; the only layer is the output layer" if count == 1 else "")
            raise DataError(f"there is no layer {layer!r}", help=help)
        return layer_outputs(network, layer % count, self._encode(rows, allow_large))

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
        """Return the loss and metrics on rows with known targets; rows without target are ignored, with a warning.

        Parameters
        ----------
        rows : as for `predict`
            If `y` is omitted, the rows must contain the target columns.
        y : array, optional
            Targets, shape (rows,) or (rows, targets), or probabilities of the classes, shape (rows, classes). The loss uses these, and
            metrics the most probable class of each row.
        metrics : str, Metric, or sequence of them
            Metrics to compute; default: those of the spec, or else common ones for the task.
        weights : array, shape (rows,), optional
            Sample weights. Rows of weight 0 are ignored, as are rows of weight 0 in the spec's weight column, if the rows have it.
        weighted : bool, optional
            True to weight loss and metrics, by `weights` or by the spec's weight column; default: True if `weights` are passed.
        allow_large : bool
            The same as for `predict`.

        Returns
        -------
        dict of str to float
            "loss" and each metric by name; NaN, with a warning, for a metric that is undefined on these rows.
        """
        return self.report(rows, y, metrics=metrics, weights=weights, allow_large=allow_large, weighted=weighted).figures

    def report(
        self,
        rows: Any,
        y: Any = None,
        *,
        metrics: str | Metric | Sequence[str | Metric] = (),
        weights: Any = None,
        allow_large: bool = False,
        weighted: bool | None = None,
    ) -> Report:
        """Return the figures of `evaluate` and, for classification, precision, recall and F1 of each class and the confusion matrix.

        Parameters and errors are those of `evaluate`. `print(model.report(rows, y))` shows tables.
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
        return evaluate(self.spec, self._predicting, self.target_encoder, labelled, metrics)

    def _encode(self, rows: Any, allow_large: bool) -> Array:
        """Return encoded rows, shape (rows, inputs).

        A few rows in dictionaries use a fast path; all other rows are converted to a table. A network without fitted preprocessing accepts
        an array of numbers.
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
