"""Checks of kernels: the same bits as NumPy, for every built-in optimizer that they take. NaN equals any NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mlpkit.plugin import REGISTRIES, Array, Minimizer, Optimizer, Wrapper, example_options, takes_place
from mlpkit.plugin.kernels import Kernel, Kernels, StepParts, TensorPlace
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect
from mlpkit.testing.variants import at_limits, variants

DTYPES = ("float64", "float32")
SIZES = (*range(1, 71), 1_000)
LARGE = 100_003  # numbers, enough for several threads
FEW = (1, 7, 33)
SPECIAL = (0.0, -0.0, 1e-45, -1e-40, 5e-324, -1e-310, 1.0, -1.0, 1e-30, 3e38, -1e300, np.inf, -np.inf, np.nan)
TENSORS = (((7, 5), "weight"), ((5,), "bias"), ((1, 3), "weight"), ((4, 9), "weight"), ((9,), "normalization.scale"), ((3, 1), "weight"))
ADVICE = "round each operation as NumPy does, in its order, and join none of them; or return None for this case"
Draw = Callable[[np.random.Generator, int], Array]


class Step(NamedTuple):
    """Options of a step besides those of the optimizer."""

    factors: bool = False
    decay: bool = False
    clip: bool = False
    average: bool = False

    def __str__(self) -> str:
        return ", ".join(f"with {name}" for name, given in self._asdict().items() if given)


PLAIN, ALL = Step(), Step(factors=True, decay=True, clip=True, average=True)


def numpy_step(parts: StepParts) -> Kernel:
    """Return a step of NumPy: what a kernel does, by definition."""

    def kernel(gradient: Array, lr: float, t: int, fading: float, threads: int) -> None:
        if parts.clip_value is not None:
            np.clip(gradient, -parts.clip_value, parts.clip_value, out=gradient)
        for part, factor in parts.decay:
            np.multiply(parts.w[part], 1.0 - lr * factor * fading, parts.w[part])
        rates: Any = lr if parts.factors is None else np.multiply(parts.factors, lr)
        for part, shape, place, index in _places(parts):
            w, grad, *state = (array[part].reshape(shape) for array in (parts.w, gradient, *parts.state))
            scalars = [numbers if index is None else numbers[index, ...] for numbers in parts.scalars]
            rate = rates if parts.factors is None else rates[part].reshape(shape)
            parts.optimizer.step(w, grad, *state, *scalars, lr=rate, t=t, **place)
        if parts.average is not None:
            np.multiply(parts.average, parts.average_decay, parts.average)
            np.add(parts.average, np.multiply(parts.w, 1.0 - parts.average_decay), parts.average)

    return kernel


def _places(parts: StepParts) -> Iterator[tuple[slice, tuple[int, ...], dict[str, Any], int | None]]:
    """Yield part, shape, keywords and index of each tensor, or of the whole vector."""
    if not parts.tensors:
        yield slice(None), parts.w.shape, {}, None
    for index, (part, shape, role, layer) in enumerate(parts.tensors):
        yield part, shape, {"role": role, "layer": layer} if takes_place(parts.optimizer) else {}, index


def optimizers(kernels: Kernels) -> None:
    """Check each built-in optimizer with its default options, with other ones and at limits."""
    for optimizer in _taken(kernels):
        others: list[Any] = [*variants(optimizer), *at_limits(optimizer)]
        for each in [optimizer, *others]:
            for size in FEW:
                _expect_same(kernels, each, size, ALL, _normal)


def sizes(kernels: Kernels) -> None:
    """Check each built-in optimizer on arrays of 1 to 70, 1,000 and 100,003 numbers, of these on several threads."""
    for optimizer in _taken(kernels):
        for size in SIZES if optimizer.scope == "vector" else FEW[:1]:
            _expect_same(kernels, optimizer, size, PLAIN, _normal)
        if optimizer.scope == "vector":
            _expect_same(kernels, optimizer, LARGE, ALL, _normal, threads=2)


def step_options(kernels: Kernels) -> None:
    """Check factors of the learning rate, decay, clipping and averages, alone and together."""
    for optimizer in _taken(kernels):
        for number in range(16):
            step = Step(*(bool(number >> bit & 1) for bit in range(4)))
            _expect_same(kernels, optimizer, 37, step, _normal)


def special_values(kernels: Kernels) -> None:
    """Check gradients with zeros of both signs, denormal numbers, infinities and NaN."""
    for optimizer in _taken(kernels):
        for step in (PLAIN, ALL):
            for draw in (_special, partial(_scaled, 1e-30), partial(_scaled, 1e-42), partial(_scaled, 1e25)):
                _expect_same(kernels, optimizer, 67, step, draw)


def _taken(kernels: Kernels) -> list[Optimizer]:
    """Return the built-in optimizers that the kernels take, with default options. Raise NotApplicable if there are none."""
    if reason := kernels.status():
        raise NotApplicable(f"they are not active: {reason}")
    found = [each for each in _builtins() if kernels.step(_parts(each, 10, "float32", PLAIN, _normal)) is not None]
    if not found:
        raise NotApplicable("they take no built-in optimizer")
    return found


def _builtins() -> Iterator[Optimizer]:
    """Yield the built-in optimizers, and wrappers around several."""
    registry = REGISTRIES["optimizers"]
    for cls in map(registry.get, registry.builtins):
        if not issubclass(cls, Minimizer):
            inner = [{"inner": name} for name in ("adam", "nadam", "muon")] if issubclass(cls, Wrapper) else []
            options = {"value": 0.5, "norm": 1.0} if cls.__name__ == "Clipping" else {}
            for given in [example_options(cls), *inner]:
                yield cls.model_validate({**options, **given})


def _normal(rng: np.random.Generator, size: int) -> Array:
    return rng.standard_normal(size)


def _special(rng: np.random.Generator, size: int) -> Array:
    found = rng.standard_normal(size)
    found[rng.random(size) < 0.5] = 0.0
    places = rng.permutation(size)[: len(SPECIAL)]
    found[places] = SPECIAL[: len(places)]
    return found


def _scaled(scale: float, rng: np.random.Generator, size: int) -> Array:
    return rng.standard_normal(size) * scale


def _parts(optimizer: Optimizer, size: int, dtype: str, step: Step, draw: Draw) -> StepParts:
    """Return the parts of a step on arrays that begin at odd places of larger ones."""
    rng = np.random.default_rng(size)
    tensors: list[TensorPlace] = []
    if optimizer.scope == "tensor":
        size = 0
        for layer, (shape, role) in enumerate(TENSORS):
            tensors.append(TensorPlace(slice(size, size := size + int(np.prod(shape))), shape, role, layer))

    def array(values: Any, offset: int) -> Array:
        with np.errstate(all="ignore"):
            made: Array = np.full(size + offset, 7.25, dtype)[offset:]
            made[...] = values
        return made

    return StepParts(
        optimizer=optimizer,
        w=array(draw(rng, size), 1),
        state=tuple(array(0.0, 1 + index % 3) for index in range(len(optimizer.state))),
        scalars=tuple(np.zeros(len(tensors) if tensors else ()) for _ in optimizer.scalars),
        tensors=tuple(tensors),
        factors=array(rng.uniform(0.1, 3.0, size), 3) if step.factors else None,
        decay=((slice(0, size // 2), 0.3), (slice(size // 2 + 1, size), 0.01)) if step.decay else (),
        clip_value=0.7 if step.clip else None,
        average=array(draw(rng, size), 2) if step.average else None,
        average_decay=0.97 if step.average else 0.0,
    )


def _expect_same(kernels: Kernels, optimizer: Optimizer, size: int, step: Step, draw: Draw, threads: int = 1) -> None:
    """Raise AssertionError unless some steps of a kernel have the bits of NumPy's, in both dtypes. A kernel may leave the case to NumPy."""
    for dtype in DTYPES:
        expected, found = (_parts(optimizer, size, dtype, step, draw) for _ in range(2))
        kernel = kernels.step(found)
        if kernel is None:
            continue
        rng, right = np.random.default_rng(size + 1), numpy_step(expected)
        for t in (1, 2, 3, 1000):
            with np.errstate(all="ignore"):
                gradient: Array = draw(rng, len(found.w)).astype(dtype)
                right(gradient.copy(), 0.013 * t, t, 0.9, threads)
                kernel(gradient, 0.013 * t, t, 0.9, threads)
            for what, one, other in _arrays(found, expected):
                if (wrong := _difference(one, other)) is not None:
                    case = f"{optimizer} {step}".strip()
                    place = f"at {wrong} of {one.size}: {one.flat[wrong]!r} instead of {other.flat[wrong]!r}"
                    expect(False, f"after step {t} of {case} in {dtype}, {what} differs {place}", ADVICE)


def _arrays(found: StepParts, expected: StepParts) -> Iterator[tuple[str, Array, Array]]:
    """Yield the name of each array that a step changes, and its values by the kernel and by NumPy."""
    yield "w", found.w, expected.w
    names = [*found.optimizer.state, *found.optimizer.scalars]
    yield from zip(names, [*found.state, *found.scalars], [*expected.state, *expected.scalars], strict=True)
    if found.average is not None and expected.average is not None:
        yield "the average", found.average, expected.average


def _difference(found: Array, expected: Array) -> int | None:
    """Return the first place at which two arrays have other bits, where NaN equals NaN; None if there is none."""
    bits = f"u{found.dtype.itemsize}"
    alike = (np.ravel(found).view(bits) == np.ravel(expected).view(bits)) | (np.isnan(found) & np.isnan(expected)).ravel()
    return None if alike.all() else int(np.argmin(alike))


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (optimizers, sizes, step_options, special_values)}
