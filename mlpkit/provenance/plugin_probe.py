"""The probe of a plugin: some inputs with what it made of them where a model was saved, so that it can be asked the same elsewhere.

An initializer has none: a trained model does not use it again, and NumPy may change what its generators draw.
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
UNITS = 3  # of the rows that losses and metrics are asked for
STEPS = 3
MOST_CALLS = 200  # that a minimizer may make: nobody waits for a long one when a model is saved or loaded
EPOCHS = 16
FORMS = {  # by the task of a metric: what its outputs and its targets are
    "classification": ("distribution", "classes"),
    "regression": ("real", "numbers"),
    "multilabel": ("probability", "binary"),
}

PluginProbe: TypeAlias = "dict[str, list[float | None]]"  # "inputs", "outputs" and by kind "targets", "derivatives"; None: not finite
LENGTHS = {  # by kind: how many numbers each has, "targets" of classes being one a row
    "activations": {"inputs": COUNT, "outputs": COUNT, "derivatives": COUNT},
    "losses": {"inputs": COUNT * UNITS, "outputs": COUNT, "derivatives": COUNT * UNITS},
    "optimizers": {"inputs": COUNT, "outputs": COUNT},
    "schedules": {"inputs": COUNT, "outputs": COUNT},
    "metrics": {"inputs": COUNT * UNITS, "outputs": 1},
}


def make_probe(plugin: Plugin, dtype: str) -> PluginProbe | None:
    """The probe of a plugin in a network of this dtype; None of an initializer, and of what fails on it."""
    if plugin.kind not in LENGTHS:
        return None
    inputs, targets = _questions(plugin, _dtype(plugin, dtype))
    try:
        answers = _answers(plugin, inputs, targets)
    except RAISED:  # an option may make it fit for some shapes only
        return None
    values = {"inputs": inputs, **({} if targets is None else {"targets": targets}), **answers}
    return {name: _listed(array) for name, array in values.items()}


class Drift(NamedTuple):
    """The largest difference between what a plugin gives and what it gave, relative to the largest number, and in what."""

    size: float
    part: str  # "outputs" or "derivatives"


def drift(plugin: Plugin, probe: Mapping[str, Sequence[float | None]], dtype: str) -> Drift:
    """The largest difference between what a plugin gives for a probe and what it gave.

    Infinity when one is finite and the other is not, and when the plugin fails on it.

    Raises
    ------
    ValueError
        It is no probe of such a plugin.
    """
    kind = _dtype(plugin, dtype)
    with np.errstate(over="ignore"):
        found = {name: np.array([np.nan if value is None else value for value in values], kind) for name, values in probe.items()}
    lengths = LENGTHS.get(plugin.kind, {})
    targets = found.pop("targets", None)
    if {name: len(array) for name, array in found.items()} != lengths or not np.isfinite(found["inputs"]).all():
        raise ValueError(f"its numbers are not {lengths}")
    questions = _questions(plugin, kind)[1]
    if (targets is None) != (questions is None) or (targets is not None and questions is not None and targets.size != questions.size):
        raise ValueError("its targets are not those of such a plugin")
    inputs = found.pop("inputs")
    try:
        shaped = None if targets is None or questions is None else targets.astype(questions.dtype).reshape(questions.shape)
        answers = _answers(plugin, inputs.reshape(-1, UNITS) if isinstance(plugin, (Loss, Metric)) else inputs, shaped)
    except RAISED:
        return Drift(math.inf, "outputs")
    return max(Drift(_difference(answers[name].reshape(-1), then), name) for name, then in found.items())


def _dtype(plugin: Plugin, dtype: str) -> np.dtype[Any]:
    """Metrics and schedules compute in float64 in every network."""
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
    """Numbers as JSON has them, in the fewest digits that give them back."""
    texts = (np.format_float_scientific(value) for value in array.reshape(-1))
    return [float(text) if math.isfinite(float(text)) else None for text in texts]


def _questions(plugin: Plugin, dtype: np.dtype[Any]) -> tuple[Array, Any]:
    """Return what a plugin is asked for: inputs, and targets where it needs some. Round numbers beside those where kinks are."""
    steps = (np.arange(COUNT) - COUNT // 2 + 0.25) / 2.0  # from -3.875 to 4.125
    if isinstance(plugin, Schedule):
        return np.arange(float(COUNT)), None
    if isinstance(plugin, Metric):
        output, targets = FORMS[plugin.task]
        return _rows(steps, output, dtype), _targets(targets, dtype)
    if isinstance(plugin, Loss):
        return _rows(steps, plugin.output, dtype), _targets(plugin.targets, dtype)
    return steps.astype(dtype), None


def _rows(steps: Array, output: str, dtype: np.dtype[Any]) -> Array:
    """Outputs of shape (COUNT, UNITS) of the sort that an activation gives."""
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


def _answers(plugin: Plugin, inputs: Array, targets: Any) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        if isinstance(plugin, Activation):
            return _of_activation(plugin, inputs)
        if isinstance(plugin, Loss):
            losses, grad = np.full(len(inputs), np.nan, inputs.dtype), np.full_like(inputs, np.nan)
            single_output(plugin).value_and_grad(inputs.copy(), targets.copy(), losses, grad)
            return {"outputs": losses, "derivatives": grad}
        if isinstance(plugin, Optimizer):
            return {"outputs": _moved(plugin, inputs)}
        if isinstance(plugin, Schedule):
            return {"outputs": np.array([plugin.rate(float(epoch), EPOCHS) for epoch in inputs])}
        assert isinstance(plugin, Metric)
        weights = 1.0 + np.arange(len(inputs)) % 3
        return {"outputs": np.array([plugin.compute(inputs.copy(), targets.copy(), weights)], np.float64)}


def _of_activation(activation: Activation, inputs: Array) -> dict[str, Array]:
    """Its values on one row, and the derivative of each by its own score, whatever it does with a row."""
    z = np.tile(inputs, (COUNT, 1))
    out, grad = np.empty_like(z), np.eye(COUNT, dtype=z.dtype)
    function = fixed(activation)
    function.forward(z, out)
    values = out[0].copy()
    function.backward(z, out, grad)
    return {"outputs": values, "derivatives": grad.diagonal().copy()}


def _moved(optimizer: Optimizer, start: Array) -> Array:
    """Return where some steps down half the sum of squares end, whose gradient is the place itself."""
    w, state, scalars = start.copy(), [np.zeros_like(start) for _ in optimizer.state], [np.zeros(()) for _ in optimizer.scalars]
    if isinstance(optimizer, Minimizer):
        optimizer.minimize(w, _bowl(w.dtype), *state, *scalars, lr=0.1, t=1)
        return w
    if optimizer.scope == "tensor":
        w, state = w[:, None], [array[:, None] for array in state]
    for t in range(1, STEPS + 1):
        optimizer.step(w, w.copy(), *state, *scalars, lr=0.1, t=t)
    return w.reshape(-1)


def _bowl(dtype: np.dtype[Any]) -> Problem:
    """Half the sum of squares, with its gradient, as a problem that may be asked so often."""
    calls = itertools.count(1)

    def problem(x: Array) -> tuple[float, Array]:
        if next(calls) > MOST_CALLS:
            raise RuntimeError(f"it asks more than {MOST_CALLS} times")
        return float(x @ x) / 2.0, x.astype(dtype)

    return problem
