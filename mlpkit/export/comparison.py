"""Comparison of an exported model with the model, on the rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table
from mlpkit.losses.distributions import LogMean
from mlpkit.model.model import Model

UNDERFLOW = 1e-300  # smaller exponentials are 0: not every program has all of them
TOLERANCES = {"float32": 5e-6, "float64": 1e-12}


class Predictions(NamedTuple):
    """Predictions for some rows.

    Attributes
    ----------
    labels : array, shape (rows,) or (rows, labels), or None
        Labels in the type of the model's; None for a regression.
    scores : array, shape (rows, columns)
        Probabilities, or numbers in the units of the data: the predictions, then further parts of the loss if the format has them.
    """

    labels: NDArray[Any] | None
    scores: NDArray[np.float64]


Predict = Callable[[Path, Model, Table], Predictions]  # what an exported file predicts for rows


class Comparison(NamedTuple):
    """Differences between an exported model and the model.

    Attributes
    ----------
    rows : int
    largest : float
        Largest difference of a probability, or of a number relative to its size and to the scale of its target; of a number that is the
        exponential of the output, the difference of the logarithms relative to their size. Infinite where one of both is not a number.
    labels : int or None
        Number of labels that differ; None for a regression.
    tolerance : float
    """

    rows: int
    largest: float
    labels: int | None
    tolerance: float

    @property
    def equal(self) -> bool:
        """True if all labels are equal, and no difference is beyond the tolerance."""
        return not self.labels and self.largest <= self.tolerance


def own_predictions(model: Model, table: Table) -> Predictions:
    """Return what the model predicts. Raise DataError for rows that it refuses."""
    if model.target_encoder is not None and model.target_encoder.task == "regression":
        parts = model.predict(table, parts=True)
        return Predictions(None, np.column_stack(list(parts.values())))
    return Predictions(model.predict(table), model.predict_proba(table))


def compare(model: Model, expected: Predictions, found: Predictions) -> Comparison:
    """Return the differences of predictions to those of the model, which `own_predictions` returns."""
    others, width, scale = found.scores, found.scores.shape[1], np.ones(1)
    scores = expected.scores[:, :width]
    if expected.labels is None and model.target_encoder is not None:
        scale = np.resize(np.maximum(1.0, model.target_encoder.scale), width)
    with np.errstate(all="ignore"):
        if expected.labels is None and isinstance(model.spec.loss, LogMean):
            scores, others = (np.log(np.where(np.abs(each) < UNDERFLOW, 0.0, each)) for each in (scores, others))
        away = np.abs(others - scores) / np.maximum(scale, np.abs(scores))
    same = (others == scores) | (np.isnan(others) & np.isnan(scores))
    away = np.where(same, 0.0, np.where(np.isnan(away), np.inf, away))
    labels = None
    if expected.labels is not None and found.labels is not None:
        labels = int((np.asarray(found.labels, expected.labels.dtype) != expected.labels).sum())
    return Comparison(len(others), float(away.max(initial=0.0)), labels, TOLERANCES[model.spec.dtype])
