"""Residuals of a finished model on the validation rows, for intervals and sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import DataWarning, warn
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.preprocessing.residuals import Residuals, sorted_residuals
from mlpkit.spec import Spec
from mlpkit.text.shown import first_few
from mlpkit.training.averaging_ratio import averaging_ratio
from mlpkit.training.held_out import HeldOut
from mlpkit.training.selection_ratio import selection_ratio


class Trained(NamedTuple):
    """Finished networks of a model, and the validation losses of each after each epoch."""

    networks: Sequence[Network]
    losses: Sequence[NDArray[np.float64]]


def calibrated(spec: Spec, trained: Trained, prepared: Prepared, target: TargetEncoder, rows: HeldOut | None) -> TargetEncoder:
    """Return the encoder with the residuals on the validation rows, if there are any. Sample weights do not count.

    Warns of classes without validation rows.
    """
    if rows is None:
        return target
    errors, ratio = sorted_residuals(target.task, rows.scores, rows.values), np.ones(1)
    if target.task == "regression" and rows.by_member:
        ratio = averaging_ratio(spec, trained.networks, prepared, target) * selection_ratio(spec, trained.losses)
    _warn_unseen(target, rows)
    return replace(target, residuals=Residuals(errors, ratio) if rows.by_member else Residuals(errors))


def _warn_unseen(target: TargetEncoder, rows: HeldOut) -> None:
    if target.classes is not None:
        unseen = np.setdiff1d(np.arange(len(target.classes)), rows.values)
        if len(unseen):
            shown = first_few([repr(target.classes.tolist()[index]) for index in unseen])
            warn(DataWarning(f"no row of a class was held out, so that sets promise nothing for its rows: {shown}"))
