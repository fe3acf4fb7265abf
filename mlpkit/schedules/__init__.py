"""Built-in learning-rate schedules, one module per family. Options are epochs or fractions of the run, never steps.

Classes are imported on first use: `mlpkit.schedules.Cosine`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.schedules.composite import *
    from mlpkit.schedules.cycles import *
    from mlpkit.schedules.decay import *
    from mlpkit.schedules.phases import *
    from mlpkit.schedules.plateau import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("schedules")
