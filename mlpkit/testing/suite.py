"""Which checks there are of each kind, by name and in the order in which they run, and which of them a plugin is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpkit.plugin import Minimizer, Plugin, says
from mlpkit.testing import activations, common, engine, initializers, losses, metrics, optimizers, schedules
from mlpkit.testing.findings import NotApplicable
from mlpkit.testing.trial import CheckFunction

KINDS: dict[str, dict[str, CheckFunction]] = {
    "activations": activations.CHECKS,
    "losses": losses.CHECKS,
    "optimizers": optimizers.CHECKS,
    "initializers": initializers.CHECKS,
    "schedules": schedules.CHECKS,
    "metrics": metrics.CHECKS,
}
ONLY_WHERE: dict[str, tuple[Callable[[Any], bool], str]] = {  # by check: whether a plugin is asked, and why another is not
    "memory_order": (lambda activation: says(activation, "any_order", "forward", "backward"), "it does not promise any_order"),
    "output": (lambda activation: activation.output != "real", "its output is 'real', which any number is"),
    "joint": (lambda loss: loss.joint_with is not None, "it names no joint_with"),
    "zero_at_target": (lambda loss: loss.zero_at_target, "it does not promise zero_at_target"),
    "zero_rate": (lambda optimizer: not isinstance(optimizer, Minimizer), "a minimizer may choose its own steps"),
}


def checks_of(plugin: Plugin) -> dict[str, CheckFunction]:
    """The checks of a plugin: those of all kinds, those of its own, and those that train with it."""
    own = {**KINDS[plugin.kind], **(optimizers.OF_MINIMIZERS if isinstance(plugin, Minimizer) else {})}
    found = {**common.CHECKS, **own, **engine.CHECKS[plugin.kind]}
    return {name: check if (reason := why_not(name, plugin)) is None else _not_asked(reason) for name, check in found.items()}


def why_not(name: str, plugin: Plugin) -> str | None:
    """Why a check says nothing of a plugin, by what the plugin says of itself; None when it is asked."""
    asked, reason = ONLY_WHERE.get(name, (None, ""))
    return reason if asked is not None and not asked(plugin) else None


def _not_asked(reason: str) -> CheckFunction:
    def check(plugin: Plugin) -> None:
        raise NotApplicable(reason)

    return check
