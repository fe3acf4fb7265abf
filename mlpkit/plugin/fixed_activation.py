"""Activation as a function of one array, for plots, checks and comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.contracts import Activation, Gated, OutputKind


class FixedActivation(Activation):
    """Activation with its trained parameters at their initial values; a gated one gets the same array for both halves.

    Parameters
    ----------
    inner : Activation
    """

    inner: Any

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Kinks of the inner activation."""
        return self.inner.kinks  # type: ignore[no-any-return]

    @property
    def output(self) -> OutputKind:  # type: ignore[override]
        """Output range of the inner activation."""
        return self.inner.output  # type: ignore[no-any-return]

    def forward(self, z: Array, out: Array) -> None:
        self.inner.forward(self._inputs(z), out, *initial_parameters(self.inner, out))

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        inputs, parameters = self._inputs(z), initial_parameters(self.inner, out)
        gradients = [np.zeros_like(parameter) for parameter in parameters]
        if not isinstance(self.inner, Gated):
            self.inner.backward(inputs, out, grad, *parameters, *gradients)
            return
        grad_z = np.full_like(inputs, np.nan)
        self.inner.backward(inputs, out, grad, grad_z, *parameters, *gradients)
        units = grad.shape[1]
        np.add(grad_z[:, :units], grad_z[:, units:], grad)

    def _inputs(self, z: Array) -> Array:
        return np.hstack([z, z]) if isinstance(self.inner, Gated) else z


def fixed(activation: Activation) -> Activation:
    """Return an activation as a function of one array: itself if it has no trained parameters and is not gated."""
    if not isinstance(activation, Gated) and not activation.parameters:
        return activation
    return FixedActivation.model_construct(inner=activation)


def initial_parameters(activation: Activation, out: Array) -> list[Array]:
    """Return the initial trained parameters for outputs like `out`, shape (rows, units)."""
    return [np.full(1 if name in activation.shared else out.shape[1], value, out.dtype) for name, value in activation.parameters.items()]
