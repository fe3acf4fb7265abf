"""Decision between two classes at the end of a run: the threshold that the validation rows choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlpkit.errors import DataWarning, warn
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.decision_threshold import FEWEST, best_threshold
from mlpkit.spec.decision import Decision
from mlpkit.text.shown import counted
from mlpkit.training.held_out import HeldOut


def decided(decision: Decision, target: TargetEncoder, rows: HeldOut | None) -> TargetEncoder:
    """Return the encoder with the decision threshold of a spec.

    Parameters
    ----------
    decision : Decision
    target : TargetEncoder
    rows : HeldOut or None
        Validation rows, if they choose the threshold.
    """
    criterion = decision.threshold
    if not isinstance(criterion, str):
        return replace(target, threshold=criterion, threshold_rows=None)
    if rows is None:
        return target
    probability, positive = rows.scores[:, 1], rows.values == 1
    counts = len(positive), int(np.count_nonzero(positive))
    if counts[1] < FEWEST:
        message = (
            f"only {counted(counts[1], 'validation row')} of the class {target.classes.tolist()[1]!r}" if target.classes is not None else ""
        )
        warn(DataWarning(f"{message}: too few to choose a threshold by {criterion}, which stays 0.5"))
        return replace(target, threshold=0.5, threshold_rows=counts)
    return replace(target, threshold=best_threshold(probability, positive, rows.weights, criterion), threshold_rows=counts)
