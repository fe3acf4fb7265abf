"""Built-in metrics, one module per family, computed on whole data sets with sample weights.

They agree with the same metrics of scikit-learn. Classes are imported on first use: `mlpkit.metrics.Accuracy`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpkit.metrics.association import *
    from mlpkit.metrics.classification import *
    from mlpkit.metrics.confusion import *
    from mlpkit.metrics.errors import *
    from mlpkit.metrics.multilabel import *
    from mlpkit.metrics.ranking import *
    from mlpkit.metrics.regression import *
else:
    from mlpkit.plugin.builtin_names import public

    __all__, __getattr__ = public("metrics")
