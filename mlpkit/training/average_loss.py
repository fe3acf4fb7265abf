"""The mean loss of a network on a data set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import is_joint
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, Targets
from mlpkit.plugin.error_attribution import blaming
from mlpkit.spec import Spec

FEWEST = 2**10  # rows of a block, where rows are wide


class Answers(NamedTuple):
    """The outputs of a network for some rows: the last layer's scores before its activation, and its outputs, shape (rows, units)."""

    scores: Array
    outputs: Array


def mean_loss(network: Network, spec: Spec, data: Dataset | StoredDataset) -> tuple[float, Answers]:
    """The weighted mean loss on a data set, and what the network says of it."""
    with np.errstate(all="ignore"), blaming():
        if isinstance(data, Dataset):
            losses, answers = _losses(network, spec, data.inputs, data.targets)
        else:
            losses, answers = _losses_by_blocks(network, spec, data)
        return float(np.average(losses, weights=data.weights)), answers


def _losses(network: Network, spec: Spec, inputs: Array, targets: Targets) -> tuple[Array, Answers]:
    """The loss of each row, and what the network says."""
    loss = spec.loss
    scores, outputs = network.forward(inputs)
    losses = np.empty(len(scores), scores.dtype)
    if is_joint(loss, network):
        loss.joint(scores.copy(), targets, losses, np.empty_like(scores))
    else:
        loss.value_and_grad(outputs, targets, losses, np.empty_like(outputs))
    return losses, Answers(scores, outputs)


def _losses_by_blocks(network: Network, spec: Spec, data: StoredDataset) -> tuple[Array, Answers]:
    """The same of inputs on disk, of which a block at a time is in memory."""
    rows, columns, dtype = len(data.inputs), network.layers[-1].weight.shape[1], data.inputs.dtype
    losses = np.empty(rows, dtype)
    answers = Answers(np.empty((rows, columns), dtype), np.empty((rows, network.units), dtype))
    for block in row_blocks(rows, max(data.inputs.step, FEWEST)):
        losses[block], some = _losses(network, spec, data.inputs[block], data.targets[block])
        answers.scores[block], answers.outputs[block] = some
    return losses, answers
