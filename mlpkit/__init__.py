"""mlpkit: multi-layer perceptrons on NumPy alone, from a JSON spec to one HDF5 file.

>>> import mlpkit
>>> model = mlpkit.train("spec.json")               # doctest: +SKIP
>>> model.save("model.h5")                          # doctest: +SKIP
>>> mlpkit.load("model.h5").predict("new.csv")      # doctest: +SKIP

Every name below is imported when it is first used, so that `import mlpkit` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlpkit.version import __version__ as __version__

if TYPE_CHECKING:
    from mlpkit.engine.network import Network
    from mlpkit.engine.workspace import Workspace
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
    from mlpkit.model.inspection import inspect
    from mlpkit.model.load import load
    from mlpkit.model.model import Model
    from mlpkit.model.train import epochs, train
    from mlpkit.modelfile.array_loading import load_arrays
    from mlpkit.plugin import (
        Activation,
        Elementwise,
        Initializer,
        Loss,
        Metric,
        Minimizer,
        Optimizer,
        Plugin,
        Progress,
        Schedule,
        Wrapper,
        plugins,
        refresh_plugins,
    )
    from mlpkit.plugin.registry import PluginInfo
    from mlpkit.plugin.since import Since
    from mlpkit.plugin.user_code import register, register_file
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch

_HOMES = {
    "plugin.user_code": ("register", "register_file"),
    "errors": (
        "AmbiguousPlugin",
        "BrokenPlugin",
        "ConstantColumnWarning",
        "DataError",
        "DataWarning",
        "DriftedPlugin",
        "LeftOutWarning",
        "MissingPlugin",
        "MLPKitError",
        "ModelFileError",
        "PluginError",
        "PluginDriftWarning",
        "ProbeWarning",
        "SpecError",
        "SurrogateWarning",
        "TrainingError",
        "TrainingInterrupted",
        "UndefinedMetricWarning",
        "UnseenCategoryWarning",
    ),
    "model.inspection": ("inspect",),
    "model.load": ("load",),
    "model.model": ("Model",),
    "modelfile.array_loading": ("load_arrays",),
    "engine.network": ("Network",),
    "plugin": (
        "Activation",
        "Elementwise",
        "Initializer",
        "Loss",
        "Metric",
        "Minimizer",
        "Optimizer",
        "Plugin",
        "Progress",
        "Schedule",
        "Wrapper",
        "plugins",
        "refresh_plugins",
    ),
    "plugin.registry": ("PluginInfo",),
    "plugin.since": ("Since",),
    "model.train": ("epochs", "train"),
    "spec": ("Spec",),
    "training.epoch": ("Epoch",),
    "engine.workspace": ("Workspace",),
}


def _import(name: str) -> Any:
    """Import a public name from its module, and keep it."""
    module = next((module for module, names in _HOMES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module 'mlpkit' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"mlpkit.{module}"), name)
    return value


if not TYPE_CHECKING:  # a type checker that saw it would accept any name as one of the package's
    __getattr__ = _import

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
    "Progress",
    "Schedule",
    "Since",
    "Spec",
    "SpecError",
    "SurrogateWarning",
    "TrainingError",
    "TrainingInterrupted",
    "UndefinedMetricWarning",
    "UnseenCategoryWarning",
    "Workspace",
    "Wrapper",
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
