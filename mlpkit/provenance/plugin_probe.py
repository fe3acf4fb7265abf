"""Check values of a plugin: fixed inputs with the outputs computed when a model was saved.

Initializers have none: a trained model does not use them again, and NumPy may change the streams of its generators.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from mlpkit.plugin import Activation, Array, Loss, Metric, Minimizer, Optimizer, Plugin, Problem, Schedule
from mlpkit.plugin.base import RAISED
from mlpkit.plugin.fixed_activation import fixed
from mlpkit.plugin.single_output import single_output

COUNT = 17
UNITS = 3  # units of the rows given to losses and metrics
STEPS = 3
MOST_CALLS = 200  # calls allowed to a full-batch optimizer, which must not delay saving or loading
EPOCHS = 16
FORMS = {  # kinds of outputs and targets, by the task of a metric
    "classification": ("distribution", "classes"),
    "regression": ("real", "numbers"),
    "multilabel": ("probability", "binary"),
}

PluginProbe: TypeAlias = "dict[str, list[float | None]]"  # "inputs", "outputs" and by kind "targets", "derivatives"; None: not finite
LENGTHS = {  # number of values of each, by kind; "targets" of classes has one value per row
    "activations": {"inputs": COUNT, "outputs": COUNT, "derivatives": COUNT},
    "losses": {"inputs": COUNT * UNITS, "outputs": COUNT, "derivatives": COUNT * UNITS},
    "optimizers": {"inputs": COUNT, "outputs": COUNT},
    "schedules": {"inputs": COUNT, "outputs": COUNT},
    "metrics": {"inputs": COUNT * UNITS, "outputs": 1},
}


def make_probe(plugin: Plugin, dtype: str) -> PluginProbe | None:
    """Return the check values of a plugin in a network of this dtype; None for initializers and for plugins that fail."""
    if plugin.kind not in LENGTHS:
        return None
    inputs, targets = _arguments(plugin, _dtype(plugin, dtype))
    try:
        results = _results(plugin, inputs, targets)
    except RAISED:  # with some options a plugin fits certain shapes only
        return None
    values = {"inputs": inputs, **({} if targets is None else {"targets": targets}), **results}
    return {name: _listed(array) for name, array in values.items()}


class Drift(NamedTuple):
    """Largest difference to the stored check values, relative to the largest of them, and the part that differs most."""

    size: float
    part: str  # "outputs" or "derivatives"


def drift(plugin: Plugin, probe: Mapping[str, Sequence[float | None]], dtype: str) -> Drift:
    """Return the largest difference between the stored check values and those that a plugin computes here.

    It is infinity if one value is finite and the other is not, or if the plugin fails.

    Raises
    ------
    ValueError
        The stored values do not fit a plugin of this kind.
    """
    kind = _dtype(plugin, dtype)
    with np.errstate(over="ignore"):
        found = {name: np.array([np.nan if value is None else value for value in values], kind) for name, values in probe.items()}
    lengths = LENGTHS.get(plugin.kind, {})
    targets = found.pop("targets", None)
    if {name: len(array) for name, array in found.items()} != lengths or not np.isfinite(found["inputs"]).all():
        raise ValueError(f"inputs are not finite, or the numbers of values are not {lengths}")
    arguments = _arguments(plugin, kind)[1]
    if (targets is None) != (arguments is None) or (targets is not None and arguments is not None and targets.size != arguments.size):
        raise ValueError("the targets do not fit a plugin of this kind")
    inputs = found.pop("inputs")
    try:
        shaped = None if targets is None or arguments is None else targets.astype(arguments.dtype).reshape(arguments.shape)
        results = _results(plugin, inputs.reshape(-1, UNITS) if isinstance(plugin, (Loss, Metric)) else inputs, shaped)
    except RAISED:
        return Drift(math.inf, "outputs")
    return max(Drift(_difference(results[name].reshape(-1), then), name) for name, then in found.items())


def _dtype(plugin: Plugin, dtype: str) -> np.dtype[Any]:
    """Return the dtype of the check values: float64 for metrics and schedules, else the network's."""
    return np.dtype("float64" if isinstance(plugin, (Metric, Schedule)) else dtype)


def _difference(now: Array, then: Array) -> float:
    finite = np.isfinite(then)
    if now.shape != then.shape or (np.isfinite(now) != finite).any():
        return math.inf
    if not finite.any():
        return 0.0
    a, b = now[finite].astype(np.float64), then[finite].astype(np.float64)
    largest = max(np.abs(b).max(), np.finfo(then.dtype).tiny)
    with np.errstate(over="ignore"):
        return float(np.abs(a - b).max() / largest)


