"""Exceptions and warnings of mlpkit. A message describes the problem and its position; `help` has the advice.

SpecError and DataError are also ValueError, which scikit-learn and others expect for wrong parameters and data.

MLPKitError
├── SpecError            the spec is not valid, or does not fit the data
├── PluginError          a plugin cannot be used
│   ├── MissingPlugin    no installed plugin has the name
│   ├── AmbiguousPlugin  two distributions have a plugin with the name
│   ├── DriftedPlugin    a plugin computes other values than where the model was saved
│   └── BrokenPlugin     a plugin cannot be imported, or breaks its contract
├── LogError             the log of a run cannot be written or continued
├── DataError            a table, an array or a data file cannot be used
├── ModelFileError       a model file cannot be read or written
│   ├── NotAModelFile        another format, a folder or a device
│   ├── Truncated            the end of the file is missing
│   ├── Corrupt              a digest, the structure or the JSON of the file is wrong
│   ├── Unsafe               the file uses a part of HDF5 that could access other files or exhaust the reader
│   ├── ResourceLimit        the file exceeds a limit on size, depth or number of parts
│   ├── UnsupportedVersion   the file has a version that this mlpkit does not know
│   ├── UnsupportedFeature   the file requires a feature that this mlpkit does not have
│   ├── FileTaken            the file to write exists, and must not be replaced
│   ├── EarlierCheckpoints   the folder has checkpoints of an earlier run
│   ├── TensorMismatch       the arrays differ from the file's list, or from those that the spec needs
│   └── NonFinite            the weights contain NaN or infinity
└── TrainingError        a run failed, for example because it diverged
    └── WorkerError          a worker process died, or raised an error that is not one of these

TrainingInterrupted      Ctrl-C during `mlpkit.train`; a KeyboardInterrupt, which `except Exception` does not catch
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """Single problem: description, position and advice.

    Attributes
    ----------
    message : str
        Description of the problem in one sentence.
    path : str
        Position in the spec, such as ``network.layers[1].units``; empty if the problem has no single position.
    help : str
        Advice; may be empty.
    file : str
        Path of the file; empty if there is none.
    line, column : int
        Position in the file, counted from 1; 0 if unknown.
    source : str
        Text of that line.
    """

    message: str
    path: str = ""
    help: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.help})" if self.help else "")


class MLPKitError(Exception):
    """Base class of all errors that mlpkit raises on purpose.

    Parameters
    ----------
    message : str
        Description of the problem and its position.
    help : str
        Advice.
    problems : sequence of Problem
        Separate problems, if several were found at once; by default one problem with message and help.

    Attributes
    ----------
    model : Model or None
        For a run that failed after at least one finished epoch: the model with the weights of its best epoch.
    """

    model: Any = None

    def __init__(self, message: str, *, help: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(message, help=help),)

    def __str__(self) -> str:
        return f"{self.message}\nhelp: {self.help}" if self.help else self.message


class SpecError(MLPKitError, ValueError):
    """Raised for a spec that is not valid, or does not fit the data."""

    @classmethod
    def at(cls, path: str, message: str, help: str = "") -> SpecError:
        """Return the error for one position in the spec."""
        return cls(f"{path}: {message}", help=help, problems=[Problem(message, path, help)])


class PluginError(MLPKitError):
    """Raised for a plugin that cannot be used. `code` identifies the reason for programs and never changes."""

    code: ClassVar[str] = "plugin"


class MissingPlugin(PluginError):
    """Raised if no installed plugin has the name."""

    code = "missing_plugin"


class AmbiguousPlugin(PluginError):
    """Raised if two distributions have a plugin with the name."""

    code = "ambiguous_plugin"


class DriftedPlugin(PluginError):
    """Raised for a plugin that computes other values than where the model was saved."""

    code = "drifted_plugin"


class BrokenPlugin(PluginError):
    """Raised for a plugin that cannot be imported, or breaks its contract."""

    code = "broken_plugin"


class DataError(MLPKitError, ValueError):
    """Raised for a table, an array or a data file that cannot be used."""


class LogError(MLPKitError):
    """Raised for a log of a run that cannot be written or continued, before the run begins."""


class DataWarning(UserWarning):
    """Warning about unusual data that are used nevertheless.

    Parameters
    ----------
    message : str
        Text that is equal for all warnings of a kind, because Python keeps every text that it has shown.
    details : str
        Numbers and names of this warning.
    """

    def __init__(self, message: str = "", details: str = "") -> None:
        super().__init__(message)
        self.details = details


class LogWarning(UserWarning):
    """Warning: the log of a run cannot be written any more. `details` has the reason."""

    def __init__(self, message: str = "", details: str = "") -> None:
        super().__init__(message)
        self.details = details


class UnseenCategoryWarning(DataWarning):
    """Warning: rows have categories or missing values that the training rows do not have. `details` has the counts."""


class ConstantColumnWarning(DataWarning):
    """Warning: columns are constant in the training rows, so nothing can be learned from them, or about them as targets."""


class LeftOutWarning(DataWarning):
    """Warning: rows were left out; the message has the reason."""


class UndefinedMetricWarning(DataWarning):
    """Warning: a metric is undefined on the given rows, and is NaN."""


class ProbeWarning(UserWarning):
    """Warning: a model predicts other values than where it was saved; the message has the difference."""


class PluginDriftWarning(ProbeWarning):
    """Warning: a plugin computes other values than where the model was saved.

    The message has the difference and possible reasons.
    """


class SurrogateWarning(UserWarning):
    """Warning: a model predicts through the lookup table of an activation whose plugin is missing.

    The message has the accuracy of the table, or the values outside its range.
    """


class EngineWarning(UserWarning):
    """Warning: compiled code is not used where it could be expected, and NumPy computes instead; the message has the reason."""


class ModelFileError(MLPKitError):
    """Raised for a model file that cannot be read or written. `code` identifies the reason for programs and never changes.

    Parameters
    ----------
    message, help : str
        See `MLPKitError`.
    rule : int, optional
        Number of the rule of models/FORMAT.md that the file breaks.
    """

    code: ClassVar[str] = "model_file"

    def __init__(self, message: str, *, help: str = "", problems: Sequence[Problem] = (), rule: int | None = None) -> None:
        super().__init__(message, help=help, problems=problems)
        self.rule = rule


class FileTaken(ModelFileError):
    """Raised if the file to write exists and must not be replaced."""

    code = "file_taken"


class EarlierCheckpoints(ModelFileError):
    """Raised if the folder has checkpoints of an earlier run, which are further than this run."""

    code = "earlier_checkpoints"


class NotAModelFile(ModelFileError):
    """Raised for another format, a folder or a device."""

    code = "not_a_model_file"


class Truncated(ModelFileError):
    """Raised if the end of the file is missing."""

    code = "truncated"


class Corrupt(ModelFileError):
    """Raised if a digest, the structure or the JSON of the file is wrong."""

    code = "corrupt"


class Unsafe(ModelFileError):
    """Raised if the file uses a part of HDF5 that could access other files or exhaust the reader."""

    code = "unsafe"


class ResourceLimit(ModelFileError):
    """Raised if the file exceeds a limit on size, depth or number of parts."""

    code = "resource_limit"


class UnsupportedVersion(ModelFileError):
    """Raised if the file has a version that this mlpkit does not know."""

    code = "unsupported_version"


class UnsupportedFeature(ModelFileError):
    """Raised if the file requires a feature that this mlpkit does not have."""

    code = "unsupported_feature"


class TensorMismatch(ModelFileError):
    """Raised if the arrays differ from the file's list, or from those that the spec needs."""

    code = "tensor_mismatch"


