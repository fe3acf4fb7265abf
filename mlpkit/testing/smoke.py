"""Check `runs`: user code raises no error, which is tested before all other calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpkit.errors import MLPKitError
from mlpkit.plugin import Activation, Initializer, Loss, Metric, Minimizer, Optimizer, Plugin, Reader, Schedule
from mlpkit.plugin.fixed_activation import fixed
from mlpkit.plugin.single_output import single_output
from mlpkit.testing import activation_cases, loss_cases, metric_cases, optimizers
from mlpkit.testing.cases import case_of
from mlpkit.testing.engine import trained
from mlpkit.testing.initializers import SHAPES, filled
from mlpkit.testing.outputs import answer, wide_answer
from mlpkit.testing.schedules import lengths, places, rate_at
from mlpkit.testing.trajectories import Quadratic, Walk, rate_of

DTYPES = ("float32", "float64")
USER_CODE_FAILS = "user code raises an error: see runs"


def runs(plugin: Plugin) -> None:
    """Check that no error is raised for arrays of all required shapes and sizes, nor in training."""
    if isinstance(plugin, Reader):  # readers compute nothing, and have their own checks
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's warnings, whose causes other checks report
        answer(plugin)
        EVERYWHERE[plugin.kind](plugin)
        wide_answer(plugin)
        try:
            trained(case_of(plugin).training(epochs=1))
        except MLPKitError as error:
            if isinstance(error.__cause__, Exception) and not isinstance(error.__cause__, MLPKitError):
                raise error.__cause__ from None


def _activation(activation: Activation) -> None:
    rule = activation_cases.rule_of(fixed(activation))
    for number, shape in enumerate(((0, 3), *activation_cases.SHAPES)):
        rule.at(activation_cases.of_size(shape, 1.0).astype(DTYPES[number % 2]))


def _loss(loss: Loss) -> None:
    one = single_output(loss)
    for rule in loss_cases.rules_of(one):
        for number, shape in enumerate(((0, 3), *loss_cases.SHAPES)):
            rule.at(loss_cases.of_size(one, rule, shape).astype(DTYPES[number % 2]))


def _optimizer(optimizer: Optimizer) -> None:
    for shape in optimizers.shapes_of(optimizer):
        for dtype in DTYPES if np.prod(shape) < 100 else DTYPES[:1]:
            Walk(optimizer, Quadratic(shape, dtype)).go(
                optimizer, range(1, 2 if isinstance(optimizer, Minimizer) else 4), rate_of(optimizer)
            )


def _initializer(initializer: Initializer) -> None:
    for shape in SHAPES:
        filled(initializer, shape, dtype="float32")


def _schedule(schedule: Schedule) -> None:
    for place in places(lengths(schedule)):
        rate_at(schedule, *place)


def _metric(metric: Metric) -> None:
    found = [metric_cases.data(metric, columns) for columns in metric_cases.EVERY[metric.task]]
    for case in (*found, *(case for _, case in metric_cases.special(metric))):
        if not metric_cases.refused(metric, case):
            metric.compute(*[array.copy() for array in case])


EVERYWHERE: dict[str, Callable[[Any], None]] = {
    "activations": _activation,
    "losses": _loss,
    "optimizers": _optimizer,
    "initializers": _initializer,
    "schedules": _schedule,
    "metrics": _metric,
}
