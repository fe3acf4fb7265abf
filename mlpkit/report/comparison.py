"""Comparison of models on the same rows, with a paired test of the differences of their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.sources import read_once
from mlpkit.errors import DataError
from mlpkit.model.load import load
from mlpkit.model.model import Model
from mlpkit.numerics.counts import check_count
from mlpkit.plugin import Metric, plugin_name
from mlpkit.report.bootstrap import Difference, Interval, Replicates, replicates
from mlpkit.report.rows import ReportRows
from mlpkit.report.subject import metrics_of
from mlpkit.text.shown import counted, shortened
from mlpkit.training.evaluation import choose_metrics

REPLICATES, MOST = 1_000, 2_000
CERTAIN = 0.05  # p-value below which a difference counts
LOSS = "loss"
METHOD = "differences from {name} by a paired bootstrap: better or worse if p < 0.05"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of `mlpkit.compare`.

    Attributes
    ----------
    names : tuple of str
        Models; others are compared with the first.
    rows : int
    scores : tuple of dict of str to float
        Scores of each model by name. The loss is among them if all models have the same one.
    intervals : tuple of dict of str to (float, float)
        Their 95 % intervals.
    differences : tuple of dict of str to Difference
        For each model but the first: its score minus that of the first, with interval and p-value, by a paired bootstrap.
    higher_is_better : dict of str to bool
    """

    names: tuple[str, ...]
    rows: int
    scores: tuple[dict[str, float], ...]
    intervals: tuple[dict[str, Interval], ...]
    differences: tuple[dict[str, Difference], ...]
    higher_is_better: dict[str, bool]

    def verdict(self, model: int, name: str) -> str:
        """Return "better" or "worse" for a model, from 1 on, if its score differs from that of the first with p < 0.05; else empty."""
        value, _, p = self.differences[model - 1][name]
        if not p < CERTAIN or value == 0 or name not in self.higher_is_better:
            return ""
        return "better" if (value > 0) == self.higher_is_better[name] else "worse"

    @property
    def heading(self) -> str:
        """Number of rows, and the test."""
        return f"{counted(self.rows, 'row')}; {METHOD.format(name=shortened(self.names[0], 40))}"

    @property
    def basis(self) -> dict[str, Any]:
        """Number of rows, and the test, as JSON values."""
        return {"rows": self.rows, "test": "paired bootstrap", "replicates": REPLICATES}

    def __str__(self) -> str:
        """Return a table with a line for each score and model."""
        lines: list[tuple[str, ...]] = [("score", "model", "", "95 % interval", "difference", "95 % interval", "p", "")]
        for name in self.scores[0]:
            for model, own in enumerate(self.names):
                lines.append((name if model == 0 else "", shortened(own, 40), *self._cells(model, name)))
        widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
        shown = [
            "  ".join(
                [f"{line[0]:{widths[0]}}", f"{line[1]:{widths[1]}}", *(f"{c:>{w}}" for c, w in zip(line[2:], widths[2:], strict=True))]
            )
            for line in lines
        ]
        return "\n".join([self.heading, *map(str.rstrip, shown)])

    def _cells(self, model: int, name: str) -> tuple[str, ...]:
        score = f"{self.scores[model][name]:.4g}", _interval(self.intervals[model][name])
        if model == 0:
            return (*score, "", "", "", "")
        value, ends, p = self.differences[model - 1][name]
        change, certainty = ("" if math.isnan(each) else format(each, shape) for each, shape in ((value, "+.3g"), (p, ".2g")))
        return (*score, change, _interval(ends), certainty, self.verdict(model, name))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values: None for what is undefined."""
        models = []
        for model, name in enumerate(self.names):
            scores = {
                key: {"value": _finite(value), "interval": _ends(self.intervals[model][key])} for key, value in self.scores[model].items()
            }
            own: dict[str, Any] = {"model": name, "scores": scores}
            if model:
                own["differences"] = {
                    key: {"value": _finite(value), "interval": _ends(ends), "p": _finite(p), "verdict": self.verdict(model, key) or None}
                    for key, (value, ends, p) in self.differences[model - 1].items()
                }
            models.append(own)
        return {**self.basis, "models": models}


def _interval(ends: Interval) -> str:
    return "" if math.isnan(ends.low) else f"{ends.low:.4g} to {ends.high:.4g}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _ends(ends: Interval) -> list[float | None]:
    return [_finite(ends.low), _finite(ends.high)]


def compare(
    models: Sequence[Model | str | Path] | Mapping[str, Model | str | Path],
    rows: Any,
    y: Any = None,
    *,
    metrics: str | Metric | Sequence[str | Metric] = (),
    weights: Any = None,
    weighted: bool = False,
    seed: int = 0,
    allow_large: bool = False,
) -> Comparison:
    """Return the scores of several models on the same rows, and tests of the differences from the first.

    The test is a paired bootstrap: in each of 1,000 replicates all models are scored on the same rows, drawn with replacement, so that rows
    that are hard for all do not hide a difference. It tells of new rows like these, not of other runs of the training. With many scores
    and models, some p-values are small by chance.

    Parameters
    ----------
    models : sequence of Model, str or Path, or mapping of str to these
        At least two models or files of them, with their names; those of a sequence are the file names, or "model 0" and so on.
    rows, y, weights, weighted, allow_large
        The same as for `Model.evaluate`.
    metrics : str, Metric, or sequence of them
        Scores; default: the metrics of the first model's spec and common ones for the task.
    seed : int
        Seed of the replicates.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        There are fewer than two models, they predict different targets, or the rows cannot be used.
    ModelFileError, PluginError
        A file cannot be loaded.

    Examples
    --------
    >>> print(mlpkit.compare(["small.h5", "large.h5"], "test.csv"))     # doctest: +SKIP
    """
    check_count("seed", seed, 0)
    named = dict(models) if isinstance(models, Mapping) else names_of(models)
    if len(named) < 2:
        raise DataError("there are fewer than two models to compare", help="give two or more")
    loaded = {name: model if isinstance(model, Model) else load(model) for name, model in named.items()}
    first = next(iter(loaded.values()))
    rows = read_once(first.spec, rows)
    found = {name: _rows(name, model, rows, y, weights, weighted=weighted, allow_large=allow_large) for name, model in loaded.items()}
    _check_same(found)
    chosen = choose_metrics(metrics, first.encoders[1].task) if metrics else metrics_of(first)
    measured = [each.measured for each in found.values() if each.measured is not None]
    drawn = replicates(measured, chosen, count=REPLICATES, most=MOST, seed=seed)
    return _comparison(tuple(found), len(measured[0]), drawn, chosen, loss=_same_loss(list(loaded.values())))


def _comparison(names: tuple[str, ...], rows: int, drawn: Replicates, metrics: Sequence[Metric], *, loss: bool) -> Comparison:
    shown = [name for name in drawn.scores[0] if loss or name != LOSS]
    better = {LOSS: False} | {plugin_name(metric): metric.higher_is_better for metric in metrics}
    scores = tuple({name: own[name] for name in shown} for own in drawn.scores)
    intervals = tuple({name: own for name, own in drawn.intervals(model).items() if name in shown} for model in range(len(names)))
    differences = tuple({name: drawn.difference(0, model, name) for name in shown} for model in range(1, len(names)))
    return Comparison(names, rows, scores, intervals, differences, {name: better[name] for name in shown})


def names_of(models: Sequence[Any]) -> dict[str, Any]:
    """Return models, or paths of them, by name: that of the file, with its folders if several have the same."""
    files = [Path(model).name for model in models if isinstance(model, (str, Path))]
    named: dict[str, Any] = {}
    for place, model in enumerate(models):
        name = f"model {place}"
        if isinstance(model, (str, Path)):
            name = Path(model).name if files.count(Path(model).name) == 1 else str(model)
        named[name if name not in named else f"{name} ({place})"] = model
    return named


def _rows(name: str, model: Model, rows: Any, y: Any, weights: Any, *, weighted: bool, allow_large: bool) -> ReportRows:
    """Return the predictions of a model. Errors name it."""
    try:
        found = ReportRows(model, rows, y, weights, weighted=weighted, allow_large=allow_large)
    except DataError as error:
        named = [replace(problem, message=f"{name}: {problem.message}") for problem in error.problems]
        raise DataError(f"{name}: {error.message}", help=error.help, problems=named) from error
    if found.measured is None:
        target = ", ".join(map(repr, model.encoders[1].names[:5]))
        raise DataError(f"{name}: the rows have no target {target}", help="give rows with targets, or y in Python")
    return found


def _check_same(found: Mapping[str, ReportRows]) -> None:
    """Raise DataError if models predict different targets, or use different rows."""
    (name, first), *others = found.items()
    for other, rows in others:
        targets, second = first.model.encoders[1], rows.model.encoders[1]
        if targets.task != second.task or len(targets.names) != len(second.names):
            message = f"{name} and {other} predict different targets: {targets.task} and {second.task}"
            raise DataError(message, help="compare models of the same target")
        if len(first) != len(rows):
            message = (
                f"{name} uses {counted(len(first), 'row')} and {other} {len(rows):,}: their specs read missing values in different ways"
            )
            raise DataError(message, help="remove the rows without a target, or with a weight of 0")
        if not np.array_equal(_targets(first), _targets(rows)):
            raise DataError(f"{name} and {other} read different targets from the rows", help="compare models of the same target")


def _targets(rows: ReportRows) -> Any:
    """Return the targets of rows: classes as texts, so that models may have them in other orders."""
    measured, classes = rows.measured, rows.model.classes
    assert measured is not None
    return measured.values if classes is None else classes.astype(str)[measured.values]


def _same_loss(models: Sequence[Model]) -> bool:
    """Return True if the losses of all models are the same function of the same targets."""
    first, *others = models
    own = first.encoders[1]
    return all(
        other.spec.loss == first.spec.loss
        and other.spec.data.target_weights == first.spec.data.target_weights
        and np.array_equal(other.encoders[1].center, own.center)
        and np.array_equal(other.encoders[1].scale, own.scale)
        for other in others
    )
