"""Checks for resuming a run: comparison of spec, data and package versions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.errors import DataError, PluginError, SpecError, TrainingError, warn
from mlpkit.plugin import Progress, Schedule, learning_rate_of, plugin_name
from mlpkit.plugin.engine import NUMPY, engine_named
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.spec.changes import continued
from mlpkit.text.shown import shortened
from mlpkit.training.epoch import Epoch
from mlpkit.training.fingerprint import differences, fingerprint
from mlpkit.training.history import EpochColumns
from mlpkit.training.state import TrainingState
from mlpkit.training.versions import changed_versions, versions

PROBED = 101  # positions in the run at which the rates of two schedules are compared


def resumable(state: TrainingState | None, prepared: Prepared) -> TrainingState:
    """Return the training state of a model, if a run on prepared data can be resumed from it.

    Raises
    ------
    TrainingError
        The model has no training state.
    DataError
        The rows differ from those of the run; the message lists all differences.
    """
    if state is None:
        help = "load a checkpoint or the file of an interrupted run; without resume the model is trained further from its weights"
        raise TrainingError("the model has no training state to resume from", help=help)
    if found := differences(state.data, fingerprint(prepared)):
        message = f"the data differ from those of the run: {'; '.join(found)}"
        raise DataError(message, help="use the same data, or start a new run without resume")
    return state


def check_spec(state: TrainingState, old: Spec, new: Spec, history: Sequence[Epoch]) -> Spec:
    """Return the spec for resuming a run that started with `old`, with the changes of `new`; `history` has the epochs of the model.

    Raises
    ------
    SpecError
        The specs differ in keys that cannot change; the message lists all of them. Or `epochs` is less than the epochs that are done.

    Warns
    -----
    UserWarning
        NumPy or a plugin has another version, the engine is another one, or the learning rates of finished epochs would have been
        different.
    """
    spec = continued(old, new)
    _check_engine(new, spec)
    begun = state.epoch + (state.place.steps > 0)
    if spec.training.epochs < begun:
        message = f"'epochs' is {spec.training.epochs}, but the run is already in epoch {begun}"
        raise SpecError.at("training.epochs", message, f"use at least {begun}, or start a new run without resume")
    _warn_of_schedule(state, old, spec, history)
    then, now = (each.training.engine or NUMPY for each in (old, spec))
    if then != now:
        message = f"the run began with the engine {shortened(then)!r} and is resumed with {shortened(now)!r}"
        warn(UserWarning(f"{message}: the last bits, and the masks of dropout, may differ from those of an uninterrupted run"))
    if changed := changed_versions(state.versions, versions(spec)):
        warn(UserWarning(f"results may differ in the last bits from those of an uninterrupted run: {'; '.join(changed)}"))
    return spec


def _check_engine(new: Spec, spec: Spec) -> None:
    """Raise PluginError if an engine that only the run names, not the spec that continues it, is missing or cannot be used."""
    if new.training.engine is None:
        try:
            engine_named(spec.training.engine)
        except PluginError as error:
            raise type(error)(f"{error.message}: the run that is resumed began with it", help=error.help) from error


def _warn_of_schedule(state: TrainingState, old: Spec, new: Spec, history: Sequence[Epoch]) -> None:
    """Warn if a new number of epochs changes the learning rates of finished epochs."""
    schedule, before, after = learning_rate_of(new.optimizer), old.training.epochs, new.training.epochs
    if before == after or not isinstance(schedule, Schedule) or not state.step or new.training.time_budget is not None:
        return
    finished = EpochColumns(history[state.done :])
    so_far = np.linspace(0, (state.step - 1) / state.steps_per_epoch, PROBED)
    places = np.unique(np.floor(so_far) if schedule.once_per_epoch else so_far).tolist()

    def rate(epoch: float, epochs: int) -> float:
        step, steps = round(epoch * state.steps_per_epoch), epochs * state.steps_per_epoch
        known = finished.columns(int(epoch)) if schedule.once_per_epoch else {}
        return schedule.at(Progress(epoch / epochs, epoch, epochs, step, steps, known))

    if any(rate(epoch, before) != rate(epoch, after) for epoch in places):
        message = (
            f"the schedule {plugin_name(schedule)!r} gives other learning rates for the finished epochs with {after} epochs than with the "
            f"{before} of the original run: the result is not that of a run of {after} epochs from the start"
        )
        warn(UserWarning(message))
