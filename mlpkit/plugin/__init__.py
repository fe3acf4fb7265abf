"""The plugin class, the contracts of the six kinds, and the registry of each."""

from mlpkit.plugin.arrays import Array, Targets
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
