"""What a plugin is, the contracts of the six kinds, and the registry of each."""

from mlpkit.plugin.base import REGISTRIES, Plugin, plugins, says, to_entry
from mlpkit.plugin.contracts import (
    CONTRACTS,
    SUITABLE,
    Activation,
    Array,
    Elementwise,
    Initializer,
    LearningRate,
    Loss,
    Metric,
    Optimizer,
    OutputKind,
    Schedule,
    Targets,
)

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
    "Optimizer",
    "OutputKind",
    "Plugin",
    "Schedule",
    "Targets",
    "plugins",
    "says",
    "to_entry",
]
