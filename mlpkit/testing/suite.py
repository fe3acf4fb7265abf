"""Which checks there are of each kind, by name and in the order in which they run."""

from __future__ import annotations

from mlpkit.plugin import Minimizer, Plugin
from mlpkit.testing import activations, common, engine, initializers, losses, metrics, optimizers, schedules
from mlpkit.testing.trial import CheckFunction

KINDS: dict[str, dict[str, CheckFunction]] = {
    "activations": activations.CHECKS,
    "losses": losses.CHECKS,
    "optimizers": optimizers.CHECKS,
    "initializers": initializers.CHECKS,
    "schedules": schedules.CHECKS,
    "metrics": metrics.CHECKS,
}


def checks_of(plugin: Plugin) -> dict[str, CheckFunction]:
    """The checks of a plugin: those of all kinds, those of its own, and those that train with it."""
    own = {**KINDS[plugin.kind], **(optimizers.OF_MINIMIZERS if isinstance(plugin, Minimizer) else {})}
    return {**common.CHECKS, **own, **engine.CHECKS[plugin.kind]}
