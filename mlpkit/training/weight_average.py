"""Average of the weights of a run, with which its model predicts."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.plugin import Array
from mlpkit.spec import Training
from mlpkit.spec.weight_average import ExponentialAverage


class WeightAverage:
    """Average of the trained vector, updated after each step.

    Parameters
    ----------
    options : Training
        With `average` and the number of epochs.
    trained : array, shape (trained,)

    Attributes
    ----------
    mean : array, shape (trained,)
        Sum of weighted vectors for an exponential average, mean of vectors for a stochastic one.
    share : array, shape ()
        Sum of the weights of these vectors, or the number of vectors.
    """

    def __init__(self, options: Training, trained: Array) -> None:
        assert options.average is not None
        self._options, self._trained = options.average, trained
        self.mean: Array = np.zeros_like(trained)
        self.share = np.zeros(())
        self._scratch: Array = np.empty_like(trained)
        start = 0.0 if isinstance(self._options, ExponentialAverage) else self._options.start
        self._first = max(1, math.ceil(start * options.epochs))  # number of the first epoch whose end counts

    def add(self, step: int, steps_per_epoch: int) -> None:
        """Add the weights after step number `step`."""
        if isinstance(self._options, ExponentialAverage):
            decay = self._options.decay
            np.multiply(self.mean, decay, self.mean)
            np.multiply(self._trained, 1.0 - decay, self._scratch)
            np.add(self.mean, self._scratch, self.mean)
            self.share[...] = decay * self.share + (1.0 - decay)
        elif step % steps_per_epoch == 0 and step // steps_per_epoch >= self._first:
            self.share += 1.0
            np.subtract(self._trained, self.mean, self._scratch)
            np.divide(self._scratch, float(self.share), self._scratch)
            np.add(self.mean, self._scratch, self.mean)

    def fill(self, out: Array) -> bool:
        """Fill `out`, shaped like the trained vector, with the average; return False if there is none yet."""
        if self.share == 0:
            return False
        np.divide(self.mean, float(self.share) if isinstance(self._options, ExponentialAverage) else 1.0, out)
        return True
