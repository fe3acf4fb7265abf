"""Built-in losses, one module per family. The loss of a row is the mean over its outputs; categorical cross-entropy is a sum over classes.

Classes are imported on first use: `mlpkit.losses.MeanSquaredError`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.losses.crossentropy import *
    from mlpkit.losses.distributions import *
    from mlpkit.losses.focal import *
    from mlpkit.losses.margins import *
    from mlpkit.losses.ordinal import *
    from mlpkit.losses.quantiles import *
    from mlpkit.losses.regression import *
    from mlpkit.losses.whole_rows import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("losses")