def _listed(array: Array) -> list[float | None]:
    """Return numbers for JSON in their shortest exact decimal form; None for those that are not finite."""
    texts = (np.format_float_scientific(value) for value in array.reshape(-1))
    return [float(text) if math.isfinite(float(text)) else None for text in texts]


def _arguments(plugin: Plugin, dtype: np.dtype[Any]) -> tuple[Array, Any]:
    """Return inputs, and targets where a plugin needs them. The inputs avoid integers and halves, where kinks are common."""
    steps = (np.arange(COUNT) - COUNT // 2 + 0.25) / 2.0  # from -3.875 to 4.125
    if isinstance(plugin, Schedule):
        return np.arange(float(COUNT)), None
    if isinstance(plugin, Metric):
        output, targets = FORMS[plugin.task]
        return _rows(steps, output, dtype), _targets(targets, dtype)
    if isinstance(plugin, Loss):
        targets = _targets(plugin.targets, dtype)
        signed = targets if plugin.target_sign == "any" else np.abs(targets) + dtype.type(0.125)
        return _rows(steps, plugin.output, dtype), signed
    return steps.astype(dtype), None


def _rows(steps: Array, output: str, dtype: np.dtype[Any]) -> Array:
    """Return outputs of shape (COUNT, UNITS) in the range of this kind of output activation."""
    z = np.stack([np.roll(steps, 5 * unit) for unit in range(UNITS)], axis=1)
    if output == "distribution":
        e = np.exp(z)
        z = e / e.sum(axis=1, keepdims=True)
    turned = {"probability": 1 / (1 + np.exp(-z)), "bounded": np.tanh(z), "nonnegative": np.abs(z)}
    found: Array = turned.get(output, z)
    return found.astype(dtype)


def _targets(kind: str, dtype: np.dtype[Any]) -> Any:
    rows = np.arange(COUNT)
    if kind == "classes":
        return rows % UNITS
    cells = np.arange(COUNT * UNITS).reshape(COUNT, UNITS)
    return (cells % 2 if kind == "binary" else (cells * 7 % 11 - 5) / 4.0).astype(dtype)


def _results(plugin: Plugin, inputs: Array, targets: Any) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        if isinstance(plugin, Activation):
            return _of_activation(plugin, inputs)
        if isinstance(plugin, Loss):
            losses, grad = np.full(len(inputs), np.nan, inputs.dtype), np.full_like(inputs, np.nan)
            single_output(plugin).value_and_grad(inputs.copy(), targets.copy(), losses, grad)
            return {"outputs": losses, "derivatives": grad}
        if isinstance(plugin, Optimizer):
            return {"outputs": _after_steps(plugin, inputs)}
        if isinstance(plugin, Schedule):
            return {"outputs": np.array([plugin.rate(float(epoch), EPOCHS) for epoch in inputs])}
        assert isinstance(plugin, Metric)
        weights = 1.0 + np.arange(len(inputs)) % 3
        return {"outputs": np.array([plugin.compute(inputs.copy(), targets.copy(), weights)], np.float64)}


def _of_activation(activation: Activation, inputs: Array) -> dict[str, Array]:
    """Return the values on one row, and the derivative of each with respect to its own pre-activation."""
    z = np.tile(inputs, (COUNT, 1))
    out, grad = np.empty_like(z), np.eye(COUNT, dtype=z.dtype)
    function = fixed(activation)
    function.forward(z, out)
    values = out[0].copy()
    function.backward(z, out, grad)
    return {"outputs": values, "derivatives": grad.diagonal().copy()}


def _after_steps(optimizer: Optimizer, start: Array) -> Array:
    """Return the parameters after some steps on half the sum of squares, whose gradient equals the parameters."""
    w, state, scalars = start.copy(), [np.zeros_like(start) for _ in optimizer.state], [np.zeros(()) for _ in optimizer.scalars]
    if isinstance(optimizer, Minimizer):
        optimizer.minimize(w, _half_square_sum(w.dtype), *state, *scalars, lr=0.1, t=1)
        return w
    if optimizer.scope == "tensor":
        w, state = w[:, None], [array[:, None] for array in state]
    for t in range(1, STEPS + 1):
        optimizer.step(w, w.copy(), *state, *scalars, lr=0.1, t=t)
    return w.reshape(-1)


def _half_square_sum(dtype: np.dtype[Any]) -> Problem:
    """Return half the sum of squares with its gradient, as an objective that fails after MOST_CALLS evaluations."""
    calls = itertools.count(1)

    def problem(x: Array) -> tuple[float, Array]:
        if next(calls) > MOST_CALLS:
            raise RuntimeError(f"more than {MOST_CALLS} evaluations of the objective")
        return float(x @ x) / 2.0, x.astype(dtype)

    return problem
