"""The mean loss of a network on a data set."""

from __future__ import annotations

import numpy as np

from mlpkit.blame import blaming
from mlpkit.blocks import row_blocks
from mlpkit.data import Dataset, StoredDataset
from mlpkit.network import Network
from mlpkit.plugin import Array, Targets
from mlpkit.spec import Spec
from mlpkit.workspace import is_joint

FEWEST = 2**10  # rows of a block, where rows are wide


def mean_loss(network: Network, spec: Spec, data: Dataset | StoredDataset) -> tuple[float, Array]:
    """The weighted mean loss on a data set, and the network's outputs, shape (rows, units)."""
    with np.errstate(all="ignore"), blaming():
        if isinstance(data, Dataset):
            losses, outputs = _losses(network, spec, data.inputs, data.targets)
        else:
            losses, outputs = _losses_by_blocks(network, spec, data)
        return float(np.average(losses, weights=data.weights)), outputs


def _losses(network: Network, spec: Spec, inputs: Array, targets: Targets) -> tuple[Array, Array]:
    """The loss of each row, and the outputs."""
    loss = spec.loss
    scores, outputs = network.scores(inputs)
    losses, grad = np.empty(len(scores), scores.dtype), np.empty_like(scores)
    if is_joint(loss, network):
        loss.joint(scores, targets, losses, grad)
    else:
        loss.value_and_grad(outputs, targets, losses, grad)
    return losses, outputs


def _losses_by_blocks(network: Network, spec: Spec, data: StoredDataset) -> tuple[Array, Array]:
    """The same of inputs on disk, of which a block at a time is in memory."""
    rows, units = len(data.inputs), network.layers[-1].weight.shape[1]
    losses, outputs = np.empty(rows, data.inputs.dtype), np.empty((rows, units), data.inputs.dtype)
    for block in row_blocks(rows, max(data.inputs.step, FEWEST)):
        losses[block], outputs[block] = _losses(network, spec, data.inputs[block], data.targets[block])
    return losses, outputs
