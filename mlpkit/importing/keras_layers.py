"""Layers of a description of Keras, as operations.

Values of the description are checked, and an unknown layer is an error that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.arrays import finite_numbers
from mlpkit.importing.chain import Activated, Dropped, LinearMap, Normalized, Operation, Scaling
from mlpkit.text.shown import first_few, shortened

Array = NDArray[Any]
Config = dict[str, Any]
SAME = (
    *(
        "linear",
        "relu",
        "sigmoid",
        "tanh",
        "softmax",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "softsign",
        "exponential",
        "relu6",
    ),
    *("log_softmax", "log_sigmoid", "celu", "hard_tanh", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus"),
)
NAMES: dict[str, Any] = {
    **{name: name for name in SAME},
    **{"swish": "silu", "hard_silu": "hard_silu", "hard_swish": "hard_silu"},
    "leaky_relu": {"type": "leaky_relu", "negative_slope": 0.2},
}
ONLY = "only chains of Dense layers with activations, normalization and dropout can be imported"


@dataclass(frozen=True)
class KerasLayer:
    """Layer of a description, with its arrays in their order."""

    kind: str
    name: str
    config: Config
    arrays: Sequence[Array]
    version: str

    def error(self, problem: str, help: str = ONLY) -> DataError:
        """Return the error for the layer."""
        return DataError(f"the layer {shortened(self.name)!r}, {shortened(self.kind, 60)}, {problem}", help=help)

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number of the description. Raise DataError if it is none."""
        found = self.config.get(key, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
            raise self.error(f"has {shortened(repr(found), 60)} as its {key}, not a number")
        return float(found)

    def weights(self, *ranks: int) -> list[Array]:
        """Return the arrays, which must have these numbers of axes. Raise DataError if they have not."""
        if len(self.arrays) != len(ranks):
            raise self.error(f"has {len(self.arrays)} arrays, not {len(ranks)}", "save the model again")
        names = [f"the weight {index} of the layer {shortened(self.name)!r}" for index in range(len(ranks))]
        return [finite_numbers(*each) for each in zip(names, self.arrays, ranks, strict=True)]


def operations_of(layers: Sequence[KerasLayer]) -> Iterator[Operation]:
    """Yield the operations of layers that follow each other. Raise DataError for a layer that has no counterpart."""
    axes = 1  # of the values of a row
    for layer in layers:
        if layer.kind == "InputLayer":
            axes = _axes(layer)
        elif layer.kind == "Flatten":
            if layer.config.get("data_format") not in (None, "channels_last"):
                raise layer.error("flattens in another order than that of the values", "set its data_format to 'channels_last'")
            axes = 1
        elif (convert := LAYERS.get(layer.kind)) is None:
            raise layer.error("has no counterpart")
        else:
            for operation in convert(layer):
                if axes != 1 and not (isinstance(operation, Scaling) and operation.factor.size == 1):
                    raise layer.error(f"has rows of {axes} axes", "flatten them first: Flatten")
                yield operation


def _axes(layer: KerasLayer) -> int:
    shape = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    if not isinstance(shape, list) or len(shape) < 2:
        raise layer.error("has no shape of rows")
    return len(shape) - 1


def _dense(layer: KerasLayer) -> Iterator[Operation]:
    if layer.config.get("lora_rank") or layer.config.get("quantization_config"):
        raise layer.error("is quantized or has a LoRA", "merge it into the weights, and save the model again")
    biased = layer.config.get("use_bias", True) is not False
    weight, *bias = layer.weights(2, *([1] if biased else []))
    yield LinearMap(layer.name, weight, bias[0] if bias else None)
    yield from _activation(layer)


def _activation(layer: KerasLayer) -> Iterator[Operation]:
    """Yield the activation that a layer names."""
    given = layer.config.get("activation", "linear")
    if isinstance(given, dict):
        kind, module, own = given.get("class_name"), given.get("module"), given.get("config")
        trusted = not given.get("registered_name") or given.get("registered_name") in (kind, own)
        if isinstance(kind, str) and kind in ACTIVATION_LAYERS and isinstance(own, dict) and trusted:
            yield from ACTIVATION_LAYERS[kind](KerasLayer(kind, layer.name, own, (), layer.version))
            return
        known = kind != "function" or str(module).partition(".")[0] == "keras"
        given = f"{own}, a function of the user" if not known else own if kind == "function" else kind
    given = "linear" if given is None else given
    if given == "hard_sigmoid" and layer.version.partition(".")[0] not in ("1", "2"):
        yield Activated(layer.name, "hard_sigmoid")  # that of Keras 2 has another slope
    elif isinstance(given, str) and given in NAMES:
        yield Activated(layer.name, NAMES[given])
    else:
        raise layer.error(f"has the activation {shortened(str(given), 60)!r}", f"known are {', '.join(NAMES)}")


def _relu(layer: KerasLayer) -> Iterator[Operation]:
    slope, threshold = layer.number("negative_slope", 0.0), layer.number("threshold", 0.0)
    most = layer.config.get("max_value")
    if threshold == 0 and most is None and 0 <= slope < 1:
        yield Activated(layer.name, {"type": "leaky_relu", "negative_slope": slope} if slope else "relu")
    elif threshold == 0 and slope == 0 and most == 6:
        yield Activated(layer.name, "relu6")
    else:
        raise layer.error("has options that no activation of mlpkit has", "known are max_value of 6, and a negative_slope below 1")


def _leaky_relu(layer: KerasLayer) -> Iterator[Operation]:
    slope = layer.number("negative_slope" if "negative_slope" in layer.config else "alpha", 0.3)
    yield Activated(layer.name, {"type": "leaky_relu", "negative_slope": slope})


def _elu(layer: KerasLayer) -> Iterator[Operation]:
    yield Activated(layer.name, {"type": "elu", "alpha": layer.number("alpha", 1.0)})


def _softmax(layer: KerasLayer) -> Iterator[Operation]:
    if layer.config.get("axis", -1) not in (-1, 1):
        raise layer.error("has another axis than the last one")
    yield Activated(layer.name, "softmax")


def _prelu(layer: KerasLayer) -> Iterator[Operation]:
    (slope,) = layer.weights(1)
    yield Activated(layer.name, "prelu", {"slope": slope})


def _dropout(layer: KerasLayer) -> Iterator[Operation]:
    rate = layer.number("rate")
    kind = {"AlphaDropout": "alpha", "GaussianDropout": "gaussian"}.get(layer.kind)
    yield Dropped(layer.name, rate if kind is None else {"type": kind, "rate": rate})


def _nothing(layer: KerasLayer) -> Iterator[Operation]:
    yield from ()


def _normalized(layer: KerasLayer) -> Iterator[Operation]:
    """Yield batch or layer normalization over the last axis."""
    if layer.config.get("axis", -1) not in (-1, 1, [-1], [1]) or layer.config.get("rms_scaling"):
        raise layer.error("normalizes in another way than over the values of a row")
    batch = layer.kind == "BatchNormalization"
    used = [layer.config.get(key, True) is not False for key in ("scale", "center")]
    found = layer.weights(*[1] * (sum(used) + 2 * batch))
    count = found[-1].size if found else 0
    if any(each.shape != (count,) for each in found) or not count:
        raise layer.error("has arrays of different lengths, or none", "save the model again")
    scale = found[0] if used[0] else np.ones(count, found[-1].dtype)
    shift = found[used[0]] if used[1] else np.zeros(count, found[-1].dtype)
    options: Config = {"type": "batch" if batch else "layer", "epsilon": layer.number("epsilon", 1e-3)}
    if not batch:
        yield Normalized(layer.name, scale, shift, options)
        return
    if (found[-1] < 0).any():
        raise layer.error("has a negative variance", "save the model again")
    yield Normalized(layer.name, scale, shift, {**options, "momentum": layer.number("momentum", 0.99)}, *found[-2:])


def _normalization(layer: KerasLayer) -> Iterator[Operation]:
    """Yield the scaling of inputs by their mean and variance, which are weights, or values of the description."""
    axis, given = layer.config.get("axis", -1), [layer.config.get("mean"), layer.config.get("variance")]
    if axis not in (-1, 1, [-1], [1], None, []):
        raise layer.error("has another axis than the last one")
    if any(each is None for each in given):
        given = list(layer.arrays[:2])
    if len(given) < 2:
        raise layer.error("has no mean and no variance", "call its adapt() before saving the model")
    mean, variance = (_numbers(layer, *each).reshape(-1) for each in zip(("mean", "variance"), given, strict=True))
    if mean.shape != variance.shape or not np.isfinite([mean, variance]).all() or (variance < 0).any():
        raise layer.error("has a mean or a variance that is not valid", "call its adapt() again")
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    yield Scaling(layer.name, deviation, mean) if layer.config.get("invert") else Scaling(layer.name, 1 / deviation, -mean / deviation)


def _rescaling(layer: KerasLayer) -> Iterator[Operation]:
    factor, shift = (_numbers(layer, key, layer.config.get(key, default)) for key, default in (("scale", None), ("offset", 0.0)))
    fitting = factor.ndim <= 1 and shift.ndim <= 1 and (1 in (factor.size, shift.size) or factor.size == shift.size)
    if not fitting or not (np.isfinite(factor).all() and np.isfinite(shift).all()):
        raise layer.error("has a scale or an offset that is no finite number of each input")
    yield Scaling(layer.name, *np.broadcast_arrays(factor, shift))


def _numbers(layer: KerasLayer, name: str, given: Any) -> NDArray[np.float64]:
    """Return numbers of the description or the weights. Raise DataError if they are none."""
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise layer.error(f"has {shortened(repr(given), 60)} as its {name}, not numbers", "save the model again") from error


Convert = Callable[[KerasLayer], Iterator[Operation]]
ACTIVATION_LAYERS: dict[str, Convert] = {"ReLU": _relu, "LeakyReLU": _leaky_relu, "ELU": _elu, "Softmax": _softmax}
LAYERS: dict[str, Convert] = {
    **ACTIVATION_LAYERS,
    **{"Dense": _dense, "Activation": _activation, "PReLU": _prelu, "BatchNormalization": _normalized, "LayerNormalization": _normalized},
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout"), _dropout),
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization"), _nothing),
    **{"Normalization": _normalization, "Rescaling": _rescaling},
}


def in_order(described: Sequence[Config], outputs: Any) -> list[int]:
    """Return the indices of layers in the order in which they follow each other. Raise DataError if they branch.

    `outputs` has the output layers as Keras writes them; None for a Sequential model, whose layers are in order.
    """
    if outputs is None:
        return list(range(len(described)))
    names = [str(layer["config"]["name"]) for layer in described]
    before = {name: _sources(layer.get("inbound_nodes")) for name, layer in zip(names, described, strict=True)}
    beginnings = [name for name, sources in before.items() if not sources]
    if len(beginnings) != 1 or len(before) < len(names):
        raise DataError(f"the model has {len(beginnings)} inputs: {first_few(beginnings, 5, repr)}", help=ONLY)
    after: dict[str, str] = {}
    for name, sources in before.items():
        if len(sources) > 1 or (sources and (sources[0] in after or sources[0] not in before)):
            raise DataError(f"the network branches at the layer {shortened(name)!r}", help=ONLY)
        after |= dict.fromkeys(sources, name)
    chain = beginnings
    while chain[-1] in after and len(chain) <= len(names):
        chain.append(after[chain[-1]])
    if (ends := _sources(outputs)) != chain[-1:]:
        raise DataError(
            f"the outputs of the model are those of {first_few(ends, 5, repr)}, not of {shortened(chain[-1])!r} alone", help=ONLY
        )
    if len(chain) != len(names):
        raise DataError(f"the network branches or goes in a circle behind the layer {shortened(chain[-1])!r}", help=ONLY)
    return [names.index(name) for name in chain]


def _sources(nodes: Any) -> list[str]:
    """Return the names of the layers whose outputs a layer gets, as Keras 2 and 3 write them. A layer that is used twice has several."""
    if isinstance(nodes, dict):
        own = nodes.get("config") if nodes.get("class_name") == "__keras_tensor__" else None
        history = own.get("keras_history") if isinstance(own, dict) else None
        if isinstance(history, list) and history:
            return [str(history[0])]
        return [name for value in nodes.values() for name in _sources(value)]
    if isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and all(isinstance(each, int) for each in nodes[1:3]):
            return [nodes[0]]
        return [name for value in nodes for name in _sources(value)]
    return []
