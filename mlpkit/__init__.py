"""mlpkit: multi-layer perceptrons on NumPy alone, from a JSON spec to one HDF5 file.

>>> import mlpkit
>>> model = mlpkit.train("spec.json")               # doctest: +SKIP
>>> model.save("model.h5")                          # doctest: +SKIP
>>> mlpkit.load("model.h5").predict("new.csv")      # doctest: +SKIP

Every name below is imported when it is first used, so that `import mlpkit` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpkit.lazy import lazy

__version__ = "0.4.0"

if TYPE_CHECKING:
    from mlpkit.code_file import register, register_file
    from mlpkit.errors import (
        AmbiguousPlugin,
        BrokenPlugin,
        ConstantColumnWarning,
        DataError,
        DataWarning,
        DriftedPlugin,
        LeftOutWarning,
        MissingPlugin,
        MLPKitError,
        ModelFileError,
        PluginDriftWarning,
        PluginError,
        ProbeWarning,
        SpecError,
        SurrogateWarning,
        TrainingError,
        TrainingInterrupted,
        UndefinedMetricWarning,
        UnseenCategoryWarning,
    )
    from mlpkit.loading import load
    from mlpkit.model import Model
    from mlpkit.modelfile import inspect, load_arrays
    from mlpkit.network import Network
    from mlpkit.plugin import (
        Activation,
        Elementwise,
        Initializer,
        Loss,
        Metric,
        Minimizer,
        Optimizer,
        Plugin,
        Schedule,
        plugins,
        refresh_plugins,
    )
    from mlpkit.registry import PluginInfo
    from mlpkit.running import epochs, train
    from mlpkit.spec import Spec
    from mlpkit.training import Epoch
    from mlpkit.workspace import Workspace

_HOMES = {
    "code_file": ("register", "register_file"),
    "errors": (
        "AmbiguousPlugin",
        "BrokenPlugin",
        "ConstantColumnWarning",
        "DataError",
        "DataWarning",
        "DriftedPlugin",
        "DriftedPlugin",
        "LeftOutWarning",
        "MissingPlugin",
        "MLPKitError",
        "ModelFileError",
        "PluginError",
        "PluginDriftWarning",
        "PluginDriftWarning",
        "ProbeWarning",
        "SpecError",
        "SurrogateWarning",
        "SurrogateWarning",
        "TrainingError",
        "TrainingInterrupted",
        "UndefinedMetricWarning",
        "UnseenCategoryWarning",
    ),
    "loading": ("load",),
    "model": ("Model",),
    "modelfile": ("inspect", "load_arrays"),
    "network": ("Network",),
    "plugin": (
        "Activation",
        "Elementwise",
        "Initializer",
        "Loss",
        "Metric",
        "Minimizer",
        "Optimizer",
        "Plugin",
        "Schedule",
        "plugins",
        "refresh_plugins",
    ),
    "registry": ("PluginInfo",),
    "running": ("epochs", "train"),
    "spec": ("Spec",),
    "training": ("Epoch",),
    "workspace": ("Workspace",),
}
if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of the package's
    __getattr__ = lazy(__name__, _HOMES)

__all__ = [
    "Activation",
    "AmbiguousPlugin",
    "BrokenPlugin",
    "ConstantColumnWarning",
    "DataError",
    "DataWarning",
    "DriftedPlugin",
    "Elementwise",
    "Epoch",
    "Initializer",
    "LeftOutWarning",
    "Loss",
    "MLPKitError",
    "Metric",
    "Minimizer",
    "MissingPlugin",
    "Model",
    "ModelFileError",
    "Network",
    "Optimizer",
    "Plugin",
    "PluginDriftWarning",
    "PluginError",
    "PluginInfo",
    "ProbeWarning",
    "Schedule",
    "Spec",
    "SpecError",
    "SurrogateWarning",
    "TrainingError",
    "TrainingInterrupted",
    "UndefinedMetricWarning",
    "UnseenCategoryWarning",
    "Workspace",
    "epochs",
    "inspect",
    "load",
    "load_arrays",
    "plugins",
    "refresh_plugins",
    "register",
    "register_file",
    "train",
]


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__all__", "__doc__"])
