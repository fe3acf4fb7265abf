"""Weights of a network: by name, from another model, and the first bias of the last layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.embedding_parameters import edges_increase
from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.errors import DataError
from mlpkit.plugin import to_entry
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.spec import Spec
from mlpkit.spec.embeddings import PiecewiseLinear
from mlpkit.text.shown import first_few

if TYPE_CHECKING:
    from mlpkit.data.dataset import Dataset
    from mlpkit.data.disk.dataset import StoredDataset
    from mlpkit.preprocessing.prepare import Prepared


class Taken(NamedTuple):
    """Weights of a new network that begin with those of another model.

    Attributes
    ----------
    names : tuple of str
        Weights taken over, such as "layers.0.weight".
    new : tuple of str
        Weights with new initial values, because the other model has none of the same name and shape.
    """

    names: tuple[str, ...]
    new: tuple[str, ...]


def get_weights(network: Network) -> dict[str, NDArray[Any]]:
    """Return copies of a network's weights by name, in the order of the layers."""
    return {name: network.parameters.views[name].copy() for name in _in_order(network)}


def set_weights(network: Network, weights: Mapping[str, Any]) -> None:
    """Set some weights of a network, or none if one of them is wrong.

    Raises
    ------
    DataError
        There is no weight of this name, or it has another shape or values that the dtype cannot hold.
    """
    if not isinstance(weights, Mapping):
        raise DataError(f"weights are given as {type(weights).__name__}", help="give a dictionary from names to arrays")
    views, checked = network.parameters.views, {}
    for name, given in weights.items():
        if name not in views:
            raise DataError(f"there is no weight {name!r}", help=f"the names are {first_few(_in_order(network), 20)}")
        try:
            value = np.asarray(given)
        except ValueError as error:  # of NumPy, for lists of different lengths
            raise DataError(f"the weight {name!r} is no array: {error}", help=f"pass an array of shape {views[name].shape}") from error
        if value.dtype.kind not in "fiub" or value.shape != views[name].shape:
            found = f"numbers of shape {value.shape}" if value.dtype.kind in "fiub" else f"values of type {value.dtype}"
            raise DataError(f"the weight {name!r} has shape {views[name].shape}, but these are {found}", help="pass an array of this shape")
        with np.errstate(over="ignore"):
            checked[name] = value.astype(network.dtype)
        if not np.isfinite(checked[name]).all():
            raise DataError(f"the weight {name!r} would be NaN or infinite in {network.dtype}", help="pass finite numbers of this type")
        if name.endswith(".edges") and not edges_increase(checked[name]):
            raise DataError(f"the edges of bins in {name!r} do not increase by finite steps", help="sort them, each of them once")
    for name, value in checked.items():
        views[name][...] = value


def take_weights(network: Network, other: Mapping[str, Any]) -> Taken:
    """Set the weights that have the same name and shape among `other`; the rest stays as it is.

    Raises
    ------
    DataError
        There is none.
    """
    views, names = network.parameters.views, _in_order(network)
    fitting = {name: other[name] for name in names if name in other and np.shape(other[name]) == views[name].shape}
    if not fitting:
        if any(name.startswith("members.0.") for name in other):
            help = "start from one of its members, model.members[0], or save that one and start from its file"
            raise DataError("the other model is an ensemble, whose members have weights of their own", help=help)
        raise DataError("no weight of the other model has the name and shape of one of this network", help="use layers of the same widths")
    set_weights(network, fitting)
    return Taken(tuple(fitting), tuple(name for name in names if name not in fitting))


def set_prior(spec: Spec, network: Network, rows: Dataset | StoredDataset) -> None:
    """Set the bias of the last layer to the constant outputs of least loss over the training rows, if its initializer is "prior"."""
    layer = network.layers[-1]
    if layer.bias is None or to_entry(layer.spec.bias_initializer) != "prior":
        return
    with attributing_errors(), np.errstate(all="ignore"):
        found = spec.loss.prior(rows.targets, rows.weights)
    if found is not None and found.shape == layer.bias.shape and np.isfinite(found).all():
        layer.bias[...] = found


def set_from_data(spec: Spec, network: Network, prepared: Prepared) -> None:
    """Set initial parameters that depend on the training rows, of which at most 4096 are used, if the network has any."""
    if not (spec.network.initialize_from_data or any(isinstance(each, PiecewiseLinear) for each in spec.network.embeddings)):
        return
    from mlpkit.engine.data_initialization import initialize_from_data
    from mlpkit.provenance.preactivation_ranges import sample
    from mlpkit.training.random_generators import random_stream

    initial, inputs = Network(spec.network, spec.dtype), prepared.train.inputs
    initial.initialize(random_stream(spec.seed, "weights"))
    initial.clear_inputs(prepared.inputs.zeros)
    rows = np.concatenate([inputs[block] for block in sample(len(inputs))])
    initialize_from_data(network, rows, random_stream(spec.seed, "data"), initial)


def _in_order(network: Network) -> list[str]:
    """Return the names of all weights, by layer."""
    return sorted(network.parameters.views, key=lambda name: layer_and_role(name)[0])
