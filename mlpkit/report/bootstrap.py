"""Bootstrap of scores: intervals, and differences of models on the same rows. Efron 1979, Annals of Statistics 7, 1-26.

Each replicate draws as many rows with replacement, the same ones for all models. Of many rows a subset is drawn first, and deviations are
scaled by the root of its share, since the error of a score falls with the root of the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.explain.rows import drawn
from mlpkit.plugin import Metric
from mlpkit.report.rows import Measured

REPLICATES = 200
MOST = 1_000  # rows that are drawn from
LEVEL = 0.95

Vector = NDArray[np.float64]


class Interval(NamedTuple):
    """Interval of a score that contains 95 % of its replicates; NaN if it is undefined."""

    low: float
    high: float


class Replicates(NamedTuple):
    """Scores of several models.

    Attributes
    ----------
    scores : list of dict of str to float
        Loss and metrics of each model on all rows.
    deviations : list of dict of str to array, shape (replicates,)
        Differences of replicates from these, which are the same rows for all models.
    """

    scores: list[dict[str, float]]
    deviations: list[dict[str, Vector]]

    def intervals(self, model: int = 0) -> dict[str, Interval]:
        """Return the intervals of the scores of a model by name."""
        scores, deviations = self.scores[model], self.deviations[model]
        return {name: quantile_interval(scores[name] + deviations[name]) for name in scores}

    def difference(self, first: int, second: int, name: str) -> Difference:
        """Return the difference of a score of two models, the second minus the first."""
        value = self.scores[second][name] - self.scores[first][name]
        found = value + self.deviations[second][name] - self.deviations[first][name]
        return Difference(value, quantile_interval(found), p_value(found))


class Difference(NamedTuple):
    """Difference of two scores on the same rows, with its interval and the p-value of no difference."""

    value: float
    interval: Interval
    p: float


def replicates(
    models: Sequence[Measured], metrics: tuple[Metric, ...], *, count: int = REPLICATES, most: int = MOST, seed: int = 0
) -> Replicates:
    """Return scores of models on the same rows, and their deviations over bootstrap replicates of the rows."""
    rows = len(models[0])
    index = drawn(rows, most, seed)
    some = [model if len(index) == rows else model.take(index) for model in models]
    scores = [model.figures(metrics) for model in models]
    centers = scores if len(index) == rows else [model.figures(metrics) for model in some]
    found = [{name: np.empty(count) for name in own} for own in scores]
    rng, shares = np.random.Generator(np.random.PCG64([seed, 1])), np.full(len(index), 1 / len(index))
    for number in range(count):
        times = rng.multinomial(len(index), shares).astype(np.float64)
        for place, model in enumerate(some):
            weights = model.weights * times
            drawn_scores = model.figures(metrics, weights) if weights.any() else dict.fromkeys(scores[place], np.nan)
            for name, value in drawn_scores.items():
                found[place][name][number] = value
    factor = np.sqrt(len(index) / rows)
    with np.errstate(invalid="ignore"):
        return Replicates(
            scores,
            [
                {name: _bounded(own[name], values, (values - center[name]) * factor) for name, values in each.items()}
                for own, center, each in zip(scores, centers, found, strict=True)
            ],
        )


def _bounded(score: float, values: Vector, deviations: Vector) -> Vector:
    """Return deviations that keep a score between 0 and 1 if all of its replicates are there."""
    inside = bool(((values >= 0) & (values <= 1)).all()) and 0 <= score <= 1
    return np.clip(deviations, -score, 1 - score) if inside else deviations


def quantile_interval(values: Vector, level: float = LEVEL) -> Interval:
    """Return the interval that leaves out the same share of the values on both sides; NaN is left out."""
    finite = values[np.isfinite(values)]
    if len(finite) < len(values) / 2:
        return Interval(np.nan, np.nan)
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def p_value(differences: Vector) -> float:
    """Return the two-sided p-value of no difference: twice the share of replicates on the other side of 0, or at 0."""
    finite = differences[np.isfinite(differences)]
    if len(finite) < len(differences) / 2:
        return np.nan
    tail = min((finite <= 0).sum(), (finite >= 0).sum())
    return min(1.0, 2.0 * float(tail + 1) / (len(finite) + 1))
