"""Built-in optimizers, one module per family. Classes are imported on first use: `mlpkit.optimizers.Adam`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.optimizers.adam import *
    from mlpkit.optimizers.adaptive import *
    from mlpkit.optimizers.levenberg_marquardt import *
    from mlpkit.optimizers.muon import *
    from mlpkit.optimizers.schedule_free import *
    from mlpkit.optimizers.sgd import *
    from mlpkit.optimizers.sign import *
    from mlpkit.optimizers.wrappers import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("optimizers")
