"""Residuals of a finished model on the validation rows, for intervals and sets."""

from __future__ import annotations

from dataclasses import replace

from mlpkit.engine.network import Network
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.preprocessing.residuals import sorted_residuals
from mlpkit.spec import Spec
from mlpkit.training.evaluation import mean_loss


def calibrated(spec: Spec, network: Network, prepared: Prepared, target: TargetEncoder) -> TargetEncoder:
    """Return the encoder with the residuals on the validation rows. Sample weights do not count.

    Parameters
    ----------
    spec : Spec
    network : Network
        With the weights of the finished model.
    prepared : Prepared
        With validation rows.
    target : TargetEncoder
    """
    if prepared.validation is None:
        return target
    answers = mean_loss(network, spec.loss, prepared.validation)[1]
    scores = target.scores(answers.outputs, spec.network.layers[-1].activation, answers.z, spec.loss)
    return replace(target, residuals=sorted_residuals(target.task, scores, prepared.values))
