"""Assertions of the checks, with messages that tell what is wrong, where, by how much, and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]


class NotApplicable(Exception):
    """Raised if a check does not apply to a plugin; the message is the reason."""


def expect(holds: bool, found: str, advice: str) -> None:
    """Raise AssertionError with the finding and the advice unless a condition holds."""
    if not holds:
        raise AssertionError(f"{found}; {advice}")


def expect_same_bits(found: Numbers, expected: Numbers, what: str, advice: str) -> None:
    """Raise AssertionError unless two arrays have the same shape, dtype and bits."""
    _expect_alike(found, expected, what, advice)
    if found.tobytes() != expected.tobytes():
        raise AssertionError(f"{what} differ: {_largest(found, expected)}; {advice}")


def expect_close(
    found: Numbers,
    expected: Numbers,
    what: str,
    advice: str,
    *,
    rtol: float = 1e-9,
    atol: float | Numbers = 1e-12,
    at: Numbers | None = None,
    called: str = "z",
    nan: bool = False,
) -> None:
    """Raise AssertionError unless two arrays are equal up to a tolerance; `at` and `called` describe the position.

    With `nan`, NaN equals NaN, because another check reports it.
    """
    expect(found.shape == expected.shape, f"{what} have the shape {found.shape} instead of {expected.shape}", advice)
    if not np.allclose(found, expected, rtol=rtol, atol=atol, equal_nan=nan):
        raise AssertionError(f"{what} are wrong: {_largest(found, expected, at, called)}; {advice}")


def expect_alike(found: Any, like: Numbers, what: str, advice: str) -> None:
    """Raise AssertionError unless a value is an array with the shape and dtype of another."""
    expect(isinstance(found, np.ndarray), f"{what} is {_type(found)}, not an array", advice)
    _expect_alike(found, like, what, advice)


def expect_finite(array: Numbers, what: str, advice: str, *, at: Numbers | None = None, called: str = "z") -> None:
    """Raise AssertionError if an array has NaN or infinity."""
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        index = tuple(int(number) for number in wrong[0])
        where = _place(index) if at is None or at.shape != array.shape else f"{_place(index)}, where {called} is {at[index]:g},"
        raise AssertionError(f"{what} {where} is {array[index]} in {array.dtype} ({len(wrong)} of {array.size} are not finite); {advice}")


def _expect_alike(found: Numbers, like: Numbers, what: str, advice: str) -> None:
    expect(found.dtype == like.dtype, f"{what} is {found.dtype} instead of {like.dtype}", advice)
    expect(found.shape == like.shape, f"{what} has the shape {found.shape} instead of {like.shape}", advice)


def _largest(found: Numbers, expected: Numbers, at: Numbers | None = None, called: str = "z") -> str:
    """Return a description of the largest difference of two arrays."""
    if not found.size:
        return "both are empty"
    found, expected = np.atleast_1d(found), np.atleast_1d(expected)
    with np.errstate(all="ignore"):
        difference = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    difference[np.isnan(difference) & ~(np.isnan(found) & np.isnan(expected))] = np.inf
    index = tuple(
        int(number) for number in np.unravel_index(int(np.argmax(np.nan_to_num(difference, nan=0.0, posinf=np.inf))), found.shape)
    )
    where = "" if at is None or at.shape != found.shape else f", where {called} is {at[index]:g}"
    return f"{found[index]:.9g} instead of {expected[index]:.9g} {_place(index)}{where} ({found.dtype}, difference {difference[index]:.3g})"


def _place(index: tuple[int, ...]) -> str:
    return f"at {list(index)}" if index else ""


def _type(value: Any) -> str:
    return type(value).__name__
