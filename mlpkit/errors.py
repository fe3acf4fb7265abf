"""The exceptions of mlpkit. Each message says what is wrong and where, and `help` says what to do.

MLPKitError
├── SpecError            a spec that is not valid, or does not fit its data
├── PluginError          a plugin that cannot be used
│   ├── MissingPlugin    no installed plugin has that name
│   ├── AmbiguousPlugin  two distributions have a plugin of that name
│   ├── DriftedPlugin    it computes otherwise here than where a model was saved
│   └── BrokenPlugin     it is installed, but does not import or breaks its contract
├── DataError            a table, an array or a file of data that cannot be used
├── ModelFileError       a model file that cannot be read or written
│   ├── NotAModelFile        something else: another format, a folder, a device
│   ├── Truncated            its end is missing
│   ├── Corrupt              what it says of itself does not hold: a digest, its structure, its JSON
│   ├── Unsafe               it uses a part of HDF5 that could reach outside the file or exhaust the reader
│   ├── ResourceLimit        it is larger, deeper or has more parts than a reader takes
│   ├── UnsupportedVersion   it has a version that this mlpkit does not know
│   ├── UnsupportedFeature   it requires a feature that this mlpkit does not have
│   ├── FileTaken            it is there already, and was not to be replaced
│   ├── EarlierCheckpoints   its folder has those of an earlier run
│   ├── TensorMismatch       its arrays are not those that it lists, or that its spec needs
│   └── NonFinite            its weights hold NaN or infinity
└── TrainingError        a run that went wrong: it diverged

TrainingInterrupted      Ctrl-C while `mlpkit.train` trained; a KeyboardInterrupt, which no `except Exception` catches
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
    """One thing that is wrong: what, where, and what to do.

    Attributes
    ----------
    message : str
        What is wrong, in one sentence.
    path : str
        Where in the spec, such as ``network.layers[1].units``; empty when it concerns no one place.
    help : str
        What to do about it; may be empty.
    file : str
        The file, when there is one.
    line, column : int
        The place in the file, counted from 1; 0 when unknown.
    source : str
        The text of that line.
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
    """Base of every error that mlpkit raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong and where.
    help : str
        What to do about it.
    problems : sequence of Problem
        The separate problems, when several were found at once; made from message and help when left out.

    Attributes
    ----------
    model : Model or None
        Where a run failed after at least one finished epoch: the model with the weights of the best of them.
    """

    model: Any = None

    def __init__(self, message: str, *, help: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(message, help=help),)

    def __str__(self) -> str:
        return f"{self.message}\nhelp: {self.help}" if self.help else self.message


class SpecError(MLPKitError):
    """A spec that is not valid, or does not fit its data."""

    @classmethod
    def at(cls, path: str, message: str, help: str = "") -> SpecError:
        """The error of one place in the spec."""
        return cls(f"{path}: {message}", help=help, problems=[Problem(message, path, help)])


class PluginError(MLPKitError):
    """A plugin that cannot be used. `code` names the reason for programs; it never changes."""

    code: ClassVar[str] = "plugin"


class MissingPlugin(PluginError):
    """No installed plugin has that name."""

    code = "missing_plugin"


class AmbiguousPlugin(PluginError):
    """Two distributions have a plugin of that name."""

    code = "ambiguous_plugin"


class DriftedPlugin(PluginError):
    """A plugin that computes otherwise here than where a model was saved."""

    code = "drifted_plugin"


class BrokenPlugin(PluginError):
    """A plugin that does not import, or breaks its contract."""

    code = "broken_plugin"


class DataError(MLPKitError):
    """A table, an array or a file of data that cannot be used."""


class DataWarning(UserWarning):
    """A warning of odd data that are used all the same.

    Parameters
    ----------
    message : str
        The same for every call of a sort, since Python keeps each text that it has shown.
    details : str
        The numbers and names of this call.
    """

    def __init__(self, message: str = "", details: str = "") -> None:
        super().__init__(message)
        self.details = details


