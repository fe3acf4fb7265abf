"""Row-wise functions with gradients (an activation, a loss or its fused form), and assertions that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Array
from mlpkit.testing.failure_messages import expect, expect_close

RTOL = {np.dtype("float32"): 1e-4, np.dtype("float64"): 1e-9}  # tolerance between arrays of different sizes
ATOL = {np.dtype("float32"): 1e-5, np.dtype("float64"): 1e-11}
DISTURBED = 12  # number of random perturbations that estimate the effect of rounding to float32
ROUNDING = 8 * float(np.finfo("float32").eps)  # relative size of a perturbation
EPS = float(np.finfo("float64").eps)
ALIVE = 0.2  # share of rows with a gradient in some unit, from which every unit must have one
HELD = 1e30  # largest value that is compared in float32
NOT_FAR = 1e5  # size of points up to which float32 must not overflow


class Sample(NamedTuple):
    """Points of a rule and the second argument for their rows."""

    points: Array  # (rows, units)
    beside: NDArray[Any]  # dL/dout, or the targets
    size: float = 1.0  # approximate size of the points

    def part(self, rows: Any) -> Sample:
        """Return a subset of the rows."""
        return self._replace(points=self.points[rows], beside=self.beside[rows])

    def astype(self, dtype: str) -> Sample:
        """Return the sample in another dtype; classes stay integers."""
        beside = self.beside.astype(dtype) if self.beside.dtype.kind == "f" else self.beside
        return self._replace(points=self.points.astype(dtype), beside=beside)


class Rule(NamedTuple):
    """Row-wise function with its gradient."""

    values: str  # name of the values in messages
    gradients: str
    points: str
    compute: Callable[[Array, Any], tuple[Array, Array]]  # from points and second argument to values and gradients
    total: Callable[[Array, Any], Array]  # from values to one number per row, whose gradient is checked

    def at(self, sample: Sample) -> tuple[Array, Array]:
        """Return values and gradients, with NumPy's warnings disabled as in training."""
        with np.errstate(all="ignore"):
            return self.compute(sample.points, sample.beside)


def expect_alike(found: Array, expected: Array, what: str, advice: str, sample: Sample, called: str) -> None:
    """Raise AssertionError unless two arrays are equal up to rounding, relative to the largest number in each row."""
    with np.errstate(all="ignore"):
        largest = np.maximum(1.0, np.abs(expected).max(axis=-1, keepdims=True, initial=0.0) if expected.ndim == 2 else np.abs(expected))
        atol = ATOL[expected.dtype] * np.where(np.isfinite(largest), largest, 1.0)
    expect_close(found, expected, what, advice, rtol=RTOL[expected.dtype], atol=atol, at=sample.points, called=called, nan=True)


def expect_parts(rule: Rule, sample: Sample, parts: Sequence[Any], advice: str) -> None:
    """Raise AssertionError unless subsets of the rows give the same values and gradients as in the whole array."""
    whole = rule.at(sample)
    where = f"{_shape(sample)} in {sample.points.dtype}"
    for rows in parts:
        part = sample.part(rows)
        for what, found, expected in zip((rule.values, rule.gradients), rule.at(part), whole, strict=True):
            text = f"{what} of some rows without the others, of {rule.points} of {where},"
            expect_alike(found, expected[rows], text, advice, part, rule.points)


def _shape(sample: Sample) -> str:
    return f"the shape {sample.points.shape} and the size {sample.size:g}"


def expect_no_nan(rule: Rule, sample: Sample, advice: str) -> None:
    """Raise AssertionError for NaN in values or gradients, and for infinity unless the points are very large.

    A gradient may also be infinite where a value of its row is above 1e30, as that of exp(z) is: its product with dL/dout may not fit.
    """
    values, gradients = rule.at(sample)
    large = (np.abs(values) > HELD).reshape(len(values), -1).any(axis=1) | (sample.size > NOT_FAR)
    for what, found, excused in ((rule.values, values, sample.size > NOT_FAR), (rule.gradients, gradients, large)):
        rows = np.broadcast_to(excused, len(found)).reshape(-1, *[1] * (found.ndim - 1))
        wrong = np.argwhere(np.isnan(found) | (np.isinf(found) & ~rows))
        for index in [tuple(map(int, place)) for place in wrong[:1]]:
            row = np.array2string(sample.points[index[0]], precision=4, threshold=6)
            text = f"{what} of {rule.points} of {_shape(sample)}: {found[index]} in {found.dtype} at {list(index)}, where the row is {row}"
            expect(False, text, advice)


