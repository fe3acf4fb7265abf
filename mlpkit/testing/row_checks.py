"""Rules of rows: an activation, a loss or its joint form, as one function of rows with its gradient, and what holds of every such one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Array
from mlpkit.testing.failure_messages import expect, expect_close

RTOL = {np.dtype("float32"): 1e-4, np.dtype("float64"): 1e-9}  # between the same numbers in arrays of other sizes
ATOL = {np.dtype("float32"): 1e-5, np.dtype("float64"): 1e-11}
DISTURBED = 12  # times, to know how much the roundings of float32 matter
ROUNDING = 8 * float(np.finfo("float32").eps)  # share of a number
EPS = float(np.finfo("float64").eps)
ALIVE = 0.2  # share of the rows in which some unit has a gradient, where each unit must have one somewhere
HELD = 1e30  # up to which float32 holds what float64 does
NOT_FAR = 1e5  # size of points up to which float32 must not overflow


class Sample(NamedTuple):
    """Points that a rule takes, and what belongs to their rows."""

    points: Array  # (rows, units)
    beside: NDArray[Any]  # dL/dout, or the targets
    size: float = 1.0  # of the points, roughly

    def part(self, rows: Any) -> Sample:
        """Some of the rows."""
        return self._replace(points=self.points[rows], beside=self.beside[rows])

    def astype(self, dtype: str) -> Sample:
        """In another dtype; classes stay integers."""
        beside = self.beside.astype(dtype) if self.beside.dtype.kind == "f" else self.beside
        return self._replace(points=self.points.astype(dtype), beside=beside)


class Rule(NamedTuple):
    """A function of rows with its gradient."""

    values: str  # what its values are called
    gradients: str
    points: str
    compute: Callable[[Array, Any], tuple[Array, Array]]  # of points and what is beside them: values and gradients
    total: Callable[[Array, Any], Array]  # of values: one number per row, whose gradient it is

    def at(self, sample: Sample) -> tuple[Array, Array]:
        """Values and gradients, with NumPy's warnings switched off as in training."""
        with np.errstate(all="ignore"):
            return self.compute(sample.points, sample.beside)


def expect_alike(found: Array, expected: Array, what: str, advice: str, sample: Sample, called: str) -> None:
    """Raise AssertionError unless two arrays are equal but for the last digits of what is largest in each row."""
    with np.errstate(all="ignore"):
        largest = np.maximum(1.0, np.abs(expected).max(axis=-1, keepdims=True, initial=0.0) if expected.ndim == 2 else np.abs(expected))
        atol = ATOL[expected.dtype] * np.where(np.isfinite(largest), largest, 1.0)
    expect_close(found, expected, what, advice, rtol=RTOL[expected.dtype], atol=atol, at=sample.points, called=called, nan=True)


def expect_parts(rule: Rule, sample: Sample, parts: Sequence[Any], advice: str) -> None:
    """Raise AssertionError unless some rows without the others have the values and gradients that they have among them."""
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
    """Raise AssertionError for NaN among values and gradients, and for infinity unless the points are far."""
    for what, found in zip((rule.values, rule.gradients), rule.at(sample), strict=True):
        wrong = np.argwhere(np.isnan(found) if sample.size > NOT_FAR else ~np.isfinite(found))
        for index in [tuple(map(int, place)) for place in wrong[:1]]:
            row = np.array2string(sample.points[index[0]], precision=4, threshold=6)
            text = f"{what} of {rule.points} of {_shape(sample)}: {found[index]} in {found.dtype} at {list(index)}, where the row is {row}"
            expect(False, text, advice)


def expect_single(rule: Rule, sample: Sample, advice: str) -> None:
    """Raise AssertionError unless float32 gives what float64 does, but for what the rounding of the points does to it."""
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


def expect_alive(rule: Rule, samples: Sequence[Sample], advice: str) -> None:
    """Raise AssertionError where the gradients of a unit are 0 in every row, and those of others are not: it counts for nothing."""
    gradients = np.concatenate([rule.at(sample)[1] for sample in samples])
    shares = (gradients != 0).mean(axis=0)
    for unit in np.flatnonzero((shares == 0) & (shares.max() > ALIVE))[:1]:
        expect(False, f"{rule.gradients} of unit {unit} of {gradients.shape[1]} are 0 in every row: it counts for nothing", advice)


def expect_slopes(rule: Rule, draw: Callable[[int], tuple[Sample, Array, float]], advice: str, *, outwards: bool = False) -> None:
    """Raise AssertionError unless gradients agree with differences along a direction of each row.

    `draw` gives, by seed, a sample, the direction of each row and the longest of the steps. A row that is wrong in one
    sample, as one is that happens to have a kink beside it, counts as wrong when the next sample has one too.
    """
    first = _wrong_row(rule, *draw(0), outwards)
    if first is None or _wrong_row(rule, *draw(1), outwards) is None:
        return
    raise AssertionError(f"{first}; {advice}")


def _wrong_row(rule: Rule, sample: Sample, direction: Array, step: float, outwards: bool) -> str | None:
    """Return what is wrong with the row whose gradient is furthest from the differences; None where every row has some step that agrees."""
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
    return f"{rule.gradients} are wrong in {place}: along a line {found[row]:.6g} in place of {slopes[1][row]:.6g}"


def _sizes(values: Array, beside: NDArray[Any]) -> Array:
    """Return what the numbers that make up a row's total sum up to, all taken as positive."""
    return np.abs(values * beside).sum(axis=1) if values.ndim == 2 else np.abs(values)
