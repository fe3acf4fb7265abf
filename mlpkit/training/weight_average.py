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
    decay : float or None
        Decay of an exponential average.
    """

    def __init__(self, options: Training, trained: Array) -> None:
        assert options.average is not None
        self._trained = trained
        self.decay = options.average.decay if isinstance(options.average, ExponentialAverage) else None
        self.mean: Array = np.zeros_like(trained)
        self.share = np.zeros(())
        self._scratch: Array = np.empty_like(trained)
        start = 0.0 if isinstance(options.average, ExponentialAverage) else options.average.start
        self._first = max(1, math.ceil(start * options.epochs))  # number of the first epoch whose end counts

    def add(self, step: int, steps_per_epoch: int) -> None:
        """Add the weights after step number `step`."""
        if self.decay is not None:
            np.multiply(self.mean, self.decay, self.mean)
            np.multiply(self._trained, 1.0 - self.decay, self._scratch)
            np.add(self.mean, self._scratch, self.mean)
            self.count()
        elif step % steps_per_epoch == 0 and step // steps_per_epoch >= self._first:
            self.share += 1.0
            np.subtract(self._trained, self.mean, self._scratch)
            np.divide(self._scratch, float(self.share), self._scratch)
            np.add(self.mean, self._scratch, self.mean)

    def count(self, *_: int) -> None:
        """Update the share of an exponential average for one more vector."""
        if self.decay is not None:
            self.share[...] = self.decay * self.share + (1.0 - self.decay)

    def fill(self, out: Array) -> bool:
        """Fill `out`, shaped like the trained vector, with the average; return False if there is none yet."""
        if self.share == 0:
            return False
        np.divide(self.mean, 1.0 if self.decay is None else float(self.share), out)
        return True
