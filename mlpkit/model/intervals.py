"""Intervals of numbers and sets of classes that contain the target with a given probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.model.predictor import Predictor
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.residuals import bound


class IntervalPredictor(Predictor):
    """Predictor whose model may keep its errors on held-out rows (`training.keep_residuals`)."""

    def predict_interval(self, rows: Any, level: float = 0.9, *, allow_large: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the lower and the upper ends of intervals of numbers, which contain the targets of a share `level` of new rows.

        An interval is the prediction plus and minus the quantile of the absolute errors on the validation rows (split conformal
        prediction, 1604.04173). The share holds on average over rows like those of training and validation. The validation rows also
        chose the epoch, which makes intervals a little too narrow if they are few.

        Parameters
        ----------
        rows, allow_large
            The same as for `predict`.
        level : float
            Share of the targets, between 0 and 1.

        Returns
        -------
        (array, array)
            Each in the form of `predict`: shape (rows,), or (rows, targets) for several targets.

        Raises
        ------
        DataError
            The same as for `predict`; or the model predicts classes, keeps no residuals, or too few for the level.
        """
        target = self._with_residuals("regression", "a model of classes predicts sets", "predict_set")
        width, predicted = bound(target.residuals, level), self.predict(rows, allow_large=allow_large)
        half = width[0] if predicted.ndim == 1 else width
        return predicted - half, predicted + half

    def predict_set(self, rows: Any, level: float = 0.9, *, allow_large: bool = False) -> NDArray[np.bool_]:
        """Return the classes of a set for each row, which contains the right class of a share `level` of new rows.

        A class is in the set if its probability is at least 1 minus the quantile of 1 - p on the validation rows, p being the probability
        of the right class (1609.00451); the most probable class always is. The share holds as for `predict_interval`.

        Parameters and errors are those of `predict_interval`.

        Returns
        -------
        array of bool, shape (rows, classes), in the order of `classes`
        """
        target = self._with_residuals("classification", "a model of numbers predicts intervals", "predict_interval")
        largest, probabilities = bound(target.residuals, level)[0], self.predict_proba(rows, allow_large=allow_large)
        chosen: NDArray[np.bool_] = 1.0 - probabilities <= largest
        chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
        return chosen

    def _with_residuals(self, task: str, other: str, method: str) -> TargetEncoder:
        """Return the target encoder; raise DataError if the task is another one, or no residuals are kept."""
        target = self.target_encoder
        if target is not None and target.task != task:
            if target.task == "multilabel":
                raise DataError("several labels per row have neither intervals nor sets", help="use predict_proba")
            raise DataError(other, help=f"use {method}")
        if target is None or not len(target.residuals):
            help = 'set "keep_residuals" in "training" to true, and train with validation rows'
            raise DataError("the model keeps no errors of held-out rows, which intervals need", help=help)
        return target
