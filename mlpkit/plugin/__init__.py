"""Plugins: the base class, the contract of each kind, and the registry that finds the installed ones.

The built-in plugins are modules beside this package; this one knows them by name only.
"""

from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.base import REGISTRIES, Plugin, entry, is_outside, plugins, refresh_plugins, says, standing_in, to_entry
from mlpkit.plugin.contracts import CONTRACTS, SUITABLE, Activation, Elementwise, Initializer, Loss, Metric, OutputKind, TargetScale
from mlpkit.plugin.optimizer import LearningRate, Minimizer, Optimizer, Problem, Schedule

__all__ = [
    "CONTRACTS",
    "REGISTRIES",
    "SUITABLE",
    "Activation",
    "Array",
    "Elementwise",
    "Initializer",
    "LearningRate",
    "Loss",
    "Metric",
    "Minimizer",
    "Optimizer",
    "OutputKind",
    "Plugin",
    "Problem",
    "Schedule",
    "TargetScale",
    "Targets",
    "entry",
    "is_outside",
    "plugins",
    "refresh_plugins",
    "says",
    "standing_in",
    "to_entry",
]
