"""mlpkit: multi-layer perceptrons on NumPy alone, from a JSON spec to one HDF5 file.

>>> import mlpkit
>>> model = mlpkit.train("spec.json")               # doctest: +SKIP
>>> model.save("model.h5")                          # doctest: +SKIP
>>> mlpkit.load("model.h5").predict("new.csv")      # doctest: +SKIP

Public names are imported on first use, so that `import mlpkit` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlpkit.version import __version__ as __version__

if TYPE_CHECKING:
    from mlpkit.cross_validation.comparison import compare_folds as compare_folds
    from mlpkit.cross_validation.cross_validate import cross_validate as cross_validate
    from mlpkit.cross_validation.result import CrossValidation as CrossValidation
    from mlpkit.engine.network import Network as Network
    from mlpkit.engine.workspace import Workspace as Workspace
    from mlpkit.errors import AmbiguousPlugin as AmbiguousPlugin
    from mlpkit.errors import BrokenPlugin as BrokenPlugin
    from mlpkit.errors import ConstantColumnWarning as ConstantColumnWarning
    from mlpkit.errors import DataError as DataError
    from mlpkit.errors import DataWarning as DataWarning
    from mlpkit.errors import DriftedPlugin as DriftedPlugin
    from mlpkit.errors import EngineWarning as EngineWarning
    from mlpkit.errors import LeftOutWarning as LeftOutWarning
    from mlpkit.errors import LogError as LogError
    from mlpkit.errors import LogWarning as LogWarning
    from mlpkit.errors import MissingPlugin as MissingPlugin
    from mlpkit.errors import MLPKitError as MLPKitError
    from mlpkit.errors import ModelFileError as ModelFileError
    from mlpkit.errors import PluginDriftWarning as PluginDriftWarning
    from mlpkit.errors import PluginError as PluginError
    from mlpkit.errors import ProbeWarning as ProbeWarning
    from mlpkit.errors import SpecError as SpecError
    from mlpkit.errors import SurrogateWarning as SurrogateWarning
    from mlpkit.errors import TrainingError as TrainingError
    from mlpkit.errors import TrainingInterrupted as TrainingInterrupted
    from mlpkit.errors import UndefinedMetricWarning as UndefinedMetricWarning
    from mlpkit.errors import UnseenCategoryWarning as UnseenCategoryWarning
    from mlpkit.errors import WorkerError as WorkerError
    from mlpkit.explain.contributions import contributions as contributions
    from mlpkit.explain.importance import importance as importance
    from mlpkit.export.c.writer import to_c as to_c
    from mlpkit.export.onnx.model import to_onnx as to_onnx
    from mlpkit.export.python.writer import to_python as to_python
    from mlpkit.importing.arrays import from_arrays as from_arrays
    from mlpkit.importing.keras import from_keras as from_keras
    from mlpkit.importing.scikit_learn import from_sklearn as from_sklearn
    from mlpkit.importing.torch_state import from_torch as from_torch
    from mlpkit.model.baselines import baselines as baselines
    from mlpkit.model.inspection import inspect as inspect
    from mlpkit.model.load import load as load
    from mlpkit.model.model import Model as Model
    from mlpkit.model.train import epochs as epochs
    from mlpkit.model.train import train as train
    from mlpkit.modelfile.array_loading import load_arrays as load_arrays
    from mlpkit.plugin import Activation as Activation
    from mlpkit.plugin import Elementwise as Elementwise
    from mlpkit.plugin import Gated as Gated
    from mlpkit.plugin import Initializer as Initializer
    from mlpkit.plugin import Loss as Loss
    from mlpkit.plugin import Metric as Metric
    from mlpkit.plugin import Minimizer as Minimizer
    from mlpkit.plugin import Optimizer as Optimizer
    from mlpkit.plugin import Plugin as Plugin
    from mlpkit.plugin import Progress as Progress
    from mlpkit.plugin import Reader as Reader
    from mlpkit.plugin import Schedule as Schedule
    from mlpkit.plugin import Source as Source
    from mlpkit.plugin import Wrapper as Wrapper
    from mlpkit.plugin import plugins as plugins
    from mlpkit.plugin import refresh_plugins as refresh_plugins
    from mlpkit.plugin.engine import Engine as Engine
    from mlpkit.plugin.exchange import Exchange as Exchange
    from mlpkit.plugin.kernels import Kernels as Kernels
    from mlpkit.plugin.kernels import StepParts as StepParts
    from mlpkit.plugin.kernels import TensorPlace as TensorPlace
    from mlpkit.plugin.registry import PluginInfo as PluginInfo
    from mlpkit.plugin.since import Since as Since
    from mlpkit.plugin.user_code import register as register
    from mlpkit.plugin.user_code import register_file as register_file
    from mlpkit.report.boundary import plot_boundary as plot_boundary
    from mlpkit.report.comparison import compare as compare
    from mlpkit.report.page import html_report as html_report
    from mlpkit.spec import Spec as Spec
    from mlpkit.tracking.epoch_log import EpochLog as EpochLog
    from mlpkit.tracking.tensorboard import TensorBoardLog as TensorBoardLog
    from mlpkit.training.baselines import Baselines as Baselines
    from mlpkit.training.epoch import Epoch as Epoch
    from mlpkit.training.epoch import MemberEpoch as MemberEpoch
    from mlpkit.tuning.result import Search as Search
    from mlpkit.tuning.search import search as search

_HOMES = {  # module -> its public names
    "tuning.result": "Search",
    "tuning.search": "search",
    "cross_validation.comparison": "compare_folds",
    "cross_validation.cross_validate": "cross_validate",
    "cross_validation.result": "CrossValidation",
    "plugin.user_code": "register register_file",
    "errors": (
        "AmbiguousPlugin BrokenPlugin ConstantColumnWarning DataError DataWarning DriftedPlugin EngineWarning LeftOutWarning LogError "
        "LogWarning MLPKitError MissingPlugin ModelFileError PluginDriftWarning PluginError ProbeWarning SpecError "
        "SurrogateWarning TrainingError TrainingInterrupted UndefinedMetricWarning UnseenCategoryWarning WorkerError"
    ),
    "explain.contributions": "contributions",
    "explain.importance": "importance",
    "export.c.writer": "to_c",
    "export.python.writer": "to_python",
    "export.onnx.model": "to_onnx",
    "importing.arrays": "from_arrays",
    "importing.keras": "from_keras",
    "importing.scikit_learn": "from_sklearn",
    "importing.torch_state": "from_torch",
    "model.baselines": "baselines",
    "model.inspection": "inspect",
    "model.load": "load",
    "model.model": "Model",
    "modelfile.array_loading": "load_arrays",
    "engine.network": "Network",
    "plugin": (
        "Activation Elementwise Gated Initializer Loss Metric Minimizer Optimizer Plugin Progress Reader Schedule Source "
        "Wrapper plugins refresh_plugins"
    ),
    "plugin.engine": "Engine",
    "plugin.exchange": "Exchange",
    "plugin.kernels": "Kernels StepParts TensorPlace",
    "plugin.registry": "PluginInfo",
    "plugin.since": "Since",
    "model.train": "epochs train",
    "report.comparison": "compare",
    "report.page": "html_report",
    "report.boundary": "plot_boundary",
    "spec": "Spec",
    "tracking.epoch_log": "EpochLog",
    "tracking.tensorboard": "TensorBoardLog",
    "training.baselines": "Baselines",
    "training.epoch": "Epoch MemberEpoch",
    "engine.workspace": "Workspace",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # type checkers use the imports above


def _import(name: str) -> Any:
    """Import a public name from its module and cache it."""
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'mlpkit' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"mlpkit.{module}"), name)
    return value


if not TYPE_CHECKING:  # type checkers would accept any name of the package because of it
    __getattr__ = _import


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__all__", "__doc__"])
