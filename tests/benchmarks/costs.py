"""Measure the cost per number of each installed optimizer, activation and loss, against the fewest passes over memory.

A pass is measured on arrays of the same size: an array read counts as much as an array written, from `np.copyto`. The
floor of an activation is to read z and write out, then to read out, to read and to write grad; that of an optimizer to
read w, grad and its states and to write w and its states; that of a loss to read outputs and targets and to write grad.

Activations take more than twice the floor where they compute an exponential, a logarithm or the error function, and in the
cache all of them do, since arithmetic takes longer there than passes. `gelu` takes most: erfc is a polynomial of 22 multiplications
in float64 and 11 in float32, for NumPy has none. `continuation_ratio` multiplies and adds up along each row, one element after the
other. Gated activations compute the gate twice, as there is no place to keep it.

Losses take more than twice the floor for the same reason, but for `mean_squared_error`: exponentials, logarithms, comparisons and sums
of rows, on blocks that stay in the cache. `binary_focal_crossentropy` takes most: it computes an exponential, a logarithm, both
probabilities and a power in ten temporary arrays.

Optimizers take more than twice the floor in the cache, where roots and divisions take most of the time; `muon` takes hundreds of times
the floor for its products of matrices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import mlpkit
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.fixed_activation import initial_parameters

from .pairing import Row, pair, repeated

NUMBERS = 2**21  # that pass through a plugin in one measurement
SIZES = {"in the cache": (64, 256), "in memory": (4096, 1024)}


def rows(quick: bool) -> list[Row]:
    """A row for each plugin, dtype and size; the peer is the floor, and the ratio the share of it that is reached."""
    sizes = {"in the cache": SIZES["in the cache"]} if quick else SIZES
    return [
        row
        for where, shape in sizes.items()
        for dtype in ("float32", "float64")
        for kind, costs in COSTS.items()
        for name in names(kind)
        for row in costs(f"{kind} {name}, {dtype}, {where}", plugin(kind, name), shape, np.dtype(dtype))
    ]


def plugin(kind: str, name: str) -> Plugin:
    """A plugin with its defaults; of a wrapper around Adam."""
    cls = REGISTRIES[kind].get(name)
    options = {"inner": "adam", "norm": 1.0} if name == "clipping" else {"inner": "adam"} if issubclass(cls, mlpkit.Wrapper) else {}
    return cls(**options)


def names(kind: str) -> list[str]:
    """The installed ones, but for optimizers that need the whole problem: what these cost are their passes over the rows."""
    found = [info.full_name for info in mlpkit.plugins(kind) if info.distribution is not None]
    return [name for name in found if not issubclass(REGISTRIES[kind].get(name), mlpkit.Minimizer)]


def against_passes(what: str, call: Callable[[], object], arrays: int, shape: tuple[int, int], dtype: np.dtype) -> list[Row]:
    """Nanoseconds a number, against those that so many arrays' reads and writes take."""
    source, target = np.ones(shape, dtype), np.zeros(shape, dtype)
    calls = max(2, NUMBERS // source.size)
    copy = repeated(lambda: np.copyto(target, source), calls)
    with np.errstate(all="ignore"):
        return pair(
            what, repeated(call, calls), {f"{arrays} reads or writes": (lambda: copy() * arrays / 2, None)}, "ns", 5, 1e9 / source.size
        )


def activation(what: str, plugin: Plugin, shape: tuple[int, int], dtype: np.dtype) -> list[Row]:
    gated = isinstance(plugin, mlpkit.Gated)
    start = np.random.default_rng(0).standard_normal((shape[0], 2 * shape[1] if gated else shape[1])).astype(dtype)
    z, out, grad = np.empty_like(start), np.empty(shape, dtype), np.ones(shape, dtype)
    parameters = initial_parameters(plugin, out)
    gradients = [np.zeros_like(each) for each in parameters]
    arrays = (z, out, grad, np.empty_like(z)) if gated else (z, out, grad)

    def both() -> None:
        np.copyto(z, start)  # backward may take it for scratch; the copy counts as the work of the layer before
        plugin.forward(z, out, *parameters)
        plugin.backward(*arrays, *parameters, *gradients)

    return against_passes(what, both, 10 if gated else 7, shape, dtype)


def loss(what: str, plugin: Plugin, shape: tuple[int, int], dtype: np.dtype) -> list[Row]:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(shape).astype(dtype)
    targets = rng.integers(0, shape[1], len(scores)) if plugin.targets == "classes" else rng.integers(0, 2, shape).astype(dtype)
    targets = targets[:, : shape[1] // plugin.outputs_per_target] if targets.ndim == 2 else targets
    outputs, losses, grad = np.empty_like(scores), np.empty(len(scores), dtype), np.empty_like(scores)
    function = plugin.value_and_grad if plugin.joint_with is None else plugin.joint

    def call() -> None:
        np.copyto(outputs, scores)
        function(outputs, targets, losses, grad)

    return against_passes(what, call, 4 if plugin.targets == "classes" else 5, shape, dtype)


def optimizer(what: str, plugin: Plugin, shape: tuple[int, int], dtype: np.dtype) -> list[Row]:
    if plugin.scope == "vector":
        shape = (shape[0] * shape[1],)
    w, grad = np.ones(shape, dtype), np.empty(shape, dtype)
    gradient, state = np.full_like(w, 1e-3), [np.zeros_like(w) for _ in plugin.state]
    scalars = [np.zeros(()) for _ in plugin.scalars]

    def step() -> None:
        np.copyto(grad, gradient)  # step may take it for scratch
        plugin.step(w, grad, *state, *scalars, lr=1e-3, t=1)

    step()
    used = sum(bool(array.any()) for array in state)  # the options decide which
    return against_passes(what, step, 2 + 3 + 2 * used, shape, dtype)


COSTS = {"activations": activation, "losses": loss, "optimizers": optimizer}
