"""Checks of initializers. A ValueError that an initializer raises itself is a rejection of a shape, which is allowed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from mlpkit.plugin import Array, Initializer
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.concurrency import expect_undisturbed
from mlpkit.testing.failure_messages import NotApplicable, expect, expect_finite, expect_same_bits
from mlpkit.testing.refusals import is_refusal

LARGEST = 1000.0  # largest root mean square of pre-activations
WEIGHTS_AND_BIASES: list[tuple[int, ...]] = [(6, 4), (4,)]
SHAPES: list[tuple[int, ...]] = [
    *((1, 5), (5, 1), (1, 1), (1,), (5,), (1, 4), (4, 1), (80, 70), (3, 4100), (4100, 3), (200, 100), (300, 400)),
    (2000,),
]
DRAWN = (20, 12)  # large enough that two random arrays are never equal
MAKERS = ("default_rng", "RandomState", "Generator", "PCG64", "MT19937", "Philox", "SFC64", "SeedSequence", "Random")
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def filled(initializer: Initializer, shape: tuple[int, ...], dtype: str = "float64") -> Array | None:
    """Return an array filled by the initializer, NaN before; None if the initializer rejects the shape."""
    array = np.full(shape, np.nan, dtype)
    try:
        initializer.fill(array, np.random.default_rng(0))
    except ValueError as error:
        if is_refusal(error):
            return None
        raise
    return array


def accepted(initializer: Initializer) -> list[tuple[int, ...]]:
    """Return the shapes that the initializer accepts; AssertionError if it rejects weights and biases."""
    own = [np.shape(value) for _, value in initializer if isinstance(value, tuple)]
    shapes = [shape for shape in dict.fromkeys([*WEIGHTS_AND_BIASES, *own]) if filled(initializer, shape) is not None]
    expect(bool(shapes), f"fill raises ValueError for the shapes {WEIGHTS_AND_BIASES}", "fill weights, shape (inputs, units), at least")
    return shapes


def fills(initializer: Initializer) -> None:
    """Check that every entry is finite, and that no other memory is written, nor the array of an earlier call."""
    for shape in accepted(initializer):
        for dtype in ("float32", "float64"):
            vector = np.full(int(np.prod(shape)) + 2, np.nan, dtype)
            initializer.fill(vector[1:-1].reshape(shape), np.random.default_rng(0))
            what = f"in an array of the shape {shape}, an entry"
            expect_finite(vector[1:-1], what, "fill the array itself: array[...] = ...")
            expect(bool(np.isnan(vector[[0, -1]]).all()), "fill wrote outside its array", "write into the array alone")
            before = vector.copy()
            initializer.fill(np.empty(shape, dtype), np.random.default_rng(1))
            expect_same_bits(vector, before, "an array before and after another one was filled", "keep no array between two calls")


def reproducible(initializer: Initializer) -> None:
    """Check that `rng` is the only source of randomness: global generators are not used, and other seeds give other numbers."""
    advice = "draw from rng, and from nothing else"
    for shape in accepted(initializer):
        with _global_generators(1) as moved:
            first = filled(initializer, shape)
            expect(not moved(), "fill uses a global generator of numpy.random or random", advice)
        with _global_generators(2):
            second = filled(initializer, shape)
        if first is not None and second is not None:
            expect_same_bits(second, first, "arrays filled twice with the same seed", advice)
    for shape in (*accepted(initializer), DRAWN):
        _expect_of_rng(initializer, shape, advice)


def _expect_of_rng(initializer: Initializer, shape: tuple[int, ...], advice: str) -> None:
    """Check that random numbers depend on the seed, and that no generator independent of `rng` is created."""
    found, drew, makes = [], False, False
    for seed in range(4):
        rng, array = np.random.default_rng(seed), np.full(shape, np.nan)
        before = repr(rng.bit_generator.state)
        try:
            with _makers() as made:
                initializer.fill(array, rng)
        except ValueError as error:
            if is_refusal(error):
                return
            raise
        found.append(array)
        drew |= repr(rng.bit_generator.state) != before
        makes |= bool(made)
    same = all(np.array_equal(array, found[0]) for array in found)
    random_numbers = np.unique(found[0]).size > 1
    expect(not (same and random_numbers and drew), f"arrays of the shape {shape} are the same for all seeds of rng", advice)
    expect(not (same and random_numbers and (makes or _uses_generators(initializer))), "fill draws from a generator of its own", advice)


@contextmanager
def _makers() -> Iterator[list[str]]:
    """Record the names of functions that create generators while the context is open."""
    called: list[str] = []
    module: Any = np.random
    before = module.default_rng

    def noting(name: str, maker: Any) -> Any:
        def make(*args: Any, **options: Any) -> Any:
            called.append(name)
            return maker(*args, **options)

        return make

    try:
        module.default_rng = noting("default_rng", before)  # NumPy itself uses the classes
        yield called
    finally:
        module.default_rng = before


def _uses_generators(initializer: Initializer) -> bool:
    """Return True if `fill`, or a function of its module that it calls, uses or creates a generator."""
    functions: list[Any] = [type(initializer).fill]
    for function in functions:  # the list grows in the loop
        names, module = function.__code__.co_names, function.__globals__
        values = [module[name] for name in names if name in module]
        if any(name in MAKERS for name in names) or any(isinstance(value, GENERATORS) for value in values):
            return True
        functions += [value for value in values if isinstance(value, FunctionType) and value not in functions]
    return False


@contextmanager
def _global_generators(seed: int) -> Iterator[Callable[[], bool]]:
    """Seed the global generators and restore them at the end. The value is a function that returns True once they are used."""
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
    """Check shapes with one input, one unit, and many of both; an initializer may reject them with its own ValueError."""
    for shape in SHAPES:
        for dtype in ("float32", "float64") if np.prod(shape) < 10_000 else ("float32",):
            array = filled(initializer, shape, dtype=dtype)
            if array is not None:
                expect_finite(array, f"in an array of the shape {shape}, an entry", "fill every shape, or raise ValueError")


def size(initializer: Initializer) -> None:
    """Check that weights keep pre-activations below 1000 for inputs of unit size, and that large arrays have no zero parts.

    Common initializers give about 1. No activation trains with such large pre-activations: bounded ones saturate, and others multiply
    the pre-activations by a thousand in every layer.
    """
    small = filled(initializer, (20, 12))
    for shape in ((200, 100), (3, 4100), (4100, 3)):
        weights = filled(initializer, shape)
        if weights is None:
            if shape == (200, 100):
                raise NotApplicable(f"it rejects weights of the shape {shape}")
            continue
        typical = float(np.sqrt(np.square(weights).sum(axis=0).mean()))
        advice = "divide by the square root of the inputs, array.shape[0], such as the built-in he_normal does"
        expect(not typical > LARGEST, f"weights for {shape[0]} inputs of unit size give pre-activations of {typical:.4g}", advice)
        if small is not None and (small != 0).all():
            found = f"{(weights == 0).sum()} of the {weights.size} numbers of an array of the shape {shape} are 0, and none in a small one"
            expect((weights == 0).mean() < 0.3, found, "fill large arrays like small ones")


def threads(initializer: Initializer) -> None:
    """Check that models initialized in several threads at once do not affect each other."""
    shape = accepted(initializer)[0]
    expect_undisturbed(partial(_filled, initializer, shape, 1), partial(_filled, initializer, shape, 2))


def _filled(initializer: Initializer, shape: tuple[int, ...], seed: int) -> list[Array]:
    array = np.empty(shape)
    initializer.fill(array, np.random.default_rng(seed))
    return [array]


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (fills, reproducible, shapes, size, threads)}
