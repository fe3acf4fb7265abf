"""PyTorch module with the layers and weights of a network. PyTorch is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from mlpkit.engine.layers import LayerViews
from mlpkit.engine.network import Network
from mlpkit.errors import DataError
from mlpkit.plugin import Activation, plugin_name
from mlpkit.spec.dropout import AlphaDropout, GaussianDropout
from mlpkit.spec.normalization import BatchNormalization, LayerNormalization

NAMES = {  # modules without options
    **{"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "relu6": "ReLU6", "selu": "SELU", "silu": "SiLU", "mish": "Mish"},
    **{"softsign": "Softsign", "log_sigmoid": "LogSigmoid", "hard_sigmoid": "Hardsigmoid", "hard_silu": "Hardswish"},
    **{"hard_tanh": "Hardtanh", "tanh_shrink": "Tanhshrink", "glu": "GLU"},
}
OPTIONS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {  # and those with options
    "leaky_relu": ("LeakyReLU", lambda own: {"negative_slope": own.negative_slope}),
    "elu": ("ELU", lambda own: {"alpha": own.alpha}),
    "celu": ("CELU", lambda own: {"alpha": own.alpha}),
    "gelu": ("GELU", lambda own: {"approximate": own.approximate}),
    "softplus": ("Softplus", lambda own: {"beta": own.beta, "threshold": own.threshold}),
    "soft_shrink": ("Softshrink", lambda own: {"lambd": own.threshold}),
    "hard_shrink": ("Hardshrink", lambda own: {"lambd": own.threshold}),
    "softmax": ("Softmax", lambda own: {"dim": 1}),
    "log_softmax": ("LogSoftmax", lambda own: {"dim": 1}),
}


def to_torch(network: Network) -> Any:
    """Return the `nn.Sequential` of a network; see `Model.to_torch`."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise DataError("to_torch needs PyTorch, which is not installed", help="install it: pip install torch") from error
    spec = network.spec
    if spec.embeddings:
        raise DataError("network.embeddings have no counterpart in nn.Sequential", help="export the model as ONNX")
    modules = [torch.nn.Dropout(spec.input_dropout)] if spec.input_dropout else []
    for index, layer in enumerate(network.layers):
        modules += list(_modules(torch, layer, f"network.layers[{index}]"))
    return torch.nn.Sequential(*modules).eval()


def _modules(torch: Any, layer: LayerViews, path: str) -> Iterator[Any]:
    """Yield the modules of a layer. Raise DataError if a part of it has no counterpart."""
    if layer.spec.residual is not None:
        raise DataError(f"{path}: a residual connection has no counterpart in nn.Sequential", help="export the model as ONNX")
    weight = layer.weight if layer.input_scale is None else layer.weight * layer.input_scale[:, None]
    rows, columns = weight.shape
    dtype = getattr(torch, weight.dtype.name)
    linear = torch.nn.Linear(rows, columns, bias=layer.bias is not None, dtype=dtype)
    _fill(torch, linear.weight, weight.T)
    if layer.bias is not None:
        _fill(torch, linear.bias, layer.bias)
    yield linear
    if layer.spec.normalization is not None:
        yield _normalization(torch, layer, columns, dtype)
    if plugin_name(layer.activation) != "linear":
        yield _activation(torch, layer, path, dtype)
    if layer.spec.dropout:
        dropout = layer.spec.dropout
        if isinstance(dropout, GaussianDropout):
            raise DataError(f"{path}: gaussian dropout has no counterpart in PyTorch", help="predictions do not need it: leave it out")
        yield torch.nn.AlphaDropout(dropout.rate) if isinstance(dropout, AlphaDropout) else torch.nn.Dropout(dropout)


def _normalization(torch: Any, layer: LayerViews, units: int, dtype: Any) -> Any:
    options, views = layer.spec.normalization, layer.normalization
    if isinstance(options, BatchNormalization):
        module = torch.nn.BatchNorm1d(units, eps=options.epsilon, momentum=1 - options.momentum, dtype=dtype)
        _fill(torch, module.running_mean, views["mean"])
        _fill(torch, module.running_var, views["variance"])
    else:
        kind = torch.nn.LayerNorm if isinstance(options, LayerNormalization) else torch.nn.RMSNorm
        module = kind(units, eps=options.epsilon, dtype=dtype)  # type: ignore[union-attr]
    _fill(torch, module.weight, views["scale"])
    if "shift" in views:
        _fill(torch, module.bias, views["shift"])
    return module


def _activation(torch: Any, layer: LayerViews, path: str, dtype: Any) -> Any:
    activation: Activation = layer.activation
    own = type(activation).__module__.startswith("mlpkit.activations.")
    name = plugin_name(activation)
    if own and name == "prelu":
        module = torch.nn.PReLU(layer.units, dtype=dtype)
        _fill(torch, module.weight, layer.activation_parameters[0])
        return module
    if own and name in NAMES:
        return getattr(torch.nn, NAMES[name])()
    if own and name in OPTIONS:
        module_name, options = OPTIONS[name]
        return getattr(torch.nn, module_name)(**options(activation))
    raise DataError(f"{path}: the activation {name!r} has no module in PyTorch", help="export the model as ONNX")


def _fill(torch: Any, parameter: Any, array: Any) -> None:
    """Copy an array into a parameter or a buffer."""
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(array.copy()))
