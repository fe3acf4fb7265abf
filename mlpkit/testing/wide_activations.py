"""Checks of activations with trained parameters, and of gated activations."""

from __future__ import annotations

import numpy as np

from mlpkit.plugin import Activation, Array, Gated
from mlpkit.testing.activation_cases import away_from_kinks
from mlpkit.testing.failure_messages import expect, expect_close, expect_same_bits

STEP = 1e-6
ROWS, UNITS = 9, 4


def _case(activation: Activation, dtype: str = "float64") -> tuple[Array, Array, list[Array]]:
    """Return pre-activations, dL/dout and parameters that differ between units."""
    rng = np.random.default_rng(11)
    columns = 2 * UNITS if isinstance(activation, Gated) else UNITS
    z = away_from_kinks(activation, 2 * rng.standard_normal((ROWS, columns)))
    shapes = [1 if name in activation.shared else UNITS for name in activation.parameters]
    values = zip(shapes, activation.parameters.values(), strict=True)
    parameters: list[Array] = [(value + 0.1 * (1 + abs(value)) * rng.uniform(-1, 1, size)).astype(dtype) for size, value in values]
    upstream: Array = rng.standard_normal((ROWS, UNITS)).astype(dtype)
    return z.astype(dtype), upstream, parameters


def _forward(activation: Activation, z: Array, parameters: list[Array]) -> Array:
    out = np.full((len(z), UNITS), np.nan, z.dtype)
    activation.forward(z.copy(), out, *parameters)
    return out


def _backward(activation: Activation, z: Array, upstream: Array, parameters: list[Array], start: float = 0.0) -> tuple[Array, list[Array]]:
    """Return dL/dz and the gradients of the parameters, to which `start` is added."""
    out, grad, gradients = _forward(activation, z, parameters), upstream.copy(), [np.full_like(each, start) for each in parameters]
    if not isinstance(activation, Gated):
        activation.backward(z.copy(), out, grad, *parameters, *gradients)
        return grad, gradients
    grad_z = np.full_like(z, np.nan)
    activation.backward(z.copy(), out, grad, grad_z, *parameters, *gradients)
    expect_same_bits(grad, upstream, "grad before and after backward", "leave grad alone, and fill grad_z")
    return grad_z, gradients


def _differences(activation: Activation, z: Array, upstream: Array, parameters: list[Array], moved: Array) -> Array:
    """Return central differences of the sum of upstream times outputs with respect to each number of `moved`, in place."""
    found, flat = np.empty(moved.size), moved.reshape(-1)
    for index, value in enumerate(flat.tolist()):
        sums = []
        for place in (value + STEP, value - STEP):
            flat[index] = place
            sums.append(float((upstream * _forward(activation, z, parameters)).sum()))
        flat[index] = value
        found[index] = (sums[0] - sums[1]) / (2 * STEP)
    return found.reshape(moved.shape)


def trained_parameters(activation: Activation) -> None:
    """Check that `backward` adds the right gradient of each trained parameter and does not write to the parameters."""
    for name, value in activation.parameters.items():
        expect(np.isfinite(value), f"the initial value of {name!r} is {value}", "give a finite number")
        expect(name.isidentifier(), f"a trained parameter is called {name!r}", "name it with letters, digits and _")
    unknown = [name for name in activation.shared if name not in activation.parameters]
    expect(not unknown, f"shared names {' and '.join(map(repr, unknown))}, which are not in parameters", "list trained parameters only")
    z, upstream, parameters = _case(activation)
    before = [parameter.copy() for parameter in parameters]
    _, gradients = _backward(activation, z, upstream, parameters)
    _, added = _backward(activation, z, upstream, parameters, start=1.0)
    advice = "add to each gradient the sum over the rows of grad times the derivative by the parameter"
    for number, name in enumerate(activation.parameters):
        expect_same_bits(parameters[number], before[number], f"{name} before and after backward", "do not write to the parameters")
        expected = _differences(activation, z, upstream, parameters, parameters[number])
        expect_close(gradients[number], expected, f"gradients of {name}, against differences,", advice, rtol=1e-5, atol=1e-6)
        expect_close(added[number] - 1.0, gradients[number], f"the amount added to the gradient of {name}", advice, rtol=1e-9, atol=1e-9)
    single = _backward(activation, *_case(activation, "float32"))[1]
    for name, found, exact in zip(activation.parameters, single, gradients, strict=True):
        expect_close(found, exact.astype("float32"), f"gradients of {name} in float32", "compute in the dtype of z", rtol=1e-3, atol=1e-4)


def inputs_gradient(activation: Activation) -> None:
    """Check that dL/dz agrees with differences in every column, with parameters that differ between units."""
    z, upstream, parameters = _case(activation)
    found, _ = _backward(activation, z, upstream, parameters)
    expected = _differences(activation, z, upstream, parameters, z)
    expect_close(found, expected, "dL/dz, against differences,", "correct backward", rtol=1e-5, atol=1e-6)
