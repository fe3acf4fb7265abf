"""Lookup tables of elementwise activations, which allow predictions where the plugin is missing.

The table interpolates between grid points by cubic Hermite polynomials, and extrapolates linearly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Activation, Array, Gated
from mlpkit.plugin.base import RAISED

DEFAULT = (-8.0, 8.0)  # range of pre-activations if no training is known
WIDEST = 1e6
FEWEST, MOST = 64, 8192  # intervals of a grid
CLOSE = 1e-7  # error, relative to the largest value or 1, at which a grid is fine enough
BETWEEN = np.array([0.25, 0.5, 0.75])  # positions within each interval at which the error is measured


class LookupTable(NamedTuple):
    """Lookup table: values and derivatives of an activation on a regular grid.

    Attributes
    ----------
    start, stop : float
        First and last grid point.
    points : array of float64, shape (2, grid)
        Values and derivatives.
    """

    start: float
    stop: float
    points: NDArray[np.float64]

    @property
    def step(self) -> float:
        """Distance between two grid points."""
        return (self.stop - self.start) / float(self.points.shape[1] - 1)

    def __call__(self, z: Array) -> NDArray[np.float64]:
        """Return the values at pre-activations of any shape; NaN for NaN."""
        inside = np.clip(z.astype(np.float64), self.start, self.stop)
        beyond = z - inside
        place = (inside - self.start) / self.step
        index = np.minimum(np.nan_to_num(place).astype(np.intp), self.points.shape[1] - 2)
        t = place - index
        (y0, d0), (y1, d1) = self.points[:, index], self.points[:, index + 1]
        slope = np.where(beyond < 0, self.points[1, 0], self.points[1, -1])
        with np.errstate(all="ignore"):  # numbers in a file may be close to overflow
            blend = t * t * (3.0 - 2.0 * t)
            bend = t * (1.0 - t) * self.step * (d0 * (1.0 - t) - d1 * t)
            return np.asarray(y0 * (1.0 - blend) + y1 * blend + bend + beyond * slope, np.float64)

    def onnx(self, op: Any, z: Any) -> Any:
        """Return the values as part of an ONNX graph; see `Activation.onnx`."""
        x, last = op.cast(z, np.float64), self.points.shape[1] - 2
        inside = op.clip(x, self.start, self.stop)
        place = (inside - self.start) / self.step
        whole = op.where(op("IsNaN", place), 0.0, op.minimum(op("Floor", place), float(last)))
        index = op.cast(whole, np.int64)
        tables = (op.constant(values, x.dtype) for part in (slice(None, -1), slice(1, None)) for values in self.points[:, part])
        y0, d0, y1, d1 = (op("Gather", table, index) for table in tables)
        t, beyond = place - whole, x - inside
        blend = t * t * (3.0 - 2.0 * t)
        bend = t * (1.0 - t) * self.step * (d0 * (1.0 - t) - d1 * t)
        slope = op.where(beyond < 0.0, self.points[1, :1], op.constant(self.points[1, -1:], x.dtype))
        return op.cast(y0 * (1.0 - blend) + y1 * blend + bend + beyond * slope, z.dtype)

    def difference(self, activation: Activation, within: Sequence[float] | None = None) -> tuple[float, str]:
        """Return the largest difference to an activation at the grid points in a range, relative to the largest value, and its part.

        The part is "outputs" or "derivatives". The difference is infinite if the activation fails or is not finite.
        """
        low, high = within or (self.start, self.stop)
        grid = np.linspace(self.start, self.stop, self.points.shape[1])
        inside = (grid >= low - self.step) & (grid <= high + self.step)
        here = _at(activation, grid[inside])
        if here is None:
            return math.inf, "outputs"
        found = []
        for name, now, then in zip(("outputs", "derivatives"), here, self.points[:, inside], strict=True):
            with np.errstate(all="ignore"):
                found.append((float(np.abs(now - then).max(initial=0.0) / max(np.abs(then).max(initial=0.0), 1e-300)), name))
        return max(found)


class Sampled(NamedTuple):
    """Lookup table with the range of pre-activations in training and the largest error measured in that range.

    Attributes
    ----------
    table : LookupTable
    trained : tuple of float, or None
        Lowest and highest pre-activation of a sample of the training rows; None if no training is known.
    error : float
        Largest difference to the activation in that range, or in the whole table without one.
    """

    table: LookupTable
    trained: tuple[float, float] | None
    error: float

    @classmethod
    def of(cls, activation: Activation, trained: tuple[float, float] | None) -> Self | None:
        """Return a table of sufficient accuracy, or the finest one allowed; None for an activation that is not elementwise."""
        low, high = DEFAULT if trained is None else trained
        margin = max(high - low, 1.0) / 4.0
        start, stop = max(low - margin, -WIDEST), min(high + margin, WIDEST)
        measured = max(low, start), min(high, stop)
        if not is_elementwise(activation) or not measured[0] <= measured[1]:
            return None
        intervals = FEWEST
        while (found := _tabulate(activation, start, stop, intervals)) is not None:
            error = _error(activation, found, measured)
            if error <= CLOSE * max(1.0, float(np.abs(found.points[0]).max())) or intervals >= MOST:
                return cls(found, trained, error) if np.isfinite(error) else None
            intervals *= 2
        return None


def accuracy_text(surrogate: Mapping[str, Any]) -> str:
    """Return a description of the error of a table, from its record."""
    trained = surrogate["trained"]
    if trained is None:
        return f"error {surrogate['error']:.1g} (the pre-activations in training are not known)"
    return f"error {surrogate['error']:.1g} for the pre-activations in training, {trained[0]:.3g} to {trained[1]:.3g}"


def key_of(entry: Any) -> str:
    """Return a plugin's entry in a spec, or its options, as canonical text, in which 2 and 2.0 are equal."""
    return json.dumps(_plain(entry), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_elementwise(activation: Activation) -> bool:
    """Return True if each output depends on its own pre-activation only, by one function for all units, on some test values.

    False for gated activations, and for those with trained parameters, whose values differ between units.
    """
    if isinstance(activation, Gated) or activation.parameters:
        return False
    z = np.random.default_rng(0).normal(0.0, 2.0, (4, 6))
    try:
        together, single = _values(activation, z), _values(activation, z.reshape(-1, 1)).reshape(z.shape)
    except RAISED:
        return False
    return bool(np.isfinite(together).all() and np.allclose(together, single, rtol=1e-9, atol=1e-12))


def _values(activation: Activation, z: Array) -> Array:
    out = np.empty_like(z)
    with np.errstate(all="ignore"):
        activation.forward(z.copy(), out)
    return out


def _tabulate(activation: Activation, start: float, stop: float, intervals: int) -> LookupTable | None:
    points = _at(activation, np.linspace(start, stop, intervals + 1))
    return None if points is None else LookupTable(start, stop, points)


def _at(activation: Activation, scores: Array) -> NDArray[np.float64] | None:
    """Return values and derivatives, shape (2, scores); None if a value is not finite or the activation fails."""
    z = scores[:, None].copy()
    out, grad = np.empty_like(z), np.ones_like(z)
    try:
        with np.errstate(all="ignore"):
            activation.forward(z, out)
            values = out.copy()
            activation.backward(z, out, grad)
    except RAISED:
        return None
    points = np.stack([values[:, 0], grad[:, 0]])
    return points.astype(np.float64) if np.isfinite(points).all() else None


def _error(activation: Activation, table: LookupTable, measured: tuple[float, float]) -> float:
    """Return the largest error of a table between its grid points and at the ends of a range."""
    grid = np.linspace(table.start, table.stop, table.points.shape[1])
    z = (grid[:-1, None] + BETWEEN * table.step).reshape(-1)
    z = np.concatenate([z[(z >= measured[0]) & (z <= measured[1])], measured])
    return float(np.abs(_values(activation, z[:, None])[:, 0] - table(z)).max())
