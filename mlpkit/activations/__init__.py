"""Built-in activations, one module per family. Classes are imported on first use: `mlpkit.activations.ReLU`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.activations.exponential_units import *
    from mlpkit.activations.gated import *
    from mlpkit.activations.oscillating import *
    from mlpkit.activations.outputs import *
    from mlpkit.activations.piecewise import *
    from mlpkit.activations.rectifiers import *
    from mlpkit.activations.sigmoids import *
    from mlpkit.activations.smooth_rectifiers import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("activations")
