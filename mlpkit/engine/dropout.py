"""Random changes of values in training: dropout of outputs, and dropout and noise of the network's inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlpkit.engine.inference import Calls
from mlpkit.plugin import Array
from mlpkit.spec.dropout import AlphaDropout, Dropout, GaussianDropout, rate_of

LOWEST = -1.7580993408473766  # of selu: -scale alpha


class DropoutMask:
    """Random factors of the values of an array, drawn anew in each step.

    Parameters
    ----------
    options : float, AlphaDropout or GaussianDropout
    shape : tuple of int
        (rows, units)
    dtype : dtype
    rng : numpy.random.Generator

    Attributes
    ----------
    mask : array, shape (rows, units)
        Derivative of the results by the values.
    rate : float
        Present rate.
    """

    def __init__(self, options: Dropout, shape: tuple[int, ...], dtype: np.dtype[np.floating], rng: np.random.Generator) -> None:
        self.options, self.rng, self.rate = options, rng, rate_of(options)
        self.mask: Array = np.empty(shape, dtype)

    def fade_to(self, share: float) -> None:
        """Set the rate to a share of that of the options."""
        self.rate = share * rate_of(self.options)

    def forward(self, values: Array, results: Array) -> Calls:
        """Return the calls that fill `results` from `values`."""
        if isinstance(self.options, GaussianDropout):
            return [(self._draw_normal, ()), (np.multiply, (values, self.mask, results))]
        if not isinstance(self.options, AlphaDropout):
            return [(self._draw, ()), (np.multiply, (values, self.mask, results))]
        return [
            (self._draw, ()),
            (np.subtract, (values, self.mask.dtype.type(LOWEST), results)),
            (np.multiply, (results, self.mask, results)),
            (self._shift, (results,)),
        ]

    def backward(self, grad: Array) -> Calls:
        """Return the call that converts the gradient of the results into that of the values, in place."""
        return [(np.multiply, (grad, self.mask, grad))]

    def _draw(self) -> None:
        """Fill the mask with 0 for dropped values and the scale for the others."""
        self.rng.random(dtype=self.mask.dtype.type, out=self.mask)
        np.greater_equal(self.mask, self.rate, out=self.mask)
        self.mask *= self._scale()

    def _scale(self) -> float:
        """Return the factor of kept values."""
        kept = 1.0 - self.rate
        return 1.0 / (math.sqrt(kept * (1.0 + self.rate * LOWEST**2)) if isinstance(self.options, AlphaDropout) else kept)

    def _shift(self, results: Array) -> None:
        """Add the shift of alpha dropout: results are scale (mask (values - LOWEST) + LOWEST - rate LOWEST)."""
        results += self._scale() * LOWEST * (1.0 - self.rate)

    def _draw_normal(self) -> None:
        self.rng.standard_normal(dtype=self.mask.dtype.type, out=self.mask)
        self.mask *= math.sqrt(self.rate / (1.0 - self.rate))
        self.mask += 1.0


class InputNoise:
    """Copy of a batch's inputs, with dropout and noise in training. Numbers of categories stay as they are.

    Parameters
    ----------
    dropout : float
        Share of the inputs that are set to 0; the others are divided by 1 - dropout.
    noise : float
        Standard deviation of normal numbers that are added first.
    constant : sequence of int
        Indices of inputs that get no noise.
    shape : tuple of int
        (rows, inputs)
    dtype : dtype
    rng : numpy.random.Generator
    codes : sequence of int
        Indices of inputs that are numbers of categories.
    """

    def __init__(
        self,
        dropout: float,
        noise: float,
        constant: Sequence[int],
        shape: tuple[int, ...],
        dtype: np.dtype[np.floating],
        rng: np.random.Generator,
        codes: Sequence[int] = (),
    ) -> None:
        self.noise, self.share, self.constant, self.codes, self.rng = noise, 1.0, constant, codes, rng
        self.inputs: Array = np.empty(shape, dtype)
        self.dropout = DropoutMask(dropout, shape, dtype, rng) if dropout else None
        self.scratch = self.inputs if self.dropout is None else self.dropout.mask
        self.calls = [] if self.dropout is None else self.dropout.forward(self.inputs, self.inputs)

    def fade_to(self, share: float) -> None:
        """Set dropout and noise to a share of those of the spec."""
        self.share = share
        if self.dropout is not None:
            self.dropout.fade_to(share)

    def fill(self, inputs: Array) -> Array:
        """Return the copy, filled from a batch."""
        if self.noise:
            self.rng.standard_normal(dtype=self.scratch.dtype.type, out=self.scratch)
            self.scratch *= self.noise * self.share
            for index in self.constant:
                self.scratch[:, index] = 0.0
            np.add(inputs, self.scratch, self.inputs)
        else:
            self.inputs[...] = inputs
        for function, arguments in self.calls:
            function(*arguments)
        for index in self.codes:
            self.inputs[:, index] = inputs[:, index]
        return self.inputs
