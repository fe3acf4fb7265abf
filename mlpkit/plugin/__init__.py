"""Plugins: base class, contracts of all kinds, and registries of the installed plugins.

The built-in plugins are modules outside this package, which refers to them by name only.
"""

from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.base import (
    REGISTRIES,
    Plugin,
    declares,
    entry,
    example_options,
    is_third_party,
    plugin_name,
    plugins,
    refresh_plugins,
    to_entry,
    use_replacements,
)
from mlpkit.plugin.contracts import (
    CONTRACTS,
    SUITABLE,
    Activation,
    Elementwise,
    Gated,
    Loss,
    Metric,
    OutputKind,
    TargetScale,
    TargetSign,
    Task,
)
from mlpkit.plugin.initializer import Initializer
from mlpkit.plugin.least_squares import LeastSquares, LeastSquaresProblem
from mlpkit.plugin.optimizer import (
    LearningRate,
    Minimizer,
    Optimizer,
    Problem,
    Wrapper,
    averages,
    innermost,
    is_elementwise,
    learning_rate_of,
    takes_place,
)
from mlpkit.plugin.reader import Reader, Source
from mlpkit.plugin.schedule import Progress, Schedule

__all__ = [
    "CONTRACTS",
    "REGISTRIES",
    "SUITABLE",
    "Activation",
    "Array",
    "Elementwise",
    "Gated",
    "Initializer",
    "LearningRate",
    "LeastSquares",
    "LeastSquaresProblem",
    "Loss",
    "Metric",
    "Minimizer",
    "Optimizer",
    "OutputKind",
    "Plugin",
    "Problem",
    "Progress",
    "Reader",
    "Schedule",
    "Source",
    "TargetScale",
    "TargetSign",
    "Targets",
    "Task",
    "Wrapper",
    "averages",
    "declares",
    "entry",
    "example_options",
    "innermost",
    "is_elementwise",
    "is_third_party",
    "learning_rate_of",
    "plugin_name",
    "plugins",
    "refresh_plugins",
    "takes_place",
    "to_entry",
    "use_replacements",
]
