"""Network with the averaged weights of a run, for optimizers that predict with other weights than they train."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.plugin import Array
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.training.batch_statistics import measure_batch_statistics
from mlpkit.training.update import Update


class AveragedNetwork:
    """Copy of a trained network, which gets the averaged weights when they are needed.

    The running averages of batch normalization belong to the trained weights; for the averaged ones the statistics are measured.

    Parameters
    ----------
    trained : Network
    update : Update
        Optimizer with its state, from which the averages are computed.
    inputs : array or stored inputs, shape (rows, inputs)
        Encoded training rows.
    """

    def __init__(self, trained: Network, update: Update, inputs: Array | StoredInputs) -> None:
        self.network = deepcopy(trained)
        self._trained, self._update, self._inputs = trained, update, inputs
        self._step = -1  # to which the weights belong

    def after(self, step: int) -> Network:
        """Return the network with the present averages, which are computed once after each step that asks for them."""
        if self._step != step:
            parameters = self.network.parameters
            parameters.vector[...] = self._trained.parameters.vector
            with attributing_errors(), np.errstate(all="ignore"):
                if self._update.average(parameters.trained):
                    measure_batch_statistics(self.network, self._inputs)
                else:
                    parameters.vector[...] = self._trained.parameters.vector
            self._step = step
        return self.network
