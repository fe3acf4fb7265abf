"""The checks of initializers. A ValueError is a refusal, which may be right: of values that have a shape of their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from mlpkit.plugin import Array, Initializer
from mlpkit.testing.findings import NotApplicable, expect, expect_finite, expect_same_bits
from mlpkit.testing.trial import CheckFunction

INPUTS = 200
LARGEST = 1000.0  # scores
WEIGHTS_AND_BIASES: list[tuple[int, ...]] = [(6, 4), (4,)]


def filled(initializer: Initializer, shape: tuple[int, ...], seed: int = 0, dtype: str = "float64") -> Array | None:
    """An array that was NaN, filled; None when the initializer refuses it."""
    array = np.full(shape, np.nan, dtype)
    try:
        initializer.fill(array, np.random.default_rng(seed))
    except ValueError:
        return None
    return array


def accepted(initializer: Initializer) -> list[tuple[int, ...]]:
    """The shapes that it fills, of a weight, a bias, and of its own options; AssertionError when it refuses all."""
    own = [np.shape(value) for _, value in initializer if isinstance(value, tuple)]
    shapes = [shape for shape in dict.fromkeys([*WEIGHTS_AND_BIASES, *own]) if filled(initializer, shape) is not None]
    expect(bool(shapes), f"fill raises ValueError for the shapes {WEIGHTS_AND_BIASES}", "fill weights, shape (inputs, units), at least")
    return shapes


def answer(initializer: Initializer) -> list[Array]:
    """What it fills arrays with, to be compared."""
    arrays = [filled(initializer, shape) for shape in accepted(initializer)]
    return [array for array in arrays if array is not None]


def fills(initializer: Initializer) -> None:
    """Every entry is filled with a finite number, in place, and nothing beside it is touched."""
    for shape in accepted(initializer):
        for dtype in ("float32", "float64"):
            vector = np.full(int(np.prod(shape)) + 2, np.nan, dtype)
            initializer.fill(vector[1:-1].reshape(shape), np.random.default_rng(0))
            what = f"in an array of the shape {shape}, an entry"
            expect_finite(vector[1:-1], what, "fill the array itself: array[...] = ...")
            expect(bool(np.isnan(vector[[0, -1]]).all()), "fill wrote beside its array", "write into the array alone")


def reproducible(initializer: Initializer) -> None:
    """Randomness is that of `rng` alone: global generators are neither used nor moved."""
    advice = "draw from rng, and from nothing else"
    for shape in accepted(initializer):
        with _global_generators(1) as moved:
            first = filled(initializer, shape)
            expect(not moved(), "fill moves a global generator of numpy.random or random", advice)
        with _global_generators(2):
            second = filled(initializer, shape)
        if first is not None and second is not None:
            expect_same_bits(second, first, "arrays filled twice with the same seed", advice)


@contextmanager
def _global_generators(seed: int) -> Iterator[Callable[[], bool]]:
    """Seed the global generators, and give them back as they were. The value says whether they have moved since."""
    before = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)

    def state() -> str:
        return repr((np.random.get_state(legacy=False), random.getstate()))  # noqa: NPY002

    seeded = state()
    try:
        yield lambda: state() != seeded
    finally:
        np.random.set_state(before[0])  # noqa: NPY002
        random.setstate(before[1])


def shapes(initializer: Initializer) -> None:
    """One input, one unit, and many of both; it may refuse them with ValueError."""
    for shape in ((1, 5), (5, 1), (1, 1), (1,), (200, 100), (2000,)):
        array = filled(initializer, shape, dtype="float32")
        if array is not None:
            expect_finite(array, f"in an array of the shape {shape}, an entry", "fill every shape, or raise ValueError")


def size(initializer: Initializer) -> None:
    """Weights of 200 inputs of unit size give scores of no more than 1000.

    A usual initializer gives 1 or so. From such scores no activation trains: a bounded one is flat there, and others
    make every layer's scores a thousand times as large as those of the layer before.
    """
    weights = filled(initializer, (INPUTS, 100))
    if weights is None:
        raise NotApplicable(f"it refuses weights of the shape {(INPUTS, 100)}")
    scores = float(np.sqrt(np.square(weights).sum(axis=0).mean()))
    advice = "divide by the square root of the inputs, array.shape[0], such as the built-in he_normal does"
    expect(not scores > LARGEST, f"weights of {INPUTS} inputs of unit size give scores of {scores:.4g}", advice)


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (fills, reproducible, shapes, size)}
