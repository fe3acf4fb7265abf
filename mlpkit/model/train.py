"""The two ways to train: `train` runs a spec through, `epochs` puts the loop into the caller's hands.

Both can go on with a run that was stopped. `mlpkit train` calls `train`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from mlpkit.errors import ModelFileError, TrainingInterrupted
from mlpkit.files.paths import as_path
from mlpkit.model.model import Model
from mlpkit.model.serialization import from_contents
from mlpkit.preprocessing.prepare import Prepared, prepare
from mlpkit.spec import Spec, as_spec
from mlpkit.training.checkpoints import read_checkpoint
from mlpkit.training.epoch import Epoch
from mlpkit.training.resume import check_spec, resumable


class Start(NamedTuple):
    """A run before its first step.

    Attributes
    ----------
    model : Model
        Untrained, or as it stands in the file to resume from.
    data : Prepared
        Its rows as the network gets them: `data.train` and `data.validation`, or None, with `inputs`, `targets` and `weights`.
    resumed_from : Path or None
        The file that the run is resumed from.
    """

    model: Model
    data: Prepared
    resumed_from: Path | None


def train(
    spec: Spec | dict[str, Any] | str | Path,
    rows: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    weights: Any = None,
    resume: str | Path | None = None,
    checkpoints: str | Path | None = None,
    replace_checkpoints: bool = False,
    stop: Callable[[], bool] | None = None,
    on_start: Callable[[Start], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Model:
    """Train a model as a spec says.

    Parameters
    ----------
    spec : Spec, dict, str or Path
        A spec, its dictionary, or the path of its JSON file.
    rows : array, table, str or Path, optional
        The data; those that the spec names when left out.
    y : array, optional
        Targets, shape (rows,) or (rows, targets); the spec's target columns when left out.
    validation : (array, array), table, str or Path, optional
        Validation rows, with their targets.
    weights : array, shape (rows,), optional
        What each row counts.
    resume : str or Path, optional
        Go on with a run that was stopped: a checkpoint, the file of an interrupted run, or a folder of checkpoints, of
        which the furthest that verifies is taken. Give the same spec and data; `training.epochs`, the patience of early
        stopping and the checkpoints may be others. The model is that of an unbroken run, bit for bit.
    checkpoints : str or Path, optional
        The folder of the run's checkpoints, which need not be asked for in the spec then. By default the one that the
        spec names, or one that is named after the spec.
    replace_checkpoints : bool
        Remove checkpoints of an earlier run that are further than this one, with a warning; by default they are an error.
    stop : callable, optional
        Called before each step. If it returns True, training ends there: the model stands between two steps, and
        ``model.save(path, training_state=True)`` writes a file to resume from. `model.training_state` is None after a run that ended
        by itself.
    on_start : callable, optional
        Called once with a `Start` (`model`, `data`, `resumed_from`), before anything is trained or written.
    on_epoch : callable, optional
        Called with each finished `Epoch`. An exception of `on_start` or `on_epoch` ends the run, and is raised.

    Returns
    -------
    Model

    Raises
    ------
    SpecError, PluginError, DataError
    TrainingError
        The loss became NaN or infinite; its `model` has the weights of the best finished epoch.
    TrainingInterrupted
        Ctrl-C while it trained; its `model` can be saved with its training state, and resumed.
    ModelFileError
        There is nothing to resume from, or the folder of checkpoints is in use or has some of another run.
    """
    _check_callable(stop=stop, on_start=on_start, on_epoch=on_epoch)
    start = _start(as_spec(spec), rows, y, validation=validation, weights=weights, resume=resume)
    model, prepared, resumed_from = start
    if on_start is not None:
        if resumed_from is not None:
            resumable(model.training_state, prepared)  # before the caller shows what is going to be trained
        on_start(start)
    run = model.epochs(prepared, stop, resume=resumed_from is not None, checkpoints=checkpoints, replace=replace_checkpoints)
    try:
        with closing(run):
            for epoch in run:
                if on_epoch is not None:
                    on_epoch(epoch)
        return model
    except KeyboardInterrupt:
        raise TrainingInterrupted(model) from None


def _check_callable(**functions: object) -> None:
    """Raise TypeError before any work, if something other than a function is given."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function or None, not {function!r}")


