"""The mean loss of a network on a data set."""

from __future__ import annotations

import numpy as np

from mlpkit.data import Dataset
from mlpkit.network import Network
from mlpkit.plugin import Array
from mlpkit.spec import Spec
from mlpkit.workspace import is_joint


def mean_loss(network: Network, spec: Spec, data: Dataset) -> tuple[float, Array]:
    """The weighted mean loss on a data set, and the network's outputs, shape (rows, units)."""
    loss = spec.loss
    with np.errstate(all="ignore"):
        scores, outputs = network.scores(data.inputs)
        losses, grad = np.empty(len(scores), scores.dtype), np.empty_like(scores)
        if is_joint(loss, network):
            loss.joint(scores, data.targets, losses, grad)
        else:
            loss.value_and_grad(outputs, data.targets, losses, grad)
        return float(np.average(losses, weights=data.weights)), outputs
