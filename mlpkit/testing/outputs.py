"""Results of a plugin for many kinds of arguments, to be compared between calls and objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlpkit.plugin import Activation, Array, Initializer, Loss, Metric, Minimizer, Optimizer, Plugin
from mlpkit.plugin.fixed_activation import fixed
from mlpkit.plugin.single_output import single_output
from mlpkit.testing import activation_cases, loss_cases, metric_cases, readers
from mlpkit.testing.initializers import accepted, filled
from mlpkit.testing.row_checks import Sample
from mlpkit.testing.schedules import lengths, places, rate_at
from mlpkit.testing.trajectories import Quadratic, Valley, Walk, driven, rate_of, shape_of, walked

LEVELS = (1.0, 1.0, 1.0, 30.0, 30.0, *(0.01,) * 12, 0.0, 1.0, -1.0, 1e4, *(1e-3,) * 12, 1e-6, 1.0)  # scales of a sequence of gradients
SHAPES = ((6, 4), (4,), (80, 70), (3, 410), (50, 3))
RUNS = (1, 3, 20, 100, 1000)


def answer(plugin: Plugin) -> list[Array]:
    """Return the results for a few ordinary arguments, with the plugin's warnings."""
    ordinary: dict[str, Callable[[Any], list[Array]]] = {
        "activations": _of_activation,
        "losses": _of_loss,
        "optimizers": _of_optimizer,
        "initializers": lambda each: _filled(each, accepted(each)),
        "schedules": lambda each: [np.array([rate_at(each, *place) for place in places()], "float64")],
        "metrics": lambda each: [np.array([each.compute(*metric_cases.data(each))], "float64")],
        "readers": readers.answer,
    }
    return ordinary[plugin.kind](plugin)


def wide_answer(plugin: Plugin) -> list[Array]:
    """Return the results for many kinds of arguments, including those for which rarely used options matter."""
    wide: dict[str, Callable[[Any], list[Array]]] = {
        "activations": _activation_widely,
        "losses": _loss_widely,
        "optimizers": _optimizer_widely,
        "initializers": lambda each: _filled(each, dict.fromkeys([*accepted(each), *SHAPES])),
        "schedules": lambda each: [np.array([rate_at(each, *place) for place in places(lengths(each, RUNS))], "float64")],
        "metrics": _metric_widely,
        "readers": lambda each: [],
    }
    with np.errstate(all="ignore"):
        return [*answer(plugin), *wide[plugin.kind](plugin)]


def _of_activation(plugin: Activation) -> list[Array]:
    activation = fixed(plugin)
    z = activation_cases.preactivations(activation, (6, 4))
    return [activation_cases.forward(activation, z), activation_cases.backward(activation, z, activation_cases.upstream(z.shape))]


def _activation_widely(activation: Activation) -> list[Array]:
    rule = activation_cases.rule_of(fixed(activation))
    column = activation_cases.grid()[::4]
    block = np.resize(column, (len(column) // 5, 5))
    samples = [activation_cases.uneven(), *(Sample(z, np.ones_like(z)) for z in (column, block))]
    return [array for sample in samples for array in rule.at(sample)]


def _of_loss(plugin: Loss) -> list[Array]:
    loss = single_output(plugin)
    return [array for rule in loss_cases.rules_of(loss) for array in rule.compute(*loss_cases.of_size(loss, rule, (7, 3))[:2])]


def _loss_widely(plugin: Loss) -> list[Array]:
    loss, found = single_output(plugin), list[Array]()
    for rule in loss_cases.rules_of(loss):
        sizes = [loss_cases.of_size(loss, rule, (9, units), size) for units in (1, 4) for size in loss_cases.SIZES]
        for sample in (*sizes, loss_cases.uneven(loss, rule), *(each for _, each in loss_cases.special(loss) if rule.points == "outputs")):
            found += rule.at(sample)
    return found


def _of_optimizer(optimizer: Optimizer) -> list[Array]:
    walk = walked(optimizer, 3)
    return [walk.w, *walk.state]


def _optimizer_widely(optimizer: Optimizer) -> list[Array]:
    if isinstance(optimizer, Minimizer):
        valley = Walk(optimizer, Valley(10))
        valley.go(optimizer, range(1, 5), rate_of(optimizer))
        bowl = Walk(optimizer, Quadratic((300,)))
        bowl.go(optimizer, range(1, 4), rate_of(optimizer))
        return [valley.w, *valley.state, np.array([valley.done]), bowl.w, np.array([bowl.done])]
    found = []
    for shape in (shape_of(optimizer), *([(5,), (1, 4)] if optimizer.scope == "tensor" else [])):
        rng = np.random.default_rng(12)
        w, gradients = rng.standard_normal(shape), [level * rng.standard_normal(shape) for level in LEVELS]
        found += [driven(optimizer, w, gradients[:count], rate) for count, rate in ((2, 0.01), (len(LEVELS), 0.01), (8, 1.0))]
    return found


def _filled(initializer: Initializer, shapes: Iterable[tuple[int, ...]]) -> list[Array]:
    arrays = [filled(initializer, shape) for shape in shapes]
    return [array for array in arrays if array is not None]


def _metric_widely(metric: Metric) -> list[Array]:
    ordinary = [metric_cases.unbalanced(metric, columns) for columns in metric_cases.EVERY[metric.task]]
    every = [*ordinary, *(case for _, case in metric_cases.special(metric))]
    return [np.array([metric.compute(*[array.copy() for array in case])]) for case in every if not metric_cases.refused(metric, case)]
