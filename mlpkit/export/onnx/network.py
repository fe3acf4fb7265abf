"""Layers of a network: products, normalization, activations and residual connections, in the dtype of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.export.onnx.embeddings import first_inputs
from mlpkit.export.onnx.graph import Graph
from mlpkit.export.onnx.plugins import activated
from mlpkit.export.onnx.value import Value
from mlpkit.spec import NetworkSpec
from mlpkit.spec.normalization import BatchNormalization, Normalization, RMSNormalization

Tensors = Mapping[str, NDArray[np.floating]]


class Outputs(NamedTuple):
    """Outputs of a network with the pre-activations of its last layer."""

    z: Value
    outputs: Value


def forward(op: Graph, spec: NetworkSpec, tensors: Tensors, encoded: Value) -> Outputs:
    """Return the outputs for encoded inputs, shape (rows, inputs)."""
    x = first_inputs(op, spec, tensors, encoded)
    inputs, z = [x], x  # of each layer
    for index, layer in enumerate(spec.layers):
        name = f"layers.{index}"
        weight = tensors[f"{name}.weight"]
        if f"{name}.input_scale" in tensors:
            weight = weight * tensors[f"{name}.input_scale"][:, None]
        # Gemm: runtimes take scalars around a MatMul as its attribute, which is float32
        z = op("Gemm", x, weight, *([tensors[f"{name}.bias"]] if f"{name}.bias" in tensors else []))
        if layer.normalization is not None:
            z = _normalized(op, layer.normalization, _parts(tensors, f"{name}.normalization."), z)
        own = [tensors[f"{name}.activation.{part}"] for part in layer.activation.parameters]
        x = activated(op, layer.activation, z, own)
        if layer.residual is not None:
            x = x + inputs[-layer.residual]
        inputs.append(x)
    return Outputs(z, x)


def _normalized(op: Graph, options: Normalization, parts: Tensors, z: Value) -> Value:
    """Return normalized pre-activations.

    Rows are normalized with sums, not means: runtimes recognize the usual form and replace it by an operator whose epsilon is float32.
    """
    epsilon, scale = z.dtype.type(options.epsilon), parts["scale"]
    if isinstance(options, BatchNormalization):
        z = (z - parts["mean"]) * (1 / np.sqrt(parts["variance"] + epsilon))
    else:
        count = len(scale)
        if not isinstance(options, RMSNormalization):
            z = z - op.row_sum(z) / float(count)
        z = z / op("Sqrt", op.row_sum(z * z) + float(epsilon) * count)
        scale = scale * scale.dtype.type(np.sqrt(count))
    z = z * scale
    return z + parts["shift"] if "shift" in parts else z


def _parts(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
