"""Task, classes and metrics of a drafted spec: by the target's values, or as `mlpkit init --task` and `--metric` ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlpkit.cli.category_treatment import LABELS
from mlpkit.errors import DataError

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.preprocessing.labels import Labels, TargetType

AskedTask = Literal["classification", "regression"]
MOST_CLASSES = 20  # integers are classes if there are at most this many different ones
ROWS_PER_CLASS = 10  # and each has at least this many rows on average
OTHER = "choose another column with --target"


def target_classes(table: Table, target: str, task: AskedTask | None = None) -> list[Any] | None:
    """Return the classes of the target, or None if it is a number.

    Raises
    ------
    DataError
        The target is constant, is a text that differs in nearly every row, or does not fit the task.
    """
    import numpy as np

    from mlpkit.data.column_types import column_kind, numbers
    from mlpkit.preprocessing.labels import TARGET_ADVICE, find_classes

    if table[target].ndim == 2:
        help = f"{OTHER}, or write a spec by hand"
        raise DataError(f"the column {target!r} has {table[target].shape[1]} values per row", help=help)
    kind = column_kind(table, target, advice=TARGET_ADVICE)
    if kind == "category" or (kind == "boolean" and task != "regression"):
        classes = find_classes(table, target)
        if task == "regression":
            raise DataError(f"the target {target!r} has texts such as {classes.tolist()[0]!r}, which are no numbers", help=OTHER)
        if len(classes) > max(LABELS, table.rows // 2):
            message = f"the column {target!r} has {len(classes)} different texts in {table.rows} rows, which are row names and not classes"
            raise DataError(message, help=OTHER)
        return list(classes.tolist())
    values = np.unique(numbers(table, target, advice=TARGET_ADVICE))
    if len(values) < 2:
        raise DataError(f"the target {target!r} is {values[0]:g} in every row, so there is nothing to learn", help=OTHER)
    if task == "classification":
        return _asked_classes(table, target, len(values))
    few = len(values) <= max(2, min(MOST_CLASSES, table.rows // ROWS_PER_CLASS))
    whole = bool((values == np.floor(values)).all())
    return list(find_classes(table, target).tolist()) if task is None and few and whole else None


def _asked_classes(table: Table, target: str, found: int) -> list[Any]:
    """Return numbers as classes. Raise DataError if they are too many."""
    from mlpkit.preprocessing.labels import find_classes

    if found > max(LABELS, table.rows // ROWS_PER_CLASS):
        message = f"the target {target!r} has {found} different numbers in {table.rows} rows, which are too many to be classes"
        raise DataError(message, help="leave --task out to predict the number, or put it into a few bins")
    return list(find_classes(table, target, "class").tolist())


def found_classes(table: Table, target: str, classes: list[Any]) -> Labels:
    """Return the classes of a target as an array; see `find_classes`."""
    from mlpkit.preprocessing.labels import find_classes

    return find_classes(table, target, _target_type(table, target, classes))


def _target_type(table: Table, target: str, classes: list[Any]) -> TargetType:
    """Return the `data.target_type` that classes need: numbers with a fraction, and numbers with a unit, are none otherwise."""
    return "class" if any(isinstance(label, float) for label in classes) else "text" if target in table.units else "auto"


def target_keys(table: Table, target: str, classes: list[Any] | None, task: AskedTask | None) -> dict[str, Any]:
    """Return the keys of `data` that hold a target to its task, and the positive class by its word."""
    from mlpkit.data.boolean_words import truth
    from mlpkit.data.column_types import column_kind

    if classes is None:
        return {"target_type": "number"} if task == "regression" and column_kind(table, target) == "boolean" else {}
    kind = _target_type(table, target, classes)
    keys: dict[str, Any] = {} if kind == "auto" else {"target_type": kind}
    texts = [label for label in classes if isinstance(label, str)]
    positive = truth(texts) if len(texts) == len(classes) else None
    return keys | ({"positive": positive} if positive is not None and positive != classes[-1] else {})


def with_metric(keys: Mapping[str, Any], name: str, classes: list[Any] | None) -> dict[str, Any]:
    """Return keys of a spec with a metric as the first one, which early stopping monitors.

    Raises
    ------
    DataError
        There is no such metric, or it is one of another task.
    """
    from mlpkit.errors import PluginError
    from mlpkit.plugin import REGISTRIES, plugin_name

    registry, task = REGISTRIES["metrics"], "regression" if classes is None else "classification"
    fitting = [one for one in registry.builtins if registry.get(one).task == task]
    help = f"use one of {', '.join(fitting)}"
    try:
        metric: Any = registry.get(name)()
    except PluginError as error:
        raise DataError(f"there is no metric {name!r}", help=help) from error
    if metric.task != task:
        raise DataError(f"the metric {name!r} is one of {metric.task}, but the task is {task}", help=help)
    chosen = plugin_name(metric)
    training = dict(keys.get("training", {}))
    if "preset" in keys and training.get("early_stopping", {}) is not None:  # there are validation rows
        training["early_stopping"] = {"monitor": chosen}
    return {**keys, "training": training, "metrics": [chosen, *(one for one in keys["metrics"] if one != chosen)]}
