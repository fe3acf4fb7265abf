"""Comparison of cross-validations: scores of several specs on the same folds, with a paired test of their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.cross_validation.result import FACTS, CrossValidation
from mlpkit.data.column_types import numbers, texts
from mlpkit.data.readers import read_table
from mlpkit.errors import DataError, PluginError
from mlpkit.numerics.student_t import critical, two_sided
from mlpkit.plugin import REGISTRIES
from mlpkit.report.bootstrap import LEVEL, Difference, Interval
from mlpkit.report.comparison import LOSS, Comparison, names_of
from mlpkit.text.shown import counted, shortened

METHOD = "differences from {name} by a paired t-test, corrected for shared training rows: better or worse if p < 0.05"
PAIRS = ("repeat", "fold", "held_out", "digest")  # which are equal for the same folds

Scores = dict[str, NDArray[np.float64]]


class FoldComparison(Comparison):
    """Result of `mlpkit.compare_folds`; scores are means over the folds, whose number is `rows`."""

    @property
    def heading(self) -> str:
        """Number of folds, and the test."""
        return f"{counted(self.rows, 'fold')}; {METHOD.format(name=shortened(self.names[0], 40))}"

    @property
    def basis(self) -> dict[str, Any]:
        """Number of folds, and the test, as JSON values."""
        return {"folds": self.rows, "test": "paired t-test, corrected for shared training rows"}


class _Folds(NamedTuple):
    """Folds of one cross-validation: their facts, and the scores by name."""

    facts: dict[str, list[str]]
    scores: Scores

    @property
    def shares(self) -> NDArray[np.float64]:
        """Number of held-out rows by that of training rows, of each fold."""
        return np.array(self.facts["held_out"], np.float64) / np.array(self.facts["training"], np.float64)


def compare_folds(
    runs: Sequence[CrossValidation | str | Path] | Mapping[str, CrossValidation | str | Path], *, metrics: str | Sequence[str] = ()
) -> FoldComparison:
    """Return the mean scores of several specs on the same folds, and tests of the differences from the first.

    The test is a paired t-test over the folds. Folds share training rows, so the variance of a mean over k folds is taken as 1/k plus the
    number of held-out rows by that of training rows, times the variance between folds (Nadeau and Bengio 2003, Machine Learning 52,
    239-281). The loss is left out, since specs may have different ones.

    Parameters
    ----------
    runs : sequence of CrossValidation, str or Path, or mapping of str to these
        At least two results of `cross_validate`, or tables of `mlpkit cv --scores`, with their names.
    metrics : str or sequence of str
        Names of scores; default: all that the tables have in common.

    Returns
    -------
    FoldComparison

    Raises
    ------
    DataError
        There are fewer than two runs, they have other folds or no common score, or a file is no such table.

    Examples
    --------
    >>> print(mlpkit.compare_folds(["small.csv", "large.csv"]))     # doctest: +SKIP
    """
    named = dict(runs) if isinstance(runs, Mapping) else names_of(runs)
    if len(named) < 2:
        raise DataError("there are fewer than two cross-validations to compare", help="give two or more")
    found = {name: _folds(run) for name, run in named.items()}
    _check_same_folds(found)
    first, *others = found.values()
    names = _common(found, [metrics] if isinstance(metrics, str) else list(metrics))
    scores = tuple({name: float(own.scores[name].mean()) for name in names} for own in found.values())
    tests = [{name: _test(own.scores[name], own.shares) for name in names} for own in found.values()]
    differences = tuple({name: _test(own.scores[name] - first.scores[name], first.shares) for name in names} for own in others)
    intervals = tuple({name: test.interval for name, test in own.items()} for own in tests)
    return FoldComparison(tuple(found), len(first.shares), scores, intervals, differences, _directions(names))


def _test(values: NDArray[np.float64], shares: NDArray[np.float64]) -> Difference:
    """Return the mean of a score, or of a difference, over the folds, with its interval and the p-value of a mean of 0."""
    count, mean = len(values), float(values.mean())
    if count < 2 or not np.isfinite(values).all():
        return Difference(mean, Interval(np.nan, np.nan), np.nan)
    error = math.sqrt((1 / count + float(shares.mean())) * float(values.var(ddof=1)))
    reach = critical(LEVEL, count - 1) * error
    p = two_sided(mean / error, count - 1) if error else float(mean == 0)
    return Difference(mean, Interval(mean - reach, mean + reach), p)


def _folds(run: CrossValidation | str | Path) -> _Folds:
    """Return the folds of a result or of its table. Raise DataError if it has none."""
    if isinstance(run, CrossValidation):
        columns, source = {name: np.array(values) for name, values in run.table.items()}, "the cross-validation"
    else:
        table, source = read_table(run), str(run)
        if missing := [name for name in FACTS if name not in table]:
            help = "give tables that mlpkit cv --scores FILE has written, or models and then rows"
            raise DataError(f"{source} is no table of a cross-validation: it has no column {missing[0]!r}", help=help)
        columns = {name: texts(table, name) if name in FACTS else numbers(table, name) for name in table.names}
    if not len(columns["fold"]):
        raise DataError(f"{source} has no finished fold", help="let the cross-validation come to its end")
    facts = {name: [str(value) for value in columns[name]] for name in FACTS}
    return _Folds(facts, {name: np.asarray(values, np.float64) for name, values in columns.items() if name not in FACTS})


def _check_same_folds(found: Mapping[str, _Folds]) -> None:
    """Raise DataError if the rows that are held out differ."""
    (name, first), *others = found.items()
    for other, own in others:
        if any(own.facts[key] != first.facts[key] for key in PAIRS):
            help = 'use the same data, -k, --repeats and "seed", or give both specs the same "data": {"split": {"seed": ...}}'
            raise DataError(f"{name} and {other} have other folds, so they cannot be compared in pairs", help=help)


def _common(found: Mapping[str, _Folds], wanted: list[str]) -> list[str]:
    """Return the names of scores that all have. Raise DataError if there is none, or if a wanted one is missing."""
    known = [name for name in next(iter(found.values())).scores if name != LOSS and all(name in own.scores for own in found.values())]
    if wrong := [name for name in wanted if name not in known] or ([] if known else ["a score other than the loss"]):
        help = f"use one of {', '.join(known)}" if known else 'give the specs the same "metrics"'
        raise DataError(f"not all of the tables have {wrong[0]}", help=help)
    return wanted or known


def _directions(names: list[str]) -> dict[str, bool]:
    """Return True for the scores of which higher is better; those of metrics that are not installed are left out."""
    found = {}
    for name in names:
        with suppress(PluginError):
            found[name] = REGISTRIES["metrics"].get(name).higher_is_better
    return found