class NonFinite(ModelFileError):
    """Raised if the weights contain NaN or infinity."""

    code = "non_finite"


class TrainingError(MLPKitError):
    """Raised for a failed training run. Its `model` has the weights of the best finished epoch."""


class WorkerError(TrainingError):
    """Raised if a worker process died, or for an exception in it that is none of mlpkit's."""


class TrainingInterrupted(KeyboardInterrupt):
    """Raised for Ctrl-C during `mlpkit.train`.

    Attributes
    ----------
    model : Model
        Model in the state after the last complete step. It predicts, ``model.save(path, training_state=True)`` saves it, and
        ``mlpkit.train(spec, ..., resume=path)`` resumes the run with bitwise equal results.
    """

    def __init__(self, model: Any) -> None:
        super().__init__("training was interrupted; .model has the state after the last step")
        self.model = model


def join_problems(problems: Sequence[Problem]) -> str:
    """Return one message for several problems, one per line."""
    if len(problems) == 1:
        return str(problems[0])
    return "\n".join([f"{len(problems)} problems:", *(f"  - {problem}" for problem in problems)])


_PACKAGE = os.path.dirname(__file__) + os.sep


def warn(warning: Warning) -> None:
    """Issue a warning at the nearest line of code outside mlpkit and Pydantic, which calls mlpkit in class definitions.

    Python stores each text that a line has warned with for the lifetime of the process. Texts are therefore constant, and numbers and
    names are in the warning's `details`.
    """
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_back is not None and _is_inside(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_inside(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return frame.f_code.co_filename.startswith(_PACKAGE) or module.partition(".")[0] == "pydantic"
