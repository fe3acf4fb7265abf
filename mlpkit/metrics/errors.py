"""Metrics of numbers from the difference or the ratio of outputs and targets, averaged over targets."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.weighted import quantile
from mlpkit.plugin import Array, Metric, Targets, Task

EPSILON = np.finfo(np.float64).eps


class _Error(Metric):
    """Metric of numbers for which lower is better."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"


def _mean(errors: Array, weights: Array) -> float:
    return float(np.average(errors, axis=0, weights=weights).mean())


class MedianAbsoluteError(_Error):
    """Median of |outputs - targets|, in units of the target. scikit-learn's median_absolute_error."""

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(quantile(np.abs(outputs - targets), 0.5, weights).mean())


class MeanAbsolutePercentageError(_Error):
    """Mean absolute percentage error mean(|outputs - targets| / max(|targets|, 2.2e-16)), as a fraction: 0.1 is 10 percent.

    scikit-learn's mean_absolute_percentage_error. In Keras it is 100 times as large. Large where a target is close to 0.
    """

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return _mean(np.abs(outputs - targets) / np.maximum(np.abs(targets), EPSILON), weights)


class SymmetricMeanAbsolutePercentageError(_Error):
    """Symmetric mean absolute percentage error mean(2 |outputs - targets| / (|outputs| + |targets|)), from 0 to 2; 0/0 is 0.

    Makridakis 1993.
    """

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        size = np.abs(outputs) + np.abs(targets)
        return _mean(2.0 * np.divide(np.abs(outputs - targets), size, out=np.zeros_like(size), where=size > 0), weights)


def _squared_logarithmic(outputs: Array, targets: Targets) -> Array:
    errors: Array = (np.log1p(np.maximum(outputs, 0.0)) - np.log1p(np.maximum(targets, 0.0))) ** 2
    return errors


class MeanSquaredLogarithmicError(_Error):
    """Mean squared logarithmic error mean((log(1 + outputs) - log(1 + targets))^2), for numbers that are not negative.

    A number below 0 counts as 0, as in Keras; scikit-learn's mean_squared_log_error refuses it below -1.
    """

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return _mean(_squared_logarithmic(outputs, targets), weights)


class RootMeanSquaredLogarithmicError(_Error):
    """Root of the mean squared logarithmic error of each target; see `msle`. scikit-learn's root_mean_squared_log_error."""

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.sqrt(np.average(_squared_logarithmic(outputs, targets), axis=0, weights=weights)).mean())


class MaxError(_Error):
    """Largest |outputs - targets| of the rows whose weight is not 0, in units of the target. scikit-learn's max_error."""

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.abs(outputs - targets)[weights > 0].max(axis=0).mean())


class Pinball(_Error):
    """Pinball loss mean(max(q d, (q - 1) d)) with d = targets - outputs, lowest for the quantile q. Koenker & Bassett 1978.

    scikit-learn's mean_pinball_loss, with alpha = q.
    """

    quantile: float = Field(0.5, ge=0, le=1, description="quantile that the outputs predict")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        difference = targets - outputs
        return _mean(np.maximum(self.quantile * difference, (self.quantile - 1.0) * difference), weights)


class MeanPoissonDeviance(_Error):
    """Mean Poisson deviance 2 mean(y log(y / m) - y + m) of targets y and outputs m. scikit-learn's mean_poisson_deviance.

    Outputs below 2.2e-16 count as 2.2e-16, and targets below 0 as 0; scikit-learn refuses them.
    """

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        m, y = np.maximum(outputs, EPSILON), np.maximum(targets, 0.0)
        return _mean(2.0 * (y * np.log(np.where(y > 0, y, m) / m) - y + m), weights)


class MeanGammaDeviance(_Error):
    """Mean gamma deviance 2 mean(log(m / y) + y / m - 1) of targets y and outputs m. scikit-learn's mean_gamma_deviance.

    Numbers below 2.2e-16 count as 2.2e-16; scikit-learn refuses those below 0, and 0.
    """

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        m, y = np.maximum(outputs, EPSILON), np.maximum(targets, EPSILON)
        return _mean(2.0 * (np.log(m / y) + y / m - 1.0), weights)


class MeanTweedieDeviance(_Error):
    """Mean Tweedie deviance of targets y and outputs m for a power 1 < p < 2. scikit-learn's mean_tweedie_deviance.

    2 mean(y^(2-p) / ((1-p)(2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p)). Outputs below 2.2e-16 count as 2.2e-16, and targets below 0 as 0;
    scikit-learn refuses them. For the power 1 see `mean_poisson_deviance`, for 2 `mean_gamma_deviance`.
    """

    power: float = Field(1.5, gt=1, lt=2, description="power p of the mean to which the variance is proportional")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        m, y, p = np.maximum(outputs, EPSILON), np.maximum(targets, 0.0), self.power
        return _mean(2.0 * (y ** (2 - p) / ((1 - p) * (2 - p)) - y * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p)), weights)
