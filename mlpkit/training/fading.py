"""Fading of dropout, input noise and weight decay toward the end of a run."""

from __future__ import annotations

from collections.abc import Iterable

from mlpkit.engine.workspace import Workspace
from mlpkit.schedules.curves import cosine
from mlpkit.spec import Spec
from mlpkit.training.update import Update


def fade(spec: Spec, epoch: int, update: Update, workspaces: Iterable[Workspace]) -> None:
    """Set dropout, input noise and weight decay for an epoch: as in the spec up to `training.fade_from`, then on a cosine to 0.

    Holzmueller, Grinsztajn & Steinwart 2024, 2407.04491 (RealMLP).

    Parameters
    ----------
    spec : Spec
    epoch : int
        Number of finished epochs of this run; the time that is spent counts too, if the run has a time budget.
    update : Update
    workspaces : iterable of Workspace
    """
    start = spec.training.fade_from
    if start is None:
        return
    done = max(epoch / spec.training.epochs, update.elapsed)
    share = cosine(1.0, 0.0, min((done - start) / (1.0 - start), 1.0)) if done > start else 1.0
    update.decay.fading = share
    for workspace in workspaces:
        workspace.fade_to(share)
