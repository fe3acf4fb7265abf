"""Training functions: `train` runs a spec, and `epochs` yields each epoch to a loop of the caller.

Both can resume a run. `mlpkit train` calls `train`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpkit.errors import DataError, ModelFileError, SpecError, TrainingInterrupted
from mlpkit.files.paths import as_path
from mlpkit.model.model import Model
from mlpkit.model.serialization import from_contents
from mlpkit.model.weights import Taken, take_weights
from mlpkit.preprocessing.prepare import Prepared, prepare
from mlpkit.preprocessing.residuals import Residuals
from mlpkit.spec import Spec, as_spec
from mlpkit.training.checkpoints import read_checkpoint
from mlpkit.training.epoch import Epoch
from mlpkit.training.preflight import engine_of
from mlpkit.training.prepared_once import prepared_once

if TYPE_CHECKING:
    from mlpkit.progress.display import Progress


class Start(NamedTuple):
    """Run before its first step.

    Attributes
    ----------
    model : Model
        Model, untrained or as stored in the file to resume from.
    data : Prepared
        Encoded data: `data.train` and `data.validation` (or None), with `inputs`, `targets` and `weights`.
    resumed_from : Path or None
        File from which the run is resumed.
    taken : Taken or None
        Weights of `start_from` that the model begins with, and those that are new.
    """

    model: Model
    data: Prepared
    resumed_from: Path | None
    taken: Taken | None = None


def train(
    spec: Spec | dict[str, Any] | str | Path,
    rows: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    weights: Any = None,
    resume: str | Path | None = None,
    start_from: Model | str | Path | None = None,
    checkpoints: str | Path | None = None,
    replace_checkpoints: bool = False,
    stop: Callable[[], bool] | None = None,
    on_start: Callable[[Start], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    progress: bool = False,
) -> Model:
    """Train a model from a spec.

    Parameters
    ----------
    spec : Spec, dict, str or Path
        A spec, its dictionary, or the path of its JSON file.
    rows : array, table, str or Path, optional
        Training data; default: the file in the spec.
    y : array, optional
        Targets, shape (rows,) or (rows, targets), or probabilities of `data.classes`, shape (rows, classes); default: the target columns
        of the spec.
    validation : (array, array), table, str or Path, optional
        Validation rows with targets.
    weights : array, shape (rows,), optional
        Sample weights.
    resume : str or Path, optional
        Resume a run: from a checkpoint, the file of an interrupted run, or a folder of checkpoints, of which the most advanced valid one is
        used. Pass the same spec and data; `training.epochs`, the patience of early stopping and the checkpoint options may differ. The
        result is identical to that of an uninterrupted run, bit for bit.
    start_from : Model, str or Path, optional
        Begin with the weights of another model, or of its file, where names and shapes agree; the others get new initial values, and
        `on_start` gets the names of both as `taken`. The preprocessing is fitted on these data. Layers with ``"trainable": false`` keep
        the weights. The plugins of the other model are not needed.
    checkpoints : str or Path, optional
        Folder for the checkpoints of the run, which enables checkpoints. Default: the folder in the spec, or one named after the spec.
    replace_checkpoints : bool
        Remove checkpoints of an earlier run that are more advanced, with a warning; by default they cause an error.
    stop : callable, optional
        Called before each step. If it returns True, training stops between two steps, and ``model.save(path,
        training_state=True)`` writes a file to resume from. `model.training_state` is None after a finished run.
    on_start : callable, optional
        Called once with a `Start` (`model`, `data`, `resumed_from`, `taken`) before anything is trained or written.
    on_epoch : callable, optional
        Called with each finished `Epoch`, such as an `EpochLog` or a `TensorBoardLog`. Exceptions of `on_start` and `on_epoch` end the run
        and are raised.
    progress : bool
        Show a progress bar in a notebook and on a terminal, and lines elsewhere, on stderr.

    Returns
    -------
    Model

    Raises
    ------
    SpecError, PluginError, DataError
    TrainingError
        The loss became NaN or infinite. The attribute `model` has the weights of the best finished epoch.
    TrainingInterrupted
        Ctrl-C during training. The attribute `model` can be saved with its training state and resumed.
    ModelFileError
        There is no file to resume from, or the folder of checkpoints is in use or contains those of another run.
    """
    _check_callable(stop=stop, on_start=on_start, on_epoch=on_epoch)
    if resume is not None and start_from is not None:
        raise TypeError("give either resume or start_from: a run that is resumed has weights of its own")
    spec = as_spec(spec)
    if start_from is not None and spec.ensemble is not None:
        message = "the members of an ensemble differ by their initial weights, and cannot begin with those of another model"
        raise SpecError.at("ensemble", message, "remove it, or leave out start_from (--from)")
    engine_of(spec)  # a missing one is reported before anything is read
    start = _start(spec, rows, y, validation=validation, weights=weights, resume=resume)
    if start_from is not None:
        start = start._replace(taken=_take(start.model, start_from))
    model, prepared, resumed_from, _ = start
    if on_start is not None:
        if resumed_from is not None:
            model.check_resumable(prepared)  # before the caller displays the run
        on_start(start)
    run = model.epochs(
        prepared, stop, resume=resumed_from is not None, checkpoints=checkpoints, replace=replace_checkpoints, processes=True
    )
    try:
        with closing(run), _display(model, prepared) if progress else nullcontext() as display:
            for epoch in run:
                if display is not None:
                    display.show(epoch)
                if on_epoch is not None:
                    on_epoch(epoch)
        return model
    except KeyboardInterrupt:
        raise TrainingInterrupted(model) from None


def _display(model: Model, prepared: Prepared) -> closing[Progress]:
    """Return a context with the progress display of a run in this program."""
    from mlpkit.progress.display import Style
    from mlpkit.progress.member_display import progress_of
    from mlpkit.progress.outputs import output

    histories = [member.history for member in model.members]
    return closing(progress_of(output(), Style.auto, model.spec, histories, prepared.weighted_figures))


def _take(model: Model, start_from: Model | str | Path) -> Taken:
    """Take over the weights of another model, or of its file."""
    from mlpkit.modelfile.array_loading import load_arrays

    if isinstance(start_from, Model):
        return take_weights(model.network, start_from.get_weights())
    path = as_path(start_from, ModelFileError, "the model to start from")
    try:
        return take_weights(model.network, load_arrays(path))
    except DataError as error:
        raise DataError(f"{path}: {error.message}", help=error.help) from error


def _check_callable(**functions: object) -> None:
    """Raise TypeError before any work, if something other than a function is given."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function or None, not {function!r}")


