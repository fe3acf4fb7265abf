"""Built-in initializers, one module per family. Classes are imported on first use: `mlpkit.initializers.HeNormal`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.initializers.constants import *
    from mlpkit.initializers.random import *
    from mlpkit.initializers.variance_scaling import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("initializers")
