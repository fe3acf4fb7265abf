"""Metrics of a model: which fit its task, and their values on its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES, Array, Metric
from mlpkit.preprocessing import TargetEncoder
from mlpkit.spec.parts import plugin_name

USUAL = {"classification": ("accuracy", "log_loss"), "regression": ("rmse", "mae", "r2"), "multilabel": ()}


def choose_metrics(metrics: str | Metric | Sequence[str | Metric], task: str) -> tuple[Metric, ...]:
    """Metric objects from names or objects, the usual ones for the task when there are none.

    Raises
    ------
    MissingPlugin
        A name means nothing.
    SpecError
        One does not fit the task.
    """
    named = (metrics,) if isinstance(metrics, (str, Metric)) else metrics
    registry = REGISTRIES["metrics"]
    chosen = tuple(registry.get(metric)() if isinstance(metric, str) else metric for metric in named or USUAL[task])
    check_metrics(chosen, task)
    return chosen


def check_metrics(metrics: Sequence[Metric], task: str) -> None:
    """Raise SpecError for metrics that do not fit the task."""
    wrong = [metric for metric in metrics if metric.task != task]
    if wrong:
        names = ", ".join(plugin_name(metric) for metric in wrong)
        known = [info.name for info in REGISTRIES["metrics"].installed() if REGISTRIES["metrics"].get(info.full_name).task == task]
        raise SpecError.at("metrics", f"the task is {task}, which {names} cannot measure", f"these can: {', '.join(known) or 'none'}")


def measure(
    metrics: Sequence[Metric], target: TargetEncoder, outputs: Array, values: NDArray[Any], weights: Array | None
) -> dict[str, float]:
    """Metrics by name, on a network's outputs of shape (rows, units) and targets in the units of the data."""
    scores = target.scores(outputs)
    ones = np.ones(len(scores)) if weights is None else weights.astype(np.float64)
    return {plugin_name(metric): metric.compute(scores, values, ones) for metric in metrics}