def _start(spec: Spec, rows: Any, y: Any, *, validation: Any, weights: Any, resume: str | Path | None) -> Start:
    """Return the model of a new run, or of the run to resume, and its data; parameters are those of `train`."""
    if resume is None:
        prepared = prepared_once(
            spec, (rows, validation, y, weights), partial(prepare, spec, rows, y, validation=validation, weights=weights)
        )
        return Start(Model.for_data(spec, prepared), prepared, None)
    model, file = resumed(spec, resume)
    again = partial(prepare_for, model, rows, y, validation=validation, weights=weights, resume=True)
    return Start(model, prepared_once(model.spec, (rows, validation, y, weights, file), again), file)


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
    """Train a model epoch by epoch, in a loop of the caller.

    The parameters are those of `train`. The preprocessing is fitted at the first call and kept afterwards. With early stopping, the best
    weights are restored when the loop ends. A later call continues from the last weights, not the best ones, with the state of the
    optimizer; with ``keep_optimizer=False`` it starts from the present weights with a new state. Two simultaneous loops over one
    model raise an error. Ctrl-C completes the present step, so that the model can be saved with its training state.

    If the optimizer averages the weights, the losses and metrics of the epochs, `model.predict` and `model.save` use the averaged ones.
    Until the loop ends, `model.network` has the weights that are trained.

    With `stop`, the loop ends when it returns True, as after a `break`, but possibly in the middle of an epoch.

    With `resume`, the run of `model.training_state` is resumed with the state of its optimizer and random generators, in the middle of
    its epoch: after a `break`, or for a model loaded from a checkpoint. Paths in the spec of a loaded model are not opened: pass the
    rows, and `checkpoints` to write any.

    Yields
    ------
    Epoch
    """
    if not isinstance(resume, bool):
        raise TypeError(f"resume must be True or False, not {resume!r}: load the file, and pass the loaded model")
    _check_callable(stop=stop)
    prepared = prepare_for(model, rows, y, validation=validation, weights=weights, resume=resume)
    return model.epochs(prepared, stop, resume=resume, keep_optimizer=keep_optimizer, checkpoints=checkpoints, replace=replace_checkpoints)


def resumed(spec: Spec, path: str | Path) -> tuple[Model, Path]:
    """Return the model of the run to resume with `spec`, and its file: `path`, or the most advanced checkpoint in it.

    Raises
    ------
    ModelFileError
        There is no valid file, or it has no training state.
    SpecError
        The spec differs in keys that cannot change; the message lists all of them.
    """
    path = as_path(path, ModelFileError, "the path to resume from")
    if not os.path.exists(path):
        options = spec.training.checkpoint
        folder = None if options is None else options.folder
        advice = "check the path" if folder is None else f"the checkpoints of the spec are in {spec.resolve_path(folder)}"
        raise ModelFileError(f"{path}: no such file or folder", help=advice)
    file, contents = read_checkpoint(path)
    model = Model.from_parts(from_contents(contents, file))
    if model.training_state is None:
        help = (
            "use a checkpoint or the file of an interrupted run; training.keep_state: true keeps the state of a finished run, "
            "and mlpkit.epochs(model, ...) trains a finished model further in a new run"
        )
        raise ModelFileError(f"{file}: the model is finished and has no training state to resume from", help=help)
    model.resume_with(spec)
    return model, file


def prepare_for(model: Model, rows: Any = None, y: Any = None, *, validation: Any = None, weights: Any = None, resume: bool) -> Prepared:
    """Return data for `Model.epochs`; parameters are those of `epochs`.

    A model that is trained further keeps its preprocessing, without the residuals of its earlier weights. For a resumed run that had fitted
    it, it is fitted again to detect changes in the data.
    """
    state, encoders = model.training_state, None
    fits = resume and state is not None and state.done == 0
    if model.input_encoder is not None and model.target_encoder is not None and not fits:
        encoders = model.input_encoder, replace(model.target_encoder, residuals=Residuals())
    return prepare(model.spec, rows, y, validation=validation, weights=weights, encoders=encoders)
