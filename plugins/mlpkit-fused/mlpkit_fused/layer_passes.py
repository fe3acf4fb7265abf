"""Operations of one layer: forward for training and prediction, and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpkit.engine.normalization import Normalizer
from mlpkit.plugin import Array
from mlpkit.spec.normalization import BatchNormalization, RMSNormalization
from mlpkit_fused.builder import Builder, Place
from mlpkit_fused.functions import activation_code

A_TRANSPOSED, B_TRANSPOSED = 1, 2  # of a product


class Rows:
    """Inputs of a layer: an array or slot of shape (rows, width), or with `turned` of shape (width, rows)."""

    def __init__(self, place: Place, width: int, turned: bool = False) -> None:
        self.place, self.width, self.turned = place, width, turned

    def times(self, build: Builder, weight: Array, out: Array) -> None:
        """Add the product with weights, shape (width, columns), into `out`, shape (rows, columns)."""
        rows, columns = out.shape
        build.add("product", (self.place, weight, out), (rows, columns, self.width), code=A_TRANSPOSED if self.turned else 0)

    def turned_times(self, build: Builder, grad: Array, out: Array) -> None:
        """Add the product of the transposed inputs with `grad`, shape (rows, columns), into `out`, shape (width, columns)."""
        rows, columns = grad.shape
        build.add("product", (self.place, grad, out), (self.width, columns, rows), code=0 if self.turned else A_TRANSPOSED)


def scale_weight(build: Builder, first: Any) -> None:
    """Add the product of the first weights and the factors of the inputs, if there are any."""
    if first.layer.input_scale is not None:
        build.add("scale", (first.layer.weight, first.layer.input_scale, first.weight), first.weight.shape)


def shift(build: Builder, layer: Any) -> Array | None:
    """Add what turns a product into pre-activations where a layer is normalized; return a bias that is left for `activate`."""
    bias, options = layer.layer.bias, layer.layer.spec.normalization
    if options is None:
        return bias  # type: ignore[no-any-return]
    if bias is not None:
        build.add("shift", (layer.z, bias), layer.z.shape)
    normalize(build, layer, options)
    return None


def normalize(build: Builder, layer: Any, options: Any) -> None:
    """Add the normalization of a layer's pre-activations."""
    z, views, normalizer = layer.z, layer.layer.normalization, getattr(layer, "normalizer", None)
    kept = normalizer if isinstance(normalizer, Normalizer) else None  # of training
    if isinstance(options, BatchNormalization) and kept is not None:
        running = (kept.deviation, views["mean"], views["variance"], kept.mean)
        build.add(
            "batch_norm", (z, kept.normalized, views["scale"], views["shift"], *running), z.shape, (options.epsilon, options.momentum)
        )
    elif isinstance(options, BatchNormalization):
        build.add("fixed_norm", (z, *(views[name] for name in ("scale", "shift", "mean", "variance"))), z.shape, (options.epsilon,))
    else:
        normalized, deviation = (None, None) if kept is None else (kept.normalized, kept.deviation)
        places = (z, normalized, views["scale"], views.get("shift"), deviation)
        build.add("row_norm", places, z.shape, (options.epsilon,), int(isinstance(options, RMSNormalization)))


def activate(build: Builder, layer: Any, bias: Array | None, out: Place, units: int) -> None:
    """Add a bias and the activation of a layer into `out`, an array or slot of shape (rows, units)."""
    found = activation_code(layer.layer.activation)
    if found is None:
        if bias is not None:
            build.add("shift", (layer.z, bias), layer.z.shape)
        if isinstance(out, int):
            forward, parameters = layer.layer.activation.forward, layer.layer.activation_parameters
            build.call_with(lambda *arrays: forward(layer.z, arrays[out], *parameters))
        else:
            function, arguments = layer.activate()[0]
            build.call(function, *arguments)
        return
    code, options = found
    places = (layer.z, bias, out, *(layer.layer.activation_parameters or (None,)))
    build.add("activate", places, (*layer.z.shape, units), options, code)


def back_activate(build: Builder, layer: Any, of_bias: Array | None) -> None:
    """Add the gradient of the pre-activations from that of the activation's values, and its sum over the rows."""
    found = activation_code(layer.layer.activation)
    if found is None:
        function, arguments = layer.through_activation()[-1]
        build.call(function, *arguments)
        sum_rows(build, layer, of_bias)
        return
    code, options = found
    parameters, gradients = layer.layer.activation_parameters or (None,), layer.gradient.activation_parameters or (None,)
    places = (layer.z, layer.activated, layer.grad, layer.grad_z, *parameters, *gradients, of_bias)
    build.add("backward", places, (*layer.z.shape, layer.grad.shape[1]), options, code)


def sum_rows(build: Builder, layer: Any, of_bias: Array | None) -> None:
    """Add the gradient of a bias."""
    if of_bias is not None:
        build.add("sum_rows", (layer.grad_z, of_bias), layer.grad_z.shape)


def back_normalize(build: Builder, layer: Any) -> None:
    """Add the gradient of a product from that of the normalized pre-activations, in place."""
    options, views, normalizer = layer.layer.spec.normalization, layer.layer.normalization, layer.normalizer
    if not isinstance(normalizer, Normalizer):
        build.add("fixed_norm_back", (layer.grad_z, views["scale"], views["variance"]), layer.z.shape, (options.epsilon,))
        return
    gradients = (normalizer.gradients["scale"], normalizer.gradients.get("shift"))
    places = (layer.grad_z, normalizer.normalized, views["scale"], normalizer.deviation, *gradients)
    if isinstance(options, BatchNormalization):
        build.add("batch_norm_back", places, layer.z.shape)
    else:
        build.add("row_norm_back", places, layer.z.shape, code=int(isinstance(options, RMSNormalization)))


def add_shortcut(build: Builder, layer: Any, values: Place) -> None:
    """Add the residual connection of a layer to its values, into its outputs, if it has one."""
    if layer.shortcut is None:
        return
    if layer.shortcut.flags.c_contiguous:
        build.add("add", (values, layer.shortcut, layer.outputs), (layer.outputs.size,))
    else:
        build.call(np.add, values, layer.shortcut, layer.outputs)