def _start(spec: Spec, rows: Any, y: Any, *, validation: Any, weights: Any, resume: str | Path | None) -> Start:
    """Return the model of a new run, or of the one to resume, and its data; parameters are those of `train`."""
    if resume is None:
        prepared = prepare(spec, rows, y, validation=validation, weights=weights)
        return Start(Model.for_data(spec, prepared), prepared, None)
    model, file = resumed(spec, resume)
    return Start(model, prepare_for(model, rows, y, validation=validation, weights=weights, resume=True), file)


def epochs(
    model: Model,
    rows: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    weights: Any = None,
    resume: bool = False,
    keep_optimizer: bool = True,
    checkpoints: str | Path | None = None,
    replace_checkpoints: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Generator[Epoch, None, None]:
    """Train a model epoch by epoch, in the caller's own loop.

    Parameters are those of `train`. The preprocessing is fitted at the first call and kept at later ones. With early stopping
    the best weights are restored when the loop ends. A later call goes on from the last weights, not the best, and with the
    optimizer's arrays; with ``keep_optimizer=False`` from the weights that the model has, and with new arrays. Two loops over
    one model at a time are an error. Ctrl-C finishes the step: the model stands between two steps and can be saved with
    its training state.

    With `stop`, the loop ends as after a `break` when it returns True, but in the middle of an epoch too.

    With `resume`, the run that `model.training_state` tells of goes on, with its optimizer's state, its random numbers
    and in the middle of its epoch: after a `break`, or in a model that was loaded from a checkpoint. The paths in the spec
    of a model that was loaded are not opened: give the rows, and `checkpoints` where it is to write some.

    Yields
    ------
    Epoch
    """
    if not isinstance(resume, bool):
        raise TypeError(f"resume must be True or False, not {resume!r}: load the file, and give the loaded model")
    _check_callable(stop=stop)
    prepared = prepare_for(model, rows, y, validation=validation, weights=weights, resume=resume)
    return model.epochs(prepared, stop, resume=resume, keep_optimizer=keep_optimizer, checkpoints=checkpoints, replace=replace_checkpoints)


def resumed(spec: Spec, path: str | Path) -> tuple[Model, Path]:
    """The model of a run that is to go on as `spec` says, and its file: `path`, or the furthest checkpoint in it.

    Raises
    ------
    ModelFileError
        There is no file that verifies, or it has no training state.
    SpecError
        The spec would make another run of it; every such difference is named.
    """
    path = as_path(path, ModelFileError, "what to resume from")
    if not os.path.exists(path):
        options = spec.training.checkpoint
        folder = None if options is None else options.folder
        advice = "check the path" if folder is None else f"the spec keeps its checkpoints in {spec.resolve_path(folder)}"
        raise ModelFileError(f"{path}: there is no such file or folder", help=advice)
    file, contents = read_checkpoint(path)
    model = Model.from_parts(from_contents(contents, file))
    if model.training_state is None:
        help = (
            "give a checkpoint or the file of an interrupted run; the state of a finished run is kept with training.keep_state: true, "
            "and mlpkit.epochs(model, ...) trains a finished model further in a run of its own"
        )
        raise ModelFileError(f"{file}: the model is finished: it has no training state to go on from", help=help)
    model.spec = check_spec(model.training_state, model.spec, spec)
    return model, file


def prepare_for(model: Model, rows: Any = None, y: Any = None, *, validation: Any = None, weights: Any = None, resume: bool) -> Prepared:
    """Data for `Model.epochs`; parameters are those of `epochs`.

    A model that is trained further keeps its preprocessing. A run that goes on and had fitted it fits it anew, so that
    whatever has changed in the data is noticed.
    """
    state, encoders = model.training_state, None
    fits = resume and state is not None and state.done == 0
    if model.input_encoder is not None and model.target_encoder is not None and not fits:
        encoders = model.input_encoder, model.target_encoder
    return prepare(model.spec, rows, y, validation=validation, weights=weights, encoders=encoders)
