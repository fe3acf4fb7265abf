"""Evaluator: a predictor that measures its predictions on rows with known targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.model.intervals import IntervalPredictor

if TYPE_CHECKING:  # imported where they are used, because predicting needs none of them
    from mlpkit.plugin import Array, Metric
    from mlpkit.preprocessing import InputEncoder, TargetEncoder
    from mlpkit.preprocessing.labelled import Labelled
    from mlpkit.preprocessing.row_split import Part
    from mlpkit.training.class_report import Report


class Evaluator(IntervalPredictor):
    """Predictor that measures loss and metrics."""

    def evaluate(
        self,
        rows: Any,
        y: Any = None,
        *,
        metrics: str | Metric | Sequence[str | Metric] = (),
        weights: Any = None,
        allow_large: bool = False,
        weighted: bool | None = None,
        part: Literal["training", "validation", "test"] | None = None,
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
        part : {"training", "validation", "test"}, optional
            Measure only those of the rows that the spec's split put into this part; `rows` are then all rows of the training data, in their
            order.

        Returns
        -------
        dict of str to float
            "loss" and each metric by name; NaN, with a warning, for a metric that is undefined on these rows.
        """
        return self.report(rows, y, metrics=metrics, weights=weights, allow_large=allow_large, weighted=weighted, part=part).figures

    def report(
        self,
        rows: Any,
        y: Any = None,
        *,
        metrics: str | Metric | Sequence[str | Metric] = (),
        weights: Any = None,
        allow_large: bool = False,
        weighted: bool | None = None,
        part: Literal["training", "validation", "test"] | None = None,
    ) -> Report:
        """Return the figures of `evaluate` and, for classification, precision, recall and F1 of each class and the confusion matrix.

        Of an ensemble, the report has the figures of each member too.

        Parameters and errors are those of `evaluate`. `print(model.report(rows, y))` shows tables.
        """
        from mlpkit.training.evaluation import evaluate

        target, labelled = self._labelled(rows, y, weights, allow_large, weighted, part)
        return evaluate(self.spec, self._predicting, target, labelled, metrics)

    def _labelled(
        self, rows: Any, y: Any, weights: Any, allow_large: bool, weighted: bool | None, part: Part | None = None
    ) -> tuple[TargetEncoder, Labelled]:
        """Return the target encoder and encoded rows with their targets; parameters are those of `evaluate`."""
        from mlpkit.preprocessing.labelled import encode_labelled
        from mlpkit.provenance.placeholders import require

        inputs, target = self.encoders
        require(self.spec.loss)
        spec = self.spec.allowing_large() if allow_large else self.spec
        weighted = weights is not None if weighted is None else weighted
        return target, encode_labelled(spec, inputs, target, rows, y, weights, weighted=weighted, part=part)

    @property
    def encoders(self) -> tuple[InputEncoder, TargetEncoder]:
        """Fitted preprocessing of the inputs and of the target. Raises DataError for a model that has not been trained."""
        if self.input_encoder is None or self.target_encoder is None:
            raise DataError("the model has not been trained, so its preprocessing is not known", help="train it first")
        return self.input_encoder, self.target_encoder

    def scores(self, inputs: Array) -> NDArray[np.float64]:
        """Return predictions for encoded inputs in the form that metrics use.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
            Result of `encode`.

        Returns
        -------
        array, shape (rows, columns)
            Probabilities of the classes or labels, or numbers in the units of the data, of each target.
        """
        return self._combined(self.encoders[1]).scores(inputs)

    def measure(self, labelled: Labelled, metrics: Sequence[Metric] = ()) -> tuple[float, NDArray[np.float64], dict[str, float]]:
        """Return the mean loss on encoded rows, the result of `scores`, and metrics by name, without warnings of undefined ones."""
        from mlpkit.training.evaluation import mean_answers, measure

        target = self.encoders[1]
        loss, outputs = mean_answers(self.spec, self._predicting, target, labelled.data)
        return loss, outputs, measure(metrics, outputs, labelled.values, labelled.data.weights, target.threshold)
