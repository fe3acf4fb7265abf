"""Model from a file of Keras, read in another process without Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, ResourceLimit, WorkerError
from mlpkit.importing.arrays import finished, last_activation
from mlpkit.importing.assembly import dtype_of
from mlpkit.importing.chain import Operation, Scaling, chained
from mlpkit.importing.keras_file import WHOLE, layers_of
from mlpkit.importing.keras_layers import KerasLayer, in_order, operations_of
from mlpkit.model.model import Model
from mlpkit.modelfile.hdf5.source import open_source
from mlpkit.modelfile.reader import naming
from mlpkit.workers.pool import Pool, Task

MAX_FILE = 2 * 2**30


def from_keras(
    path: str | Path,
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
    """Return the model of a network in a file of Keras 2 or 3: a chain of Dense layers, Sequential or Functional.

    Keras is not needed, and nothing of the file is executed: it is read in a process of its own, with limits of memory and time. Known are
    Dense, Activation and layers of activations, Dropout, BatchNormalization, LayerNormalization, Normalization, Rescaling, InputLayer and
    Flatten, for rows of values in C order. Normalization and Rescaling of the inputs become those of the columns. Batch normalization after
    an activation becomes part of the next weights, so that predictions are the same.

    Parameters
    ----------
    path : str or Path
        A .keras file, or an HDF5 file of a whole model.
    classes : sequence, optional
        Labels in the order of the outputs. Outputs of a linear last layer, logits, then become probabilities.
    inputs, center, scale, target, target_center, target_scale, dtype, spec
        See `mlpkit.from_arrays`.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        The file is no whole model of Keras, is damaged, unsafe or too large.
    DataError
        The network is no chain of such layers, for example because of a Lambda layer, a convolution or branches; it names the layer.
    SpecError, PluginError
        The spec is not valid.
    """
    layers = _read(path)
    with np.errstate(all="ignore"):  # a number that is not finite is found in the weights
        operations = list(operations_of(layers))
        if center is None and scale is None:
            operations, center, scale = _scaling_of_inputs(operations)
        chain = chained(operations)
    found, last = chain.layers, chain.layers[-1]
    if classes is not None and last.activation == "linear":
        found = [*found[:-1], replace(last, activation=last_activation(last.weight.shape[1], classes))]
    network = {"network": {"input_dropout": chain.input_dropout}} if chain.input_dropout else {}
    dtype = dtype or dtype_of(array for layer in layers for array in layer.arrays if array.dtype.kind == "f")
    given = {"inputs": inputs, "center": center, "scale": scale, "dtype": dtype, "spec": _with(network, spec)}
    return finished(found, classes=classes, target=target, target_center=target_center, target_scale=target_scale, **given)


def _with(network: dict[str, Any], spec: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the spec of the caller with the options of the network that it does not have."""
    if not network or not (spec is None or isinstance(spec, Mapping)):
        return spec
    own = (spec or {}).get("network")
    return {**(spec or {}), "network": {**network["network"], **(own if isinstance(own, Mapping) else {})}}


def _read(path: str | Path) -> list[KerasLayer]:
    """Return the layers of a file in their order."""
    with naming(path):
        try:
            with open_source(path) as source:
                if source.size > MAX_FILE:
                    raise ResourceLimit(f"it has {source.size} bytes, more than {MAX_FILE}")
                data = source.at(0, source.size)
        except NotAModelFile as error:
            raise NotAModelFile(error.message, help=WHOLE) from error
    values, arrays = _in_another_process(str(path), data)
    with naming(path):
        described = layers_of(values["config"])
        each = [[_array(arrays, *place) for place in own] for own in values["arrays"]]
    config = values["config"]
    outputs = None if config["class_name"] == "Sequential" else config["config"].get("output_layers", [])
    order = in_order(described, outputs)
    return [_layer(described[index], each[index], values["version"]) for index in order]


def _in_another_process(name: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        with Pool({}, 1) as pool:
            (message,) = pool.run([Task(name, "mlpkit.importing.keras_file:read", {}, data)])
    except WorkerError as error:
        help = "save the model again; the file is damaged, or made to exhaust its reader"
        raise Corrupt(f"{error.message}", help=help) from error
    except OSError as error:
        help = "save the weights as safetensors, or pass them to from_arrays"
        raise ModelFileError(f"{name}: the process that reads it cannot be started: {error}", help=help) from error
    return message.values, message.data


def _array(data: bytes, dtype: str, shape: Iterable[int], start: int) -> Any:
    shape = tuple(shape)
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(data, dtype, count, start).reshape(shape) if count else np.empty(shape, dtype)


def _layer(described: dict[str, Any], arrays: Sequence[Any], version: str) -> KerasLayer:
    """Return a layer; the class of a layer that is not Keras's own is written with its package."""
    kind, registered = described["class_name"], described.get("registered_name")
    own = str(described.get("module") or "keras").partition(".")[0] in ("keras", "tf_keras") and registered in (None, kind)
    return KerasLayer(
        kind if own else f"{registered or kind} of the user", described["config"]["name"], described["config"], arrays, version
    )


def _scaling_of_inputs(operations: Sequence[Operation]) -> tuple[list[Operation], Any, Any]:
    """Return the operations without the scaling at their beginning, and its center and scale; None if there is none."""
    first = list(takewhile(lambda each: isinstance(each, Scaling), operations))
    scaling: Scaling | None = None
    for each in first:
        assert isinstance(each, Scaling)
        scaling = each.after(scaling)
    if scaling is None or not scaling.factor.all():
        return list(operations), None, None
    factor, shift = (each.reshape(()) if each.size == 1 else each for each in (scaling.factor, scaling.shift))
    return list(operations[len(first) :]), -shift / factor, 1 / factor
