"""Assembly of a model from layers with their weights, input columns and a target: nothing is fitted, and nothing is drawn at random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import DataError, SpecError
from mlpkit.importing.targets import Target, encoder_of, loss_for
from mlpkit.model.model import Model
from mlpkit.model.serialization import Stored, StoredMember
from mlpkit.model.weights import set_weights
from mlpkit.plugin import Activation, Gated
from mlpkit.preprocessing import InputEncoder
from mlpkit.spec import Spec
from mlpkit.spec.network import Layer
from mlpkit.text.shown import shortened
from mlpkit.training.history import History

FIXED = {  # keys of a spec that cannot be given, with an error and its help
    **dict.fromkeys(("ensemble", "preset"), ("the weights are those of one network", "remove it")),
    "preprocessing": ("there are no rows to fit it to", "remove it: columns are encoded as the network was trained with"),
}
MERGED = ("training", "data")  # parts of a spec whose keys are replaced one by one
Array = NDArray[Any]


@dataclass(frozen=True)
class LayerWeights:
    """Layer with its weights.

    Attributes
    ----------
    weight : array, shape (inputs, columns)
        Columns are units, or twice as many for a gated activation.
    bias : array, shape (columns,), or None
    activation : name, dict or Activation
    options : dict
        Further keys of the layer in the spec, such as `normalization`.
    more : dict of str to array
        Weights of normalization and activation, by names such as "normalization.scale".
    """

    weight: Array
    bias: Array | None
    activation: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Array] = field(default_factory=dict)

    def arrays(self, index: int) -> dict[str, Array]:
        """Return the weights by their names in a network, as the layer of this index."""
        bias = {} if self.bias is None else {"bias": self.bias}
        return {f"layers.{index}.{name}": array for name, array in {"weight": self.weight, **bias, **self.more}.items()}


def assemble(
    layers: Sequence[LayerWeights],
    inputs: InputEncoder,
    target: Target,
    given: Mapping[str, Any] | None = None,
    *,
    dtype: str | None = None,
    **defaults: Any,
) -> Model:
    """Return the model of some layers.

    Parameters
    ----------
    layers : sequence of LayerWeights
        The rows of the first weight are in the order of the encoder.
    inputs : InputEncoder
    target : Target
    given : mapping, optional
        Keys of the spec that replace those that are chosen here.
    dtype : "float32" or "float64", optional
        Default: that of the weights, in which no digit is lost.
    defaults
        Further keys of the spec.

    Raises
    ------
    SpecError, PluginError
        An activation or a key of `given` is not valid, or the target is an input.
    DataError
        The weights or the target do not fit.
    """
    weights = {name: array for index, layer in enumerate(layers) for name, array in layer.arrays(index).items()}
    spec = _spec(layers, inputs, target, _checked(given), {"dtype": dtype or dtype_of(weights.values()), **defaults})
    spec = spec.with_widths(inputs.width, spec.network.layers[-1].units or 1)
    if inputs.named and (both := set(spec.data.target or ()) & set(inputs.order)):
        raise SpecError.at("data.target", f"the column {shortened(min(both))!r} is an input too", "name another column as the target")
    encoder = encoder_of(spec, replace(target, names=spec.data.target), spec.network.layers[-1].units or 1)
    network = Network(spec.network, spec.dtype)
    set_weights(network, weights)
    return Model.from_parts(Stored(spec, (StoredMember(network, History()),), inputs, encoder, {}))


def dtype_of(arrays: Iterable[Array]) -> str:
    """Return "float64" if any array needs it, else "float32"."""
    return "float64" if any(array.dtype.itemsize > 4 for array in arrays) else "float32"


def _checked(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of the spec that the caller gives. Raise SpecError for one that cannot be given here."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SpecError(f"spec is {shortened(repr(given))}, not a dictionary", help='pass keys of a spec, such as {"optimizer": "sgd"}')
    for key, error in FIXED.items():
        if given.get(key) is not None:
            raise SpecError.at(key, *error)
    return dict(given)


def _spec(layers: Sequence[LayerWeights], inputs: InputEncoder, target: Target, given: dict[str, Any], defaults: dict[str, Any]) -> Spec:
    network = _network(layers, given.pop("network", None))
    output = activation_of(network["layers"][-1]["activation"]).output
    chosen: dict[str, Any] = {"loss": loss_for(output), "preprocessing": {"missing": "impute" if inputs.numbers.impute else "none"}}
    if target.names is not None:
        chosen["data"] = {"target": target.given_names}
    merged = {**chosen, **defaults, **given, "network": network}
    for key in MERGED:
        if isinstance(given.get(key), Mapping):
            merged[key] = {**chosen.get(key, {}), **given[key]}
    return Spec.model_validate(merged)


def _network(layers: Sequence[LayerWeights], given: Any) -> dict[str, Any]:
    """Return the network of a spec, with the options of the caller for all of it or for single layers."""
    found = [
        {"units": units_of(layer.weight, layer.activation), "activation": layer.activation, "bias": layer.bias is not None, **layer.options}
        for layer in layers
    ]
    if given is None:
        return {"layers": found}
    if not isinstance(given, Mapping):
        raise SpecError.at("network", f"is {shortened(repr(given))}, not a dictionary")
    own = given.get("layers", [{}] * len(found))
    if not isinstance(own, Sequence) or len(own) != len(found) or not all(isinstance(each, Mapping) for each in own):
        raise SpecError.at(
            "network.layers", f"there are weights of {len(found)} layers", f"give {len(found)} dictionaries, or leave it out"
        )
    return {**given, "layers": [{**layer, **options} for layer, options in zip(found, own, strict=True)]}


def units_of(weight: Array, activation: Any) -> int:
    """Return the number of outputs of a layer. Raise DataError if a gated activation has an odd number of columns."""
    columns = int(weight.shape[1])
    if not isinstance(activation_of(activation), Gated):
        return columns
    if columns % 2:
        raise DataError(f"a weight has {columns} columns, but a gated activation needs an even number", help="choose another activation")
    return columns // 2


def activation_of(given: Any) -> Activation:
    """Return the activation of a name, a dictionary or an object. Raise the error of the spec if it is not valid."""
    try:
        return Layer.model_validate({"activation": given}).activation
    except ValueError:
        network = {"layers": [{"units": 1, "activation": given}]}
        Spec.model_validate({"network": network, "loss": "mean_squared_error"})  # raises the error with advice
        raise
