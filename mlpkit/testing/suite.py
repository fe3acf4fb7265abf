"""Checks of each kind, by name in the order of execution, and the conditions under which they apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpkit.export.onnx.plugins import has_onnx
from mlpkit.plugin import Loss, Minimizer, Plugin, Reader
from mlpkit.plugin.fixed_activation import fixed
from mlpkit.plugin.since import marked
from mlpkit.testing import (
    activations,
    common,
    effect_checks,
    engine,
    engines,
    exchanges,
    initializers,
    kernels,
    losses,
    metrics,
    optimizers,
    readers,
    schedules,
    smoke,
)
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable
from mlpkit.testing.variants import at_limits, changed, usual, variants

KINDS: dict[str, dict[str, CheckFunction]] = {
    "activations": activations.CHECKS,
    "losses": losses.CHECKS,
    "optimizers": optimizers.CHECKS,
    "initializers": initializers.CHECKS,
    "schedules": schedules.CHECKS,
    "metrics": metrics.CHECKS,
    "readers": readers.CHECKS,
    "exchanges": exchanges.CHECKS,
    "kernels": kernels.CHECKS,
    "engines": engines.CHECKS,
}
AGAIN: dict[str, tuple[str, ...]] = {  # checks repeated with other options
    "activations": (
        *("gradient", "kinks", "linear", "shapes", "rows", "dtype", "inputs_untouched", "buffers", "threads", "large_scores"),
        *("output", "inputs_gradient", "trained_parameters", "onnx"),
    ),
    "losses": (
        *("gradient", "joint", "rows", "shapes", "dtype", "inputs_untouched", "buffers", "special_values", "right_costs_less"),
        *("soft_targets", "threads", "zero_at_target", "separable", "large_scores", "several_outputs", "predictions", "prior", "onnx"),
    ),
    "optimizers": ("in_place", "state", "rates", "zero_rate", "zero_gradient", "zero_parameters", "downhill", "scopes", "dtype", "threads"),
    "initializers": ("fills", "reproducible", "shapes"),
    "schedules": ("rates", "returns_float", "memory"),
    "metrics": ("finite", "weights", "order", "sizes", "special_values", "buffers", "threads", "inputs_untouched"),
}
# checks skipped at limits, where an option may reduce everything to 0
NOT_AT_LIMITS = ("in_place", "zero_parameters", "downhill", "scopes", "right_costs_less")
ONLY_WHERE: dict[str, tuple[Callable[[Any], bool], str]] = {  # by check: condition for a plugin, and reason if it does not hold
    "inputs_gradient": (lambda activation: fixed(activation) is not activation, "gradient covers functions of one array"),
    "trained_parameters": (lambda activation: bool(activation.parameters), "it has no trained parameters"),
    "output": (lambda activation: activation.output != "real", "its output is 'real', which allows any number"),
    "joint": (lambda loss: loss.joint_with is not None, "it declares no joint_with"),
    "zero_at_target": (lambda loss: loss.zero_at_target, "it does not declare zero_at_target"),
    "separable": (
        lambda loss: loss.separable and loss.targets != "classes" and loss.output != "distribution",
        "it takes one class per row, or compares a row of outputs as a whole",
    ),
    "several_outputs": (lambda loss: loss.outputs_per_target > 1, "it has one output per target"),
    "predictions": (lambda loss: type(loss).predictions is not Loss.predictions, "it does not override predictions"),
    "soft_targets": (lambda loss: loss.soft_targets, "it does not declare soft_targets"),
    "onnx": (has_onnx, "it has no method onnx, so models with it are not exported to ONNX"),
    "prior": (lambda loss: type(loss).prior is not Loss.prior, "it does not override prior"),
    "later_options": (lambda plugin: bool(marked(type(plugin))), "none of its options is marked with Since"),
    "other_options": (lambda plugin: bool(variants(plugin)), "it has no options that can be varied"),
    "right_costs_less": (lambda loss: loss.targets != "numbers", "the order of right and wrong depends on the meaning of the numbers"),
    "downhill": (lambda optimizer: not isinstance(optimizer, Minimizer), "a full-batch optimizer may choose its own steps"),
    "sizes": (lambda plugin: not isinstance(plugin, Minimizer), "a full-batch optimizer may take long with many parameters"),
    "effects": (lambda plugin: any(usual(plugin).values()), "it has no options that can be varied"),
    "rates": (lambda plugin: not isinstance(plugin, Minimizer), "a full-batch optimizer may choose its own steps"),
    "zero_rate": (lambda optimizer: not isinstance(optimizer, Minimizer), "a full-batch optimizer may choose its own steps"),
}


def checks_of(plugin: Plugin) -> dict[str, CheckFunction]:
    """Return the checks of a plugin: those of all kinds, those of its kind, and those that train with it."""
    if isinstance(plugin, Reader):  # readers are not used in training
        readers.prepare(plugin, *variants(plugin))
        return {**common.CHECKS, **common.AFTER_RUNS, **KINDS[plugin.kind]}
    if plugin.of_a_run:
        return {**common.CHECKS, **KINDS[plugin.kind]}
    own = {**KINDS[plugin.kind], **(optimizers.OF_MINIMIZERS if isinstance(plugin, Minimizer) else {})}
    last = {"effects": effect_checks.effects, "other_options": other_options, **engine.CHECKS[plugin.kind]}
    found = {**before_runs(), **common.AFTER_RUNS, **own, **last}
    return {name: check if (reason := reason_not_applicable(name, plugin)) is None else _not_asked(reason) for name, check in found.items()}


def before_runs() -> dict[str, CheckFunction]:
    """Return the checks that precede `runs`: those that call nothing, and those of side effects."""
    return {**common.CHECKS, "side_effects": effect_checks.side_effects, "runs": smoke.runs}


def other_options(plugin: Plugin) -> None:
    """Check that what holds for the plugin's options holds for other values of each, one at a time."""
    asked = [name for name in AGAIN[plugin.kind] if reason_not_applicable(name, plugin) is None and _fault(name, plugin) is None]
    if not asked:
        raise NotApplicable("the checks to repeat fail with the plugin's own options")
    limits = at_limits(plugin)
    for variant in [*variants(plugin), *limits]:
        for name in [name for name in asked if name not in NOT_AT_LIMITS or variant not in limits]:
            fault = _fault(name, variant) if reason_not_applicable(name, variant) is None else None
            if fault is not None:
                raise AssertionError(f"with {changed(plugin, variant)}, {name}: {fault}")


def _fault(name: str, plugin: Plugin) -> str | None:
    """Return the finding of a check; None if it passes."""
    try:
        KINDS[plugin.kind][name](plugin)
    except NotApplicable:
        return None
    except AssertionError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def reason_not_applicable(name: str, plugin: Plugin) -> str | None:
    """Return the reason for which a check does not apply to a plugin, from its declarations; None if it applies."""
    asked, reason = ONLY_WHERE.get(name, (None, ""))
    return reason if asked is not None and not asked(plugin) else None


def _not_asked(reason: str) -> CheckFunction:
    def check(plugin: Plugin) -> None:
        raise NotApplicable(reason)

    return check
