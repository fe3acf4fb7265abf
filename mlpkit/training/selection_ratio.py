"""Ratio of the errors of members on new rows to those on the rows that chose their epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin.least_squares import LeastSquares
from mlpkit.spec import Spec


def selection_ratio(spec: Spec, losses: Sequence[NDArray[np.float64]]) -> float:
    """Return the ratio, at least 1; 1 if the losses are not sums of squares, or if no validation rows choose the epoch.

    The error at a member's best epoch is too small, because its rows chose it. That at the epoch which the rows of the others choose is too
    large, because the member's own rows tell something about its best epoch. With r the root of the median over the members of the
    ratio of the two validation losses, (1 + r) / 2 is returned.

    Parameters
    ----------
    spec : Spec
    losses : sequence of array, shape (epochs,)
        Validation loss of each member after each epoch, on rows of its own.
    """
    stopping, epochs = spec.training.early_stopping, min(map(len, losses))
    if stopping is None or stopping.monitor == "training_loss" or not isinstance(spec.loss, LeastSquares) or not epochs:
        return 1.0
    curves = np.stack([each[:epochs] for each in losses])
    if not np.isfinite(curves).all():
        return 1.0
    members, own = np.arange(len(curves)), curves.min(axis=1)
    chosen = (curves.sum(axis=0) - curves).argmin(axis=1)
    with np.errstate(all="ignore"):
        ratio = float(np.sqrt(np.median(curves[members, chosen] / own)))
    return (1.0 + ratio) / 2 if np.isfinite(ratio) else 1.0