class UnseenCategoryWarning(DataWarning):
    """Rows have categories, or gaps, that the training rows lacked; `details` says how many, and which."""


class ConstantColumnWarning(DataWarning):
    """Columns have one value in all training rows: nothing is learned from them, or there is nothing to learn in them."""


class LeftOutWarning(DataWarning):
    """Rows were left out, and why."""


class UndefinedMetricWarning(DataWarning):
    """A metric has no value on the rows that it was measured on; it is NaN."""


class ProbeWarning(UserWarning):
    """A model predicts otherwise here than where it was saved; by how much."""


class PluginDriftWarning(ProbeWarning):
    """A plugin computes otherwise here than where the model was saved; by how much, and what may be the reason."""


class SurrogateWarning(UserWarning):
    """A model predicts through the table of an activation that is missing; how good it is, or what is beyond it."""


class ModelFileError(MLPKitError):
    """A model file that cannot be read or written. `code` names the reason for programs; it never changes.

    Parameters
    ----------
    message, help : str
        As for every error of mlpkit.
    rule : int, optional
        The number of the rule of models/FORMAT.md that the file breaks.
    """

    code: ClassVar[str] = "model_file"

    def __init__(self, message: str, *, help: str = "", problems: Sequence[Problem] = (), rule: int | None = None) -> None:
        super().__init__(message, help=help, problems=problems)
        self.rule = rule


class FileTaken(ModelFileError):
    """The file to write is there already, and was not to be replaced."""

    code = "file_taken"


class EarlierCheckpoints(ModelFileError):
    """The folder has checkpoints that are further than the run: those of an earlier one."""

    code = "earlier_checkpoints"


class NotAModelFile(ModelFileError):
    """It is something else: another format, a folder, a device."""

    code = "not_a_model_file"


class Truncated(ModelFileError):
    """The end of the file is missing."""

    code = "truncated"


class Corrupt(ModelFileError):
    """The file contradicts itself: a digest, its structure, its JSON."""

    code = "corrupt"


class Unsafe(ModelFileError):
    """The file uses a part of HDF5 that could reach outside the file or exhaust the reader."""

    code = "unsafe"


class ResourceLimit(ModelFileError):
    """The file is larger, deeper or has more parts than a reader takes."""

    code = "resource_limit"


class UnsupportedVersion(ModelFileError):
    """The file has a version that this mlpkit does not know."""

    code = "unsupported_version"


class UnsupportedFeature(ModelFileError):
    """The file requires a feature that this mlpkit does not have."""

    code = "unsupported_feature"


class TensorMismatch(ModelFileError):
    """The arrays of the file are not those that it lists, or that its spec needs."""

    code = "tensor_mismatch"


class NonFinite(ModelFileError):
    """The weights hold NaN or infinity."""

    code = "non_finite"


class TrainingError(MLPKitError):
    """A training run that went wrong. Its `model` has the weights of the best finished epoch."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C while `mlpkit.train` trained.

    Attributes
    ----------
    model : Model
        Between two steps: it predicts, ``model.save(path, training_state=True)`` keeps it, and
        ``mlpkit.train(spec, ..., resume=path)`` goes on to the bits of a run that was not interrupted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__("training was interrupted; .model has what it has come to")
        self.model = model


def join_problems(problems: Sequence[Problem]) -> str:
    """One message for several problems, a line each."""
    if len(problems) == 1:
        return str(problems[0])
    return "\n".join([f"{len(problems)} problems:", *(f"  - {problem}" for problem in problems)])


_PACKAGE = os.path.dirname(__file__) + os.sep


def warn(warning: Warning) -> None:
    """Warn at the nearest line that is neither mlpkit's nor Pydantic's, which runs code of mlpkit where a class is defined.

    Python remembers each text that a line has warned with, for as long as the process lives: a text is the same at every call,
    and what differs from call to call is in the warning's `details`.
    """
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_back is not None and _is_inside(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_inside(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return frame.f_code.co_filename.startswith(_PACKAGE) or module.partition(".")[0] == "pydantic"