def expect_single(rule: Rule, sample: Sample, advice: str) -> None:
    """Raise AssertionError unless float32 agrees with float64, up to the effect of rounding the points."""
    single = sample.astype("float32")
    exact = single.astype("float64")
    expected = rule.at(exact)
    spread = [np.zeros_like(array) for array in expected]
    rng = np.random.default_rng(17)
    with np.errstate(all="ignore"):
        for _ in range(DISTURBED):
            moved = exact._replace(points=exact.points * (1 + ROUNDING * rng.uniform(-1, 1, exact.points.shape)))
            for array, found, right in zip(spread, rule.at(moved), expected, strict=True):
                np.fmax(array, np.abs(found - right), out=array)
        for what, found, right, lost in zip((rule.values, rule.gradients), rule.at(single), expected, spread, strict=True):
            largest = np.abs(right).max(axis=-1, keepdims=True, initial=0.0) if right.ndim == 2 else np.abs(right)
            atol = 4 * lost + 1e-4 + 1e-5 * np.nan_to_num(largest, posinf=0.0)
            held = (np.abs(right) < HELD) & ((np.abs(found) < HELD) | np.isnan(found) | (sample.size <= NOT_FAR))
            text = f"{what} in float32, of {rule.points} of {_shape(sample)},"
            single_found, double = np.where(held, found, 0.0), np.where(held, right, 0.0)
            expect_close(single_found, double, text, advice, rtol=1e-3, atol=atol, at=single.points, called=rule.points)


def expect_alive(rule: Rule, samples: Sequence[Sample], advice: str, *, but_last: bool = False) -> None:
    """Raise AssertionError if one unit has zero gradients in every row and others do not.

    With `but_last` the last unit may have none, such as that of a distribution, whose last probability follows from the others.
    """
    gradients = np.concatenate([rule.at(sample)[1] for sample in samples])
    shares = (gradients != 0).mean(axis=0)[: -1 if but_last else None]
    for unit in np.flatnonzero((shares == 0) & (shares.max() > ALIVE))[:1]:
        expect(False, f"{rule.gradients} of unit {unit} of {gradients.shape[1]} are 0 in every row: it has no effect", advice)


def expect_slopes(rule: Rule, draw: Callable[[int], tuple[Sample, Array, float]], advice: str, *, outwards: bool = False) -> None:
    """Raise AssertionError unless gradients agree with differences along a direction in each row.

    `draw` returns, for a seed, a sample, a direction for each row and the longest step. A wrong row, which may be close to a kink by
    chance, counts as an error only if a second sample has one too.
    """
    first = _wrong_row(rule, *draw(0), outwards)
    if first is None or _wrong_row(rule, *draw(1), outwards) is None:
        return
    raise AssertionError(f"{first}; {advice}")


def _wrong_row(rule: Rule, sample: Sample, direction: Array, step: float, outwards: bool) -> str | None:
    """Return a message about the row with the largest deviation from all differences; None if every row agrees for some step."""
    with np.errstate(all="ignore"):
        values, gradients = rule.at(sample)
        here = rule.total(values, sample.beside)
        found = np.einsum("ij,ij->i", gradients, direction)
        size = np.sqrt(np.einsum("ij,ij->i", np.square(gradients), np.square(direction)))
        slopes = []
        for each in (step, step / 2, step / 4):
            above = rule.total(rule.at(sample._replace(points=sample.points + each * direction))[0], sample.beside)
            below = here if outwards else rule.total(rule.at(sample._replace(points=sample.points - each * direction))[0], sample.beside)
            slopes.append((above - below) / (each if outwards else 2 * each))
        lost = 100 * EPS * (_sizes(values, sample.beside) + 1) / (step / 4)
        bent = 2 * np.abs(slopes[0] - slopes[1])
        bent = 2 * bent if outwards else np.minimum(bent, 0.3 * (np.abs(slopes[1]) + size))
        off = np.min([np.abs(found - slope) for slope in slopes], axis=0)
        allowed = 1e-5 * (np.abs(found) + size) + 1e-6 * min(1.0, sample.size) + lost + bent
        over = np.where(np.isnan(off), np.inf, off - allowed)
    row = int(np.argmax(over)) if len(over) else 0
    if not len(over) or not over[row] > 0:
        return None
    place = f"row {row} of {rule.points} of {_shape(sample)}, where its first is {sample.points[row, 0]:g}"
    return f"{rule.gradients} are wrong in {place}: along a line {found[row]:.6g} instead of {slopes[1][row]:.6g}"


def _sizes(values: Array, beside: NDArray[Any]) -> Array:
    """Return the sum of absolute terms in each row's total."""
    return np.abs(values * beside).sum(axis=1) if values.ndim == 2 else np.abs(values)
