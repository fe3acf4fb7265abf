"""Decision between two classes at the end of a run: the threshold that the validation rows choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.errors import DataWarning, warn
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.decision_threshold import FEWEST, best_threshold
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.text.shown import counted
from mlpkit.training.evaluation import mean_loss


def decided(spec: Spec, network: Network, prepared: Prepared, target: TargetEncoder) -> TargetEncoder:
    """Return the encoder with the decision threshold of a spec.

    Parameters
    ----------
    spec : Spec
        With a `decision`.
    network : Network
        With the weights of the finished model.
    prepared : Prepared
        With validation rows, if they choose the threshold.
    target : TargetEncoder
    """
    assert spec.decision is not None
    criterion = spec.decision.threshold
    if not isinstance(criterion, str):
        return replace(target, threshold=criterion, threshold_rows=None)
    if prepared.validation is None:
        return target
    answers = mean_loss(network, spec.loss, prepared.validation)[1]
    probability = target.scores(answers.outputs, spec.network.layers[-1].activation, answers.z)[:, 1]
    values, weights = prepared.measured
    positive = values == 1
    rows = len(positive), int(np.count_nonzero(positive))
    if rows[1] < FEWEST:
        message = (
            f"only {counted(rows[1], 'validation row')} of the class {target.classes.tolist()[1]!r}" if target.classes is not None else ""
        )
        warn(DataWarning(f"{message}: too few to choose a threshold by {criterion}, which stays 0.5"))
        return replace(target, threshold=0.5, threshold_rows=rows)
    return replace(target, threshold=best_threshold(probability, positive, weights, criterion), threshold_rows=rows)
