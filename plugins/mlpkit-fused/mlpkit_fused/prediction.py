"""Forward pass of a block of rows as operations in C."""

from __future__ import annotations

from typing import Any

from mlpkit_fused.builder import Builder, Pass, Place
from mlpkit_fused.embedding_passes import Embeddings
from mlpkit_fused.layer_passes import Rows, activate, add_shortcut, scale_weight, shift

INPUTS, OUTPUTS = range(2)  # arguments of a pass


def prediction_pass(forward: Any) -> Pass:
    """Return a function of inputs and outputs like `ForwardPass.run`, in the buffers of a pass."""
    layers, rows = forward.layers, len(forward.z)
    width = forward.learned._encoded.shape[0] if forward.learned is not None else layers[0].weight.shape[0]
    slots = {INPUTS: ("r", rows * width, 0, False), OUTPUTS: ("R", rows * layers[-1].outputs.shape[1], 0, False)}
    build = Builder(forward.z.dtype, slots)
    inputs = _first_inputs(build, forward, width)
    scale_weight(build, layers[0])
    for layer in layers:
        inputs.times(build, layer.weight, layer.z)
        bias = shift(build, layer)
        out: Place = OUTPUTS if layer is layers[-1] else layer.outputs
        activate(build, layer, bias, out, layer.outputs.shape[1])
        if layer is not layers[-1]:
            add_shortcut(build, layer, layer.outputs)
        inputs = Rows(layer.outputs, layer.outputs.shape[1])
    return build.finished()


def _first_inputs(build: Builder, forward: Any, width: int) -> Rows:
    """Add what fills the inputs of the first layer."""
    if forward.learned is not None:
        Embeddings(forward.learned).fill(build, INPUTS)
        columns = forward.learned.columns
        return Rows(columns, len(columns), turned=True)
    if forward.inputs is not None:
        build.add("copy", (INPUTS, forward.inputs), (forward.inputs.size,))
    return Rows(INPUTS, width)
