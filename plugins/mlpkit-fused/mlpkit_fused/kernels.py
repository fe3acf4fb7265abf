"""Steps of mlpkit's optimizers in C, with the same bits as its NumPy code.

NumPy passes over memory once for each operation of a rule; these steps read and write each array once. Only built-in optimizers and
wrappers have one: a class of somebody else, even one derived from a built-in, may do anything else. Sums stay with NumPy, since their
last bits depend on their order: norms of gradients, and the products of Muon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpkit.numerics.clipping import shorten
from mlpkit.numerics.orthogonalize import orthogonalize
from mlpkit.plugin import Array
from mlpkit.plugin.kernels import Kernel, Kernels, StepParts, TensorPlace
from mlpkit.threads import in_parallel
from mlpkit_fused.compiled import unavailable
from mlpkit_fused.rules import RULES, Average, Limit, Unwrapped, builtin, unwrapped

if TYPE_CHECKING:
    from mlpkit_fused import _kernels

MANY = 2**20  # numbers from which several threads are faster
PIECE = 2**18  # numbers that a thread updates at once


class FusedKernels(Kernels):
    """Steps in C of all built-in optimizers that take steps, and of the built-in wrappers around them."""

    def step(self, parts: StepParts) -> Kernel | None:
        if self.status() or parts.w.dtype not in (np.float32, np.float64):
            return None
        if parts.optimizer.scope == "tensor":
            return _by_tensors(parts)
        found = unwrapped(parts.optimizer, (*parts.state, *parts.scalars))
        return None if found is None else _Part(parts, slice(0, len(parts.w)), found).kernel()

    def status(self) -> str:
        return unavailable("_kernels")


def _by_tensors(parts: StepParts) -> Kernel | None:
    """Return a step that updates one tensor after the other, as Muon does."""
    calls = []
    for index, place in enumerate(parts.tensors):
        arrays = [*(array[place.part] for array in parts.state), *(numbers[index, ...] for numbers in parts.scalars)]
        found = unwrapped(parts.optimizer, arrays)
        if found is None:
            return None
        part = _Part(parts, place.part, found)
        is_matrix = builtin(found.optimizer) == "Muon" and place.role == "weight" and len(place.shape) == 2
        calls.append((place.part, part.matrix(place) if is_matrix else part.kernel()))

    def kernel(gradient: Array, lr: float, t: int, fading: float, threads: int) -> None:
        for part, call in calls:
            call(gradient[part], lr, t, fading, 1)

    return kernel


class _Part:
    """A part of the trained vector, or all of it, that a step updates at once."""

    def __init__(self, parts: StepParts, part: slice, found: Unwrapped) -> None:
        self.found, self.w = found, parts.w[part]
        self.factors = None if parts.factors is None else parts.factors[part]
        self.before, self.clip = _limits((Limit(parts.clip_value), *found.limits))
        self.decay = tuple(_decay_within(part, parts.decay))
        own = () if parts.average is None else (Average(parts.average[part], parts.average_decay, None),)
        self.averages = (*found.averages, *own)

    def kernel(self) -> Kernel:
        """Return the step of a rule that treats each number alone."""
        optimizer, arrays, size = self.found.optimizer, self.found.arrays, len(self.w)
        name, options = RULES[type(optimizer).__name__](optimizer)
        if name == "schedule_free":  # its scalars depend on the largest rate
            options = (*options, 1.0 if self.factors is None else float(self.factors.max()))
        states = len(optimizer.state)
        state, scalars = tuple(arrays[:states]), tuple(arrays[states:])
        made = self._made(name, options, state, scalars, self.factors, self.clip, self.decay, self.averages)
        if size < MANY and not self.before:
            return made.step

        def kernel(gradient: Array, lr: float, t: int, fading: float, threads: int) -> None:
            for limit in self.before:
                limit(gradient)
            if threads == 1 or size < MANY:
                made.step(gradient, lr, t, fading, 1)
            else:
                made.begin(gradient, lr, t, fading)
                in_parallel(made.run, size, threads, PIECE)

        return kernel

    def matrix(self, place: TensorPlace) -> Kernel:
        """Return the step of Muon for a matrix: C before and after the products."""
        muon: Any = self.found.optimizer
        mean, scratch = self.found.arrays
        rule, longer = "muon_nesterov" if muon.nesterov else "muon_momentum", math.sqrt(max(1.0, place.shape[1] / place.shape[0]))
        first = self._made(rule, (muon.momentum,), (mean,), (), None, self.clip, (), ())
        last = self._made("muon_matrix", (longer,), (), (), self.factors, math.inf, self.decay, self.averages)

        def kernel(gradient: Array, lr: float, t: int, fading: float, threads: int) -> None:
            for limit in self.before:
                limit(gradient)
            first.step(gradient, lr, t, fading, 1)
            orthogonalize(gradient.reshape(place.shape), scratch.reshape(place.shape), muon.iterations)
            last.step(gradient, lr, t, fading, 1)

        return kernel

    def _made(self, rule: str, options: tuple[float, ...], *parts: Any) -> _kernels.Step:
        from mlpkit_fused import _kernels

        return _kernels.Step(rule, options, self.w, *parts)


def _limits(limits: Iterable[Limit]) -> tuple[list[Callable[[Array], None]], float]:
    """Return the limits of a gradient up to the last one of its norm, which are NumPy's, and the limit of values after them."""
    before: list[Callable[[Array], None]] = []
    clip = math.inf
    for value, norm in limits:
        if value is not None:
            clip = min(clip, value)
        if norm is not None:
            before.extend([] if clip == math.inf else [_clipping(clip)])
            before.append(_shortening(norm))
            clip = math.inf
    return before, clip


def _clipping(value: float) -> Callable[[Array], None]:
    def clip(gradient: Array) -> None:
        np.clip(gradient, -value, value, out=gradient)

    return clip


def _shortening(norm: float) -> Callable[[Array], None]:
    return lambda gradient: shorten(gradient, norm)


def _decay_within(part: slice, decay: Iterable[tuple[slice, float]]) -> Iterable[tuple[int, int, float]]:
    """Yield the segments of the decay that are inside of a part, with positions in it."""
    for segment, factor in decay:
        start, stop = max(segment.start, part.start), min(segment.stop, part.stop)
        if start < stop:
            yield start - part.start, stop - part.start, factor
