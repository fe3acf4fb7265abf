"""Model from arrays of weights, without rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.assembly import LayerWeights, assemble, units_of
from mlpkit.importing.columns import as_list, encoder_of, given_inputs, places_in
from mlpkit.importing.targets import Target
from mlpkit.model.model import Model
from mlpkit.plugin import Activation
from mlpkit.text.shown import counted, shortened

Array = NDArray[Any]


def from_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any] | None,
    activations: Any,
    *,
    classes: Sequence[Any] | None = None,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    center: Any = None,
    scale: Any = None,
    target: str | Sequence[str] | None = None,
    target_center: Any = None,
    target_scale: Any = None,
    dtype: str | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Model:
    """Return a model with given weights, without training rows.

    It predicts from raw columns, is saved and loaded, and trains further with `mlpkit.epochs`.

    Parameters
    ----------
    weights : sequence of array, shape (inputs, units) each
        Weights of the layers in order, for ``x @ weight + bias``. A gated activation has twice as many columns.
    biases : sequence of array of shape (units,) or None, or None
        Bias of each layer; None for a layer, or for all, without one.
    activations : sequence, or str
        Activation of each layer: a name, a dictionary with its options, or an object. A single one is that of all hidden layers. Without
        that of the last layer, it is "sigmoid" or "softmax" if there are `classes`, else "linear".
    classes : sequence, optional
        Labels in the order of the outputs. One sigmoid unit gives the probability of the second of two. Default: 0, 1 and so on, for
        one sigmoid unit or for softmax. Several sigmoid units give the probabilities of as many labels per row, without `classes`.
    inputs : sequence of str, or mapping, optional
        Names of the input columns in the order of the rows of the first weight. A mapping from names has the categories of each column that
        is one-hot encoded, and None for a number: ``{"age": None, "city": ["Basel", "Bern"]}``. Default: an array of numbers.
    center, scale : array, shape (numbers,), or float, optional
        Input numbers are encoded as (x - center) / scale; default: 0 and 1.
    target : str or sequence of str, optional
        Name of each predicted column.
    target_center, target_scale : array, shape (targets,), or float, optional
        Predicted numbers are outputs * target_scale + target_center; default: 0 and 1.
    dtype : "float32" or "float64", optional
        Default: float64 if an array has it, as lists of Python have, else float32.
    spec : dict, optional
        Keys of the spec for training further, such as `loss`, `optimizer`, `training` and `name`, which replace those that fit the last
        layer: Adam with "binary_crossentropy" for sigmoid, "categorical_crossentropy" for softmax, or "mean_squared_error".

    Returns
    -------
    Model

    Raises
    ------
    DataError
        The number of arrays, their shapes or their values do not fit each other, or the classes, names or scaling do not fit them.
    SpecError, PluginError
        An activation is not known, or the spec is not valid.

    Examples
    --------
    >>> import mlpkit
    >>> weights = [[[1.0, -1.0], [1.0, -1.0]], [[1.0], [1.0]]]
    >>> model = mlpkit.from_arrays(weights, [[0.0, 0.0], [-1.0]], "relu", inputs=["a", "b"])
    >>> model.predict([{"a": 1, "b": 2}]).tolist()
    [2.0]
    """
    arrays = _weights(weights)
    shifts = _biases(biases, len(arrays))
    _check_shapes(arrays, shifts, chosen := activations_of(activations, arrays, classes))
    layers = [LayerWeights(*each) for each in zip(arrays, shifts, chosen, strict=True)]
    given = {"inputs": inputs, "center": center, "scale": scale, "dtype": dtype, "spec": spec}
    return finished(layers, classes=classes, target=target, target_center=target_center, target_scale=target_scale, **given)


def finished(
    layers: Sequence[LayerWeights],
    *,
    classes: Sequence[Any] | None,
    inputs: Sequence[str] | Mapping[str, Any] | None,
    center: Any,
    scale: Any,
    target: str | Sequence[str] | None,
    target_center: Any,
    target_scale: Any,
    dtype: str | None,
    spec: Mapping[str, Any] | None,
    **defaults: Any,
) -> Model:
    """Return the model of layers that fit each other, the first of which has its rows in the order of the inputs; see `from_arrays`."""
    columns, named = given_inputs(inputs, center, scale, layers[0].weight.shape[0])
    encoder = encoder_of(columns, named)
    first = np.empty_like(layers[0].weight)
    first[places_in(encoder, columns)] = layers[0].weight
    means = Target(classes, target, target_center, target_scale)
    return assemble([replace(layers[0], weight=first), *layers[1:]], encoder, means, spec, dtype=dtype, **defaults)


def _weights(weights: Any) -> list[Array]:
    listed = None if isinstance(weights, Mapping) else as_list(weights)
    if not listed:
        raise DataError(f"weights is {shortened(repr(weights))}, not a list of arrays", help="pass the weights of the layers in order")
    return [finite_numbers(f"weights[{index}]", given, 2) for index, given in enumerate(listed)]


def _biases(biases: Any, count: int) -> list[Array | None]:
    if biases is None:
        return [None] * count
    listed = None if isinstance(biases, Mapping) else as_list(biases)
    if listed is None or len(listed) != count:
        found = shortened(repr(biases)) if listed is None else len(listed)
        raise DataError(f"biases has {found}, but there are weights of {counted(count, 'layer')}", help="pass one bias, or None, for each")
    return [None if given is None else finite_numbers(f"biases[{index}]", given, 1) for index, given in enumerate(listed)]


def finite_numbers(name: str, given: Any, rank: int) -> Array:
    """Return an array of floats. Raise DataError if it does not have `rank` axes, is empty, or has a value that is not finite."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} is no array: {shortened(str(error))}", help="pass an array of numbers") from error
    if found.dtype.kind not in "fiub":
        raise DataError(f"{name} has values of type {found.dtype}, not numbers", help="pass an array of numbers")
    if found.ndim != rank or 0 in found.shape:
        wanted = "(inputs, units)" if rank == 2 else "(units,)"
        raise DataError(f"{name} has shape {found.shape}, not {wanted}", help="pass one array for each layer")
    found = found if found.dtype.kind == "f" else found.astype(np.float64)
    if not np.isfinite(found).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(found))[0])
        raise DataError(f"{name} has {found[place]} at {list(place)}", help="pass finite numbers")
    return found


