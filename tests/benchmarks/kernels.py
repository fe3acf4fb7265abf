"""Steps of optimizers by the installed kernels, such as those of mlpkit-fused, against the same steps by NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from mlpkit.optimizers import SGD, Adam, Averaging, Lion, NAdam, RMSprop
from mlpkit.plugin import REGISTRIES, Optimizer
from mlpkit.plugin.kernels import Kernel, StepParts
from mlpkit.threads import in_parallel
from mlpkit.training.update import MANY, PIECE

from .pairing import Row, Run, pair

SIZES = (9, 9_000, 235_000, 1_900_000)
OPTIMIZERS: dict[str, tuple[Optimizer, float | None]] = {  # with the ratio that mlpkit aims at
    "adam": (Adam(), 3.0),
    "sgd": (SGD(), None),
    "momentum": (SGD(momentum=0.9), None),
    "rmsprop": (RMSprop(), None),
    "nadam": (NAdam(), None),
    "lion": (Lion(), None),
    "averaging of adam": (Averaging(inner=Adam()), None),
}


def rows(quick: bool) -> list[Row]:
    """A row for each optimizer and size, in float32; none without a package of kernels."""
    chosen = dict(list(OPTIMIZERS.items())[:2]) if quick else OPTIMIZERS
    return [
        row
        for name, (optimizer, goal) in chosen.items()
        for size in SIZES
        for row in steps(f"a step of {name}, {size:,} parameters", optimizer, size, goal if size > 9 else None, quick)
    ]


def steps(what: str, optimizer: Optimizer, size: int, goal: float | None, quick: bool) -> list[Row]:
    kernel, other = found(parts(optimizer, size)), parts(optimizer, size)
    if kernel is None:
        return []

    def by_kernel(gradient: np.ndarray) -> None:
        kernel(gradient, 1e-3, 10, 1.0, 1)

    def piece(part: slice, gradient: np.ndarray) -> None:
        optimizer.step(other.w[part], gradient[part], *[each[part] for each in other.state], *other.scalars, lr=1e-3, t=10)

    def by_numpy(gradient: np.ndarray) -> None:
        if size >= MANY:  # as in a run
            in_parallel(lambda part: piece(part, gradient), size, 1, PIECE)
        else:
            optimizer.step(other.w, gradient, *other.state, *other.scalars, lr=1e-3, t=10)

    return pair(what, taken(by_kernel, size), {"NumPy": (taken(by_numpy, size), goal)}, "us", 5 if quick else 15, 1e6)


def taken(step: Callable[[np.ndarray], None], size: int) -> Run:
    """A run whose figure is the mean time of a step. It may overwrite its gradient, which is written anew before, as by a backward pass."""
    gradients = np.empty((max(1, 40_000 // size), size), np.float32)

    def run() -> float:
        seconds, rounds = 0.0, max(10, 200_000 // gradients.size)
        for _ in range(rounds):
            gradients.fill(1e-3)
            started = time.perf_counter()
            for gradient in gradients:
                step(gradient)
            seconds += time.perf_counter() - started
        return seconds / (rounds * len(gradients))

    return run


def parts(optimizer: Optimizer, size: int) -> StepParts:
    """The arrays of an optimizer, of the scope "vector"."""
    w, *state = (np.zeros(size, np.float32) for _ in range(1 + len(optimizer.state)))
    return StepParts(optimizer, w, tuple(state), tuple(np.zeros(()) for _ in optimizer.scalars), (), None, (), None, None, 0.0)


def found(parts: StepParts) -> Kernel | None:
    """The kernel of the first installed package that has one."""
    registry = REGISTRIES["kernels"]
    kernels = (registry.get(info.full_name)().step(parts) for info in registry.installed())
    return next((kernel for kernel in kernels if kernel is not None), None)
