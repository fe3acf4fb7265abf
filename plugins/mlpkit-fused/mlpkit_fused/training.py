"""Forward and backward pass of a batch as operations in C."""

from __future__ import annotations

from typing import Any

from mlpkit.plugin import Array
from mlpkit_fused.builder import Builder, Pass, Place, Slot
from mlpkit_fused.dropout import Masks
from mlpkit_fused.embedding_passes import Embeddings
from mlpkit_fused.functions import loss_code
from mlpkit_fused.layer_passes import (
    B_TRANSPOSED,
    Rows,
    activate,
    add_shortcut,
    back_activate,
    back_normalize,
    scale_weight,
    shift,
    sum_rows,
)

INPUTS, TARGETS, WEIGHTS = range(3)  # arguments of a pass


def training_pass(workspace: Any) -> Pass:
    """Return a function of inputs, targets and weights like `Workspace.loss_and_gradient`, in the buffers of a workspace."""
    return _Training(workspace).build.finished()


class _Training:
    """Operations of a workspace, in the order of `Workspace.loss_and_gradient`."""

    def __init__(self, workspace: Any) -> None:
        self.workspace, self.layers = workspace, workspace.layers
        self.loss = loss_code(workspace.loss, fused=workspace.joint)
        self.build = Builder(workspace.network.dtype, self._slots())
        first = self._first_inputs()
        self.inputs = [first, *(Rows(layer.outputs, layer.outputs.shape[1]) for layer in self.layers[:-1])]
        self._forward()
        self._loss()
        self._backward()

    def _slots(self) -> dict[int, Slot]:
        rows, width = self.workspace.rows, self.workspace.network.row_shape[0]
        slots = {INPUTS: ("r", rows * width, 0, False), WEIGHTS: ("r", rows, 0, True)}
        if self.loss is not None:
            classes = rows if self.workspace.loss.targets == "classes" else 0
            slots[TARGETS] = ("t", rows * self._target_columns(), classes, False)
        return slots

    def _target_columns(self) -> int:
        return int(self.layers[-1].outputs.shape[1]) // int(self.workspace.loss.outputs_per_target)

    def _first_inputs(self) -> Rows:
        """Add what fills the inputs of the first layer, and what draws random numbers; return the inputs."""
        workspace, build = self.workspace, self.build
        encoded: Place = INPUTS
        if workspace.inputs is not None:
            build.call_with(lambda inputs, *_: workspace.inputs.fill(inputs))
            encoded = workspace.inputs.inputs
        self.masks = Masks(self.layers)
        self.masks.draw(build)
        self.embeddings = None if workspace.learned is None else Embeddings(workspace.learned)
        if self.embeddings is None:
            return Rows(encoded, workspace.network.row_shape[0])
        self.embeddings.fill(build, encoded)
        columns = workspace.learned.columns
        return Rows(columns, len(columns), turned=True)

    def _forward(self) -> None:
        """Add the forward pass, up to the last pre-activations for a fused loss."""
        build = self.build
        scale_weight(build, self.layers[0])
        for index, (layer, inputs) in enumerate(zip(self.layers, self.inputs, strict=True)):
            inputs.times(build, layer.weight, layer.z)
            bias = shift(build, layer)
            if self.workspace.joint and index == len(self.layers) - 1:
                if bias is not None:
                    build.add("shift", (layer.z, bias), layer.z.shape)
                return
            activate(build, layer, bias, layer.activated, layer.outputs.shape[1])
            self.masks.drop(build, index, layer)
            add_shortcut(build, layer, layer.activated if layer.dropout is None else layer.outputs)

    def _loss(self) -> None:
        """Add the loss of each row, and the gradient of their weighted mean."""
        build, workspace, last = self.build, self.workspace, self.layers[-1]
        values = last.z if workspace.joint else last.outputs
        if self.loss is None:
            function = workspace.loss.joint if workspace.joint else workspace.loss.value_and_grad
            build.call_with(lambda inputs, targets, *_: function(values, targets, workspace.losses, last.grad))
        else:
            code, options = self.loss
            build.add("loss", (values, TARGETS, workspace.losses, last.grad), (*values.shape, self._target_columns()), options, code)
        build.add("weigh", (last.grad, workspace.losses, WEIGHTS), last.grad.shape, (float(workspace.row_weight),))

    def _backward(self) -> None:
        """Add the backward pass, down to the lowest trained layer."""
        lowest, joint = self.workspace.lowest, self.workspace.joint
        for index in range(len(self.layers) - 1, lowest - 1, -1):
            layer = self.layers[index]
            self._through_shift(index, layer, activated=not (joint and index == len(self.layers) - 1))
            if layer.layer.spec.trainable:
                self.inputs[index].turned_times(self.build, layer.grad_z, layer.gradient.weight)
            if index > lowest:
                self._into_outputs(layer, self.layers[index - 1], index - 1)
        if lowest == 0:
            self._through_inputs()

    def _through_shift(self, index: int, layer: Any, activated: bool) -> None:
        """Add the gradient of a layer's product from that of its outputs."""
        build, of_bias = self.build, layer.gradient.bias if layer.layer.spec.trainable else None
        normalized = layer.normalizer is not None
        if activated:
            if layer.grad_shortcut is not None:
                build.add("copy", (layer.grad, layer.grad_shortcut), (layer.grad.size,))
            if layer.dropout is not None:
                build.add("multiply", (layer.grad, layer.dropout.mask), (layer.grad.size,))
            back_activate(build, layer, None if normalized else of_bias)
        if normalized:
            back_normalize(build, layer)
        if normalized or not activated:
            sum_rows(build, layer, of_bias)

    def _into_outputs(self, layer: Any, before: Any, index: int) -> None:
        """Add the gradient of the outputs of the layer before, with those of residual connections that begin there."""
        rows, columns = layer.grad_z.shape
        units = before.grad.shape[1]
        self.build.add("product", (layer.grad_z, layer.weight, before.grad), (rows, units, columns), code=B_TRANSPOSED)
        for grad in self._shortcuts_from(index):
            self.build.add("add", (before.grad, grad, before.grad), (grad.size,))

    def _shortcuts_from(self, begin: int) -> list[Array]:
        """Return the gradients of the residual connections that begin at the outputs of a layer."""
        kept = ((index - (layer.layer.spec.residual or 0), layer.grad_shortcut) for index, layer in enumerate(self.layers))
        return [grad for start, grad in kept if grad is not None and start == begin]

    def _through_inputs(self) -> None:
        """Add the gradients of the factors of the inputs and of the embeddings."""
        build, workspace, first = self.build, self.workspace, self.layers[0]
        scale, of_scale = first.layer.input_scale, first.gradient.input_scale
        if scale is not None and of_scale is not None:
            build.add("scale_back", (first.layer.weight, scale, first.gradient.weight, of_scale), first.weight.shape)
        if self.embeddings is not None:
            self.embeddings.backward(build, first.weight, first.grad_z, workspace.embedding_gradients, workspace.into_inputs)
