"""Activations and losses of mlpkit-fused in C against the NumPy code: forward and backward of each layer, without the products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mlpkit_fused.builder import Builder, Pass, Place, Slot
from mlpkit_fused.functions import Coded, activation_code, loss_code

from mlpkit.plugin import REGISTRIES, Activation, Gated, Loss
from mlpkit.plugin.fixed_activation import initial_parameters

from .pairing import Row, pair, repeated

SHAPE, NARROW = (128, 256), (512, 10)  # of a hidden layer, and of the outputs
NUMBERS = 2**20  # that pass in one measurement
BY_ROW = ("softmax", "log_softmax", "continuation_ratio")


def rows(quick: bool) -> list[Row]:
    """A row for each activation and loss that is written in C, with the goal to be faster than NumPy."""
    found = []
    for dtype in ("float32",) if quick else ("float32", "float64"):
        for name in REGISTRIES["activations"].builtins:
            for shape in (SHAPE, NARROW) if name in BY_ROW else (SHAPE,):
                found += activation(f"{name}, {dtype}, {shape[0]} x {shape[1]}", REGISTRIES["activations"].get(name)(), shape, dtype)
        for name in REGISTRIES["losses"].builtins:
            found += loss(f"{name}, {dtype}, {NARROW[0]} x {NARROW[1]}", REGISTRIES["losses"].get(name)(), NARROW, dtype)
    return found


def against_numpy(what: str, compiled: Callable[[], object], numpy: Callable[[], object], size: int) -> list[Row]:
    calls = max(2, NUMBERS // size)
    with np.errstate(all="ignore"):
        return pair(what, repeated(compiled, calls), {"NumPy": (repeated(numpy, calls), 1.0)}, "us", 5, 1e6)


def operation(dtype: np.dtype, name: str, places: Sequence[Place], sizes: Sequence[int], coded: Coded, slots: dict[int, Slot]) -> Pass:
    """Return a program of one operation."""
    build = Builder(dtype, slots)
    build.add(name, places, sizes, coded[1], coded[0])
    return build.finished()


def activation(what: str, plugin: Activation, shape: tuple[int, int], dtype: str) -> list[Row]:
    """A row for the values, and one for the gradient; both sides copy what NumPy's backward takes for scratch."""
    rng, code = np.random.default_rng(0), activation_code(plugin)
    assert code is not None
    start = rng.standard_normal((shape[0], shape[1] * (1 + isinstance(plugin, Gated)))).astype(dtype)
    slope = rng.standard_normal(shape).astype(dtype)
    z, out, values, grad, grad_z = start.copy(), *(np.empty_like(slope) for _ in range(3)), np.empty_like(start)
    parameters = initial_parameters(plugin, out)
    gradients = [np.zeros_like(each) for each in parameters]
    plugin.forward(z, values, *parameters)

    def copy() -> None:
        np.copyto(z, start)
        np.copyto(out, values)
        np.copyto(grad, slope)

    sizes, own = (*z.shape, shape[1]), tuple(parameters) or (None,)
    of_z = grad_z if isinstance(plugin, Gated) else grad
    activate = operation(z.dtype, "activate", (z, None, out, *own), sizes, code, {})
    back = operation(z.dtype, "backward", (z, out, grad, of_z, *own, *(tuple(gradients) or (None,)), None), sizes, code, {})

    def compiled() -> None:
        copy()
        back()

    def numpy() -> None:
        copy()
        plugin.backward(z, out, grad, *((grad_z,) if isinstance(plugin, Gated) else ()), *parameters, *gradients)

    forward = against_numpy(f"{what}, forward", activate, lambda: plugin.forward(z, out, *parameters), slope.size)
    return [*forward, *against_numpy(f"{what}, backward", compiled, numpy, slope.size)]


def loss(what: str, plugin: Loss, shape: tuple[int, int], dtype: str) -> list[Row]:
    """A row for the loss and its gradient; none for a loss that is not written in C."""
    rng, code = np.random.default_rng(0), loss_code(plugin, fused=plugin.joint_with is not None)
    if code is None:
        return []
    start = rng.standard_normal((shape[0], shape[1] * plugin.outputs_per_target)).astype(dtype)
    classes = plugin.targets == "classes"
    targets = rng.integers(0, shape[1], shape[0]) if classes else rng.integers(0, 2, shape).astype(dtype)
    values, losses, grad = start.copy(), np.empty(shape[0], dtype), np.empty_like(start)
    form = plugin.value_and_grad if plugin.joint_with is None else plugin.joint

    columns = shape[1]
    slots = {0: ("t", shape[0] * columns, shape[0] if classes else 0, False)}
    fused = operation(values.dtype, "loss", (values, 0, losses, grad), (*values.shape, columns), code, slots)

    def compiled() -> None:
        np.copyto(values, start)
        fused(targets)

    def numpy() -> None:
        np.copyto(values, start)
        form(values, targets, losses, grad)

    return against_numpy(what, compiled, numpy, start.size)