def activations_of(given: Any, weights: Sequence[Array], classes: Any) -> list[Any]:
    """Return an activation for each layer."""
    count = len(weights)
    if isinstance(given, (str, Mapping, Activation, type)):
        given = [given] * (count - 1)
    listed = as_list(given)
    if listed is None or len(listed) not in (count - 1, count):
        found = shortened(repr(given)) if listed is None else len(listed)
        help = "pass one for each layer, or for each hidden layer"
        raise DataError(f"activations has {found}, but there are weights of {counted(count, 'layer')}", help=help)
    return listed if len(listed) == count else [*listed, last_activation(int(weights[-1].shape[1]), classes)]


def last_activation(units: int, classes: Any) -> str:
    """Return the activation of the last layer where none is given."""
    return "linear" if classes is None else "sigmoid" if units == 1 else "softmax"


def _check_shapes(weights: Sequence[Array], biases: Sequence[Array | None], activations: Sequence[Any]) -> None:
    """Raise DataError if a weight does not have the outputs of the layer before as its rows, or a bias not one number per column."""
    width = None
    for index, (weight, bias, activation) in enumerate(zip(weights, biases, activations, strict=True)):
        if width is not None and weight.shape[0] != width:
            turned = "its transpose fits: pass weight.T; " if weight.shape[1] == width else ""
            help = f"{turned}weights are of shape (inputs, units), as in x @ weight"
            raise DataError(f"weights[{index}] has shape {weight.shape}, but the layer before has {counted(width, 'output')}", help=help)
        if bias is not None and bias.shape != weight.shape[1:]:
            message = f"biases[{index}] has shape {bias.shape}, but weights[{index}] has {counted(weight.shape[1], 'column')}"
            raise DataError(message, help=f"pass shape ({weight.shape[1]},)")
        width = units_of(weight, activation)
