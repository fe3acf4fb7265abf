"""Intervals of numbers and sets of classes that contain the target with a given probability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.model.predictor import Predictor
from mlpkit.numerics.average import average
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.residuals import bound
from mlpkit.preprocessing.unseen import OnUnseen


class IntervalPredictor(Predictor):
    """Predictor whose model may keep its errors on held-out rows (`training.keep_residuals`)."""

    def predict_interval(
        self, rows: Any, level: float = 0.9, *, allow_large: bool = False, on_unseen: OnUnseen = "warn"
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the lower and the upper ends of intervals of numbers, which contain the targets of a share `level` of new rows.

        An interval is the prediction plus and minus the quantile of the absolute errors on the validation rows (split conformal
        prediction, 1604.04173). The share holds on average over rows like those of training and validation. The validation rows also
        chose the epoch, which makes intervals a little too narrow if they are few. Where the members of an ensemble hold out other rows,
        the errors are those of members out of fold, times an estimate of how much smaller those of their average are.

        Parameters
        ----------
        rows, allow_large, on_unseen
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
        errors, ratio = target.residuals
        width, predicted = bound(errors, level), self.predict(rows, allow_large=allow_large, on_unseen=on_unseen)
        with np.errstate(over="ignore"):
            width = width * ratio if len(ratio) else width
            half = width[0] if predicted.ndim == 1 else width
            return predicted - half, predicted + half

    def predict_set(
        self, rows: Any, level: float = 0.9, *, allow_large: bool = False, allow_empty: bool = False, on_unseen: OnUnseen = "warn"
    ) -> NDArray[np.bool_]:
        """Return the classes of a set for each row, which contains the right class of a share `level` of new rows.

        A class is in the set if its probability is at least 1 minus the quantile of 1 - p on the validation rows, p being the probability
        of the right class (1609.00451). Where the members of an ensemble hold out other rows, the probability is the median of theirs: so
        most of them have the class in their own sets (majority vote, 2401.09379). The share holds as for `predict_interval`.

        Parameters
        ----------
        rows, level, allow_large, on_unseen
            The same as for `predict_interval`.
        allow_empty : bool
            By default the most probable class always is in the set: a model that is right more often than the level has the right class in
            more sets. True to leave it out like any other, so that the share is that of the level, and sets may be empty.

        Returns
        -------
        array of bool, shape (rows, classes), in the order of `classes`

        Raises
        ------
        DataError
            As for `predict_interval`, of a model that predicts numbers.
        """
        target = self._with_residuals("classification", "a model of numbers predicts intervals", "predict_interval")
        errors, ratio = target.residuals
        largest = bound(errors, level)[0]
        each = self._combined(target).each(self._encode(rows, allow_large, on_unseen))
        probabilities = average(each)
        chosen: NDArray[np.bool_] = 1.0 - (np.median(each, axis=0) if len(ratio) else probabilities) <= largest
        if not allow_empty:
            chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
        return chosen

    def _with_residuals(self, task: str, other: str, method: str) -> TargetEncoder:
        """Return the target encoder; raise DataError if the task is another one, or no residuals are kept."""
        target = self.target_encoder
        if target is not None and target.task != task:
            if target.task == "multilabel":
                raise DataError("several labels per row have neither intervals nor sets", help="use predict_proba")
            raise DataError(other, help=f"use {method}")
        if target is None or not len(target.residuals.errors):
            if target is not None and self.spec.training.keep_residuals:
                message = "the model keeps the errors of held-out rows, which intervals need, only when its training is finished"
                raise DataError(message, help="resume it to its end: mlpkit train SPEC --resume MODEL")
            help = "train with validation rows, and with training.keep_residuals true in the spec (--set training.keep_residuals=true)"
            raise DataError("the model keeps no errors of held-out rows, which intervals need", help=help)
        return target
