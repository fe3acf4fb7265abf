"""Checks that a run can go on: what a spec, the data and the versions of packages may not be when it does, and what they may."""

from __future__ import annotations

import numpy as np

from mlpkit.errors import DataError, SpecError, TrainingError, warn
from mlpkit.plugin import Schedule, learning_rate_of
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.spec.changes import continued
from mlpkit.spec.parts import plugin_name
from mlpkit.training.data_digest import differences, fingerprint
from mlpkit.training.state import TrainingState
from mlpkit.training.versions import changed_versions, versions

PROBED = 101  # places of the run at which the rates of two schedules are compared


def resumable(state: TrainingState | None, prepared: Prepared) -> TrainingState:
    """The state of a model, from which a run on prepared data can go on.

    Raises
    ------
    TrainingError
        The model has none.
    DataError
        The rows are not those that the run began with; all that is different is named.
    """
    if state is None:
        help = "load a checkpoint or the file of an interrupted run; without resume the model is trained further from its weights"
        raise TrainingError("the model has no training state to go on from", help=help)
    if found := differences(state.data, fingerprint(prepared)):
        message = f"the data are not those that the run began with: {'; '.join(found)}"
        raise DataError(message, help="give the same data, or train anew without resume")
    return state


def check_spec(state: TrainingState, old: Spec, new: Spec) -> Spec:
    """The spec with which a run that began with `old` goes on as `new` says.

    Raises
    ------
    SpecError
        With every difference that would make another run of it, or when it has fewer epochs than are done.

    Warns
    -----
    UserWarning
        NumPy or a plugin has another version, or the learning rates so far would have been others.
    """
    spec = continued(old, new)
    begun = state.epoch + (state.place.steps > 0)
    if spec.training.epochs < begun:
        message = f"'epochs' is {spec.training.epochs}, but the run is already in epoch {begun}"
        raise SpecError.at("training.epochs", message, f"give at least {begun}, or train anew without resume")
    _warn_of_schedule(state, old, spec)
    if changed := changed_versions(state.versions, versions(spec)):
        warn(UserWarning(f"the numbers may differ in the last bits from those of an unbroken run: {'; '.join(changed)}"))
    return spec


def _warn_of_schedule(state: TrainingState, old: Spec, new: Spec) -> None:
    """Warn when the number of epochs has changed, and with it the learning rates of the epochs that are done."""
    schedule, before, after = learning_rate_of(new.optimizer), old.training.epochs, new.training.epochs
    if before == after or not isinstance(schedule, Schedule) or schedule.once_per_epoch or not state.step:
        return
    so_far = np.linspace(0, (state.step - 1) / state.steps_per_epoch, PROBED).tolist()
    if any(schedule.rate(epoch, before) != schedule.rate(epoch, after) for epoch in so_far):
        message = (
            f"the schedule {plugin_name(schedule)!r} would have given other learning rates so far with {after} epochs than with the "
            f"{before} that the run began with: it does not become a run of {after} epochs from the start"
        )
        warn(UserWarning(message))
