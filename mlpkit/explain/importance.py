"""Permutation importance: how much worse a model predicts when the values of one raw column are shuffled among the rows.

Breiman 2001, Random forests, Machine Learning 45, 5-32; Fisher, Rudin & Dominici 2019, 1801.01489. Shuffling the values of a raw column is
shuffling all inputs that it becomes together, since each is encoded by itself; so rows are encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.dataset import Dataset
from mlpkit.errors import DataError
from mlpkit.explain.raw_columns import RawColumn, raw_columns, varying
from mlpkit.explain.rows import MOST, draw_labelled, drawn, open_rows, taken
from mlpkit.model.model import Model
from mlpkit.numerics.counts import check_count
from mlpkit.plugin import Array, Metric, plugin_name
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.labelled import Labelled
from mlpkit.text.shown import shortened

CHANGE = "change"
REPEATS = 5
LONGEST = 40  # characters of a name in a table

Vector = NDArray[np.float64]


def finite_list(values: Vector) -> list[float | None]:
    """Return numbers as JSON values: None for infinity and NaN."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


@dataclass(frozen=True, eq=False)
class Importance:
    """Result of `mlpkit.importance`.

    Attributes
    ----------
    columns : tuple of str
        Raw columns, in the order of the training table.
    values : array, shape (columns, repeats)
        Increase of the loss or decrease of the score (increase, if lower is better) for each shuffling.
    measure : str
        "loss", "change" or the name of a metric.
    score : float
        Its value on the rows as they are; 0 for "change".
    rows, of : int
        Number of rows, and of those that they were drawn from.
    """

    columns: tuple[str, ...]
    values: Vector
    measure: str
    score: float
    rows: int
    of: int

    @property
    def mean(self) -> Vector:
        """Mean over the repeats, shape (columns,)."""
        with np.errstate(all="ignore"):  # predictions may overflow
            return np.asarray(self.values.mean(axis=1))

    @property
    def error(self) -> Vector:
        """Standard error of the mean over the repeats, shape (columns,); NaN for a single repeat."""
        repeats = self.values.shape[1]
        with np.errstate(all="ignore"):
            return self.values.std(axis=1, ddof=1) / np.sqrt(repeats) if repeats > 1 else np.full(len(self.values), np.nan)

    @property
    def order(self) -> list[int]:
        """Indices of the columns from the most to the least important."""
        return [int(index) for index in np.argsort(-self.mean, kind="stable")]

    def __str__(self) -> str:
        """Return the columns with their means and errors, the most important first."""
        width = max((len(shortened(name, LONGEST)) for name in self.columns), default=0)
        mean, error = self.mean, self.error
        lines = [f"{shortened(self.columns[index], LONGEST):{width}}  {mean[index]:.4g} ± {error[index]:.2g}" for index in self.order]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values, the most important column first; None for what is not finite or not known."""
        mean, error, values = (finite_list(each) for each in (self.mean, self.error, self.values.ravel()))
        repeats = self.values.shape[1]
        columns = [
            {
                "column": self.columns[index],
                "importance": mean[index],
                "error": error[index],
                "repeats": values[index * repeats : (index + 1) * repeats],
            }
            for index in self.order
        ]
        return {
            "measure": self.measure,
            "score": finite_list(np.array([self.score]))[0],
            "rows": self.rows,
            "of": self.of,
            "columns": columns,
        }


def importance(
    model: Model,
    rows: Any,
    y: Any = None,
    *,
    metric: str | Metric = "loss",
    repeats: int = REPEATS,
    most: int = MOST,
    seed: int = 0,
    weights: Any = None,
    weighted: bool | None = None,
    allow_large: bool = False,
) -> Importance:
    """Return the permutation importance of each raw column: how much worse the model predicts when its values are shuffled.

    A category, a date or a block of named values is one column; each value of an array without names is one. Columns that say the same
    can replace each other, so that each of them seems unimportant.

    Parameters
    ----------
    model : Model
    rows : as for `Model.evaluate`
    y : array, optional
        Targets, if the rows do not contain them.
    metric : str or Metric
        "loss", a metric, or "change": the mean absolute change of the prediction, which needs no targets. It is in the units of the target,
        of several targets in units of their scaling; of probabilities it is half the sum over the classes, or the mean over the labels.
    repeats : int
        Number of shufflings of each column.
    most : int
        Largest number of rows; of more rows as many are drawn.
    seed : int
        Seed of the drawing and of the shuffling.
    weights, weighted, allow_large
        The same as for `Model.evaluate`.

    Returns
    -------
    Importance

    Raises
    ------
    DataError
        The rows cannot be used, or the metric is undefined on them.
    SpecError, PluginError
        The metric is unknown, or does not fit the task.

    Examples
    --------
    >>> print(mlpkit.importance(model, "rows.csv"))      # doctest: +SKIP
    bill_length_mm     0.6912 ± 0.012
    flipper_length_mm  0.2204 ± 0.0041
    """
    check_count("repeats", repeats)
    check_count("most", most)
    check_count("seed", seed, 0)
    if metric == CHANGE:
        if y is not None or weights is not None or weighted:
            raise DataError("the change of the prediction needs neither targets nor weights", help="leave them out, or use another metric")
        table, encoder = open_rows(model, rows, allow_large=allow_large), model.encoders[0]
        inputs = encoder.encode(taken(encoder, table, drawn(table.rows, most, seed)), model.spec.dtype)
        return change_importance(model, inputs, table.rows, repeats=repeats, seed=seed)
    found = draw_labelled(model, rows, y, weights, weighted=weighted, most=most, seed=seed, allow_large=allow_large)
    return measured_importance(model, found.labelled, found.of, metric, repeats=repeats, seed=seed)


def measured_importance(
    model: Model,
    labelled: Labelled,
    of: int,
    metric: str | Metric = "loss",
    *,
    repeats: int,
    seed: int,
    only: Sequence[int] | None = None,
) -> Importance:
    """Return the importance of all or some raw columns on encoded rows, which are some of `of`; see `importance`."""
    assert isinstance(labelled.data, Dataset)
    worsening, name, score = _worsening(model, labelled, metric)
    if np.isnan(score):
        help = "give rows with different targets, or use the loss"
        raise DataError(f"{name} cannot be computed on these rows, so there is no importance by it", help=help)
    return shuffled(_some(model, only), labelled.data.inputs, worsening, (name, score), repeats=repeats, of=of, seed=seed)


def change_importance(model: Model, inputs: Array, of: int, *, repeats: int, seed: int, only: Sequence[int] | None = None) -> Importance:
    """Return the importance of all or some raw columns by the change of the prediction for encoded inputs, some of `of` rows."""
    return shuffled(_some(model, only), inputs, _changes(model, inputs), (CHANGE, 0.0), repeats=repeats, of=of, seed=seed)


def _some(model: Model, only: Sequence[int] | None) -> Sequence[RawColumn]:
    """Return all raw columns, or some by their numbers."""
    columns = raw_columns(model.encoders[0])
    return columns if only is None else [columns[number] for number in only]


def shuffled(
    columns: Sequence[RawColumn],
    inputs: Array,
    worsening: Callable[[Array], float],
    measured: tuple[str, float],
    *,
    repeats: int,
    of: int,
    seed: int,
) -> Importance:
    """Return the importance of columns by a function of encoded inputs that is larger for worse predictions, and 0 for the given ones."""
    values, some = np.zeros((len(columns), repeats)), inputs.copy()
    for number, (column, varies) in enumerate(zip(columns, varying(columns, inputs), strict=True)):
        if not varies:  # the same prediction in any order
            continue
        for repeat, order in enumerate(_orders(len(inputs), repeats, seed, number)):
            some[:, column.encoded] = inputs[order[:, None], column.encoded]
            values[number, repeat] = worsening(some)
        some[:, column.encoded] = inputs[:, column.encoded]
    return Importance(tuple(column.name for column in columns), values, *measured, len(inputs), of)


def _orders(rows: int, repeats: int, seed: int, column: int) -> Iterator[NDArray[np.intp]]:
    """Yield permutations that do not depend on the other columns."""
    rng = np.random.Generator(np.random.PCG64([seed, column]))
    for _ in range(repeats):
        yield rng.permutation(rows)


def _worsening(model: Model, labelled: Labelled, metric: str | Metric) -> tuple[Callable[[Array], float], str, float]:
    """Return a function from encoded inputs to the increase of the loss, or to how much worse a metric is; its name, and the score."""
    from mlpkit.training.evaluation import choose_metrics

    data = labelled.data
    metrics = () if metric == "loss" else choose_metrics([_own(model, metric)], model.encoders[1].task)
    name = plugin_name(metrics[0]) if metrics else "loss"
    sign = -1.0 if metrics and metrics[0].higher_is_better else 1.0

    def score(inputs: Array) -> float:
        loss, _, measured = model.measure(Labelled(Dataset(inputs, data.targets, data.weights), labelled.values), metrics)
        return measured[name] if metrics else loss

    assert isinstance(data, Dataset)
    first = score(data.inputs)

    def worsening(inputs: Array) -> float:
        return sign * float(np.subtract(score(inputs), first)) if np.isfinite(first) else float("nan")

    return worsening, name, first


def _own(model: Model, metric: str | Metric) -> str | Metric:
    """Return the metric of the model's spec with a name, and so with its options, or the given one."""
    from mlpkit.plugin import REGISTRIES

    if not isinstance(metric, str):
        return metric
    registry = REGISTRIES["metrics"]
    full_name = registry.find(metric).full_name
    return next((own for own in model.spec.metrics if registry.info(type(own)).full_name == full_name), metric)


def _changes(model: Model, inputs: Array) -> Callable[[Array], float]:
    """Return a function from encoded inputs to the mean absolute change of the prediction."""
    before, target = model.scores(inputs), model.encoders[1]
    return lambda other: float(np.mean(_distance(model.scores(other) - before, target)))


def _distance(difference: Vector, target: TargetEncoder) -> Vector:
    """Return the size of the change of each row's prediction."""
    size = np.abs(difference)
    if target.task == "classification":
        return np.asarray(size.sum(axis=1) / 2)
    if target.task == "regression" and len(target.names) > 1:
        size = size / np.abs(target.scale)
    return np.asarray(size.mean(axis=1))
