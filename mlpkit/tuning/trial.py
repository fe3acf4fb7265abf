"""Training of one trial of a search: its score after each epoch, and its end if it is not promising."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from mlpkit.errors import SpecError, TrainingError
from mlpkit.model.model import Model
from mlpkit.preprocessing.members import member_data
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.training.early_stopping import Monitor


class TrialResult(NamedTuple):
    """Result of a trial.

    Attributes
    ----------
    score : float or None
        Best value of the monitored figure if early stopping restores its weights, else the last one; None if the run diverged.
    epochs : int
        Epochs that were trained.
    pruned : bool
        True if it was ended early.
    """

    score: float | None
    epochs: int
    pruned: bool


def trial_spec(spec: Spec) -> Spec:
    """Return the spec of the network that is trained in a trial: that of an ensemble's first member, without checkpoints.

    Raises
    ------
    SpecError
        There are no validation rows to compare specs by.
    """
    own = spec if spec.ensemble is None else spec.of_member(0)
    training = own.training.model_copy(update={"checkpoint": None, "keep_state": False, "keep_residuals": False, "time_budget": None})
    split = own.data.split
    if not spec.rotates and own.data.validation is None and (split is None or (split.validation is None and split.column is None)):
        message = "a search compares specs by their validation rows, and there are none"
        raise SpecError.at("data.split", message, 'add "data": {"split": {"validation": 0.2}}')
    return own.model_copy(update={"training": training, "decision": None})


def score_name(spec: Spec) -> str:
    """Return the figure that is searched for: that of early stopping, or the validation loss."""
    stopping = spec.training.early_stopping
    return "validation_loss" if stopping is None else stopping.monitor


def run_trial(
    spec: Spec, prepared: Prepared, report: Callable[[int, float], bool], stopped: Callable[[], bool] | None = None
) -> TrialResult | None:
    """Train a spec on prepared data.

    Parameters
    ----------
    spec : Spec
        That of `trial_spec`.
    prepared : Prepared
    report : callable
        Called after each epoch with its number and the score so far, where lower is better; returns True to end the trial.
    stopped : callable, optional
        Returns True if the search is to end.

    Returns
    -------
    TrialResult or None
        None if the search has ended.
    """
    data = member_data(prepared, 0)
    model = Model.for_data(spec, data)
    monitor, restores = Monitor(spec), spec.training.early_stopping is not None
    best = score = math.inf
    epochs = 0
    run = model.epochs(data, stopped)
    try:
        for epoch in run:
            epochs = epoch.number
            score = monitor.reading(epoch)
            best = min(best, score)
            if report(epochs, best if restores else score):
                return TrialResult(best if restores else score, epochs, True)
    except TrainingError:
        return TrialResult(None, epochs, False)
    finally:
        run.close()
    if stopped is not None and stopped():
        return None
    return TrialResult(best if restores else score, epochs, False)
