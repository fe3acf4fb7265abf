"""Conversion between the parts of a model and the content of its file: JSON values and named arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.engine.embedding_parameters import edges_increase
from mlpkit.engine.layers import parameter_shapes
from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError, ResourceLimit, SpecError, TensorMismatch
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.source import ModelSource, named
from mlpkit.modelfile.manifest import StoredObject
from mlpkit.modelfile.reader import OpenFile, naming, open_model
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import Plugin, use_replacements
from mlpkit.plugin.since import BASE_SCHEMA
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.provenance.network_probe import make_probe
from mlpkit.provenance.plugin_records import known_ranges, records
from mlpkit.provenance.resolve import replacements
from mlpkit.spec import Spec
from mlpkit.spec.forms import stored_spec
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.text.shown import first_few, shortened
from mlpkit.training.history import FIXED, History

if TYPE_CHECKING:
    from mlpkit.provenance.preactivation_ranges import Ranges
    from mlpkit.training.state import TrainingState

MAX_METRICS = 1000
# Lowest schema of the spec where other parts of the file have what earlier versions would misread, and must therefore reject.
STATE_SCHEMA = 4  # the state of a run
DECODING_SCHEMA = 5  # a target whose predictions the loss defines, or that has a decision threshold


class Stored(NamedTuple):
    """Validated parts of a model."""

    spec: Spec
    network: Network
    input_encoder: InputEncoder | None
    target_encoder: TargetEncoder | None
    history: History
    metadata: dict[str, Any]
    state: TrainingState | None = None
    ranges: Ranges | None = None  # ranges of the pre-activations of third-party activations


def to_contents(stored: Stored) -> Contents:
    """Return the contents of a model file."""
    encoders = {"inputs": stored.input_encoder, "target": stored.target_encoder}
    fitted = {name: encoder for name, encoder in encoders.items() if encoder is not None}
    plugins, surrogates = records(list(plugin_objects(stored.spec)), stored.spec.dtype, stored.ranges or {})
    spec, schema = stored_spec(stored.spec, at_least=_lowest_schema(stored))
    return Contents(
        spec=spec,
        spec_schema=schema,
        tensors=dict(stored.network.parameters.views),
        preprocessing={name: encoder.to_state() for name, encoder in fitted.items()},
        arrays={f"{name}/{key}": array for name, encoder in fitted.items() for key, array in encoder.arrays().items()},
        history=stored.history.columns(),
        plugins=plugins,
        metadata=stored.metadata,
        training=None if stored.state is None else stored.state.model_dump(),
        state={} if stored.state is None else stored.state.arrays,
        probe=make_probe(stored.network),
        surrogates=surrogates,
    )


def _lowest_schema(stored: Stored) -> int:
    """Return the lowest schema of the spec by the other parts of a model."""
    target = stored.target_encoder
    if target is not None and (target.decoded_by_loss or target.threshold != 0.5):
        return DECODING_SCHEMA
    return BASE_SCHEMA if stored.state is None else STATE_SCHEMA


def from_contents(contents: Contents, path: ModelSource) -> Stored:
    """Return the parts of a model from the contents of a file; `path` is the name for errors.

    Missing plugins that predictions do not need, or that have a lookup table to use, are replaced by a `Placeholder`.

    Raises
    ------
    ModelFileError
        The spec or the training state is not valid, or the arrays do not fit them.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        A plugin cannot be used; the message names the package to install or the code to pass.
    """
    with naming(path):
        spec = _valid_spec(contents, contents.tensors, named(path), allow_surrogate=False)
        _check_tensors(spec, {name: (array.shape, array.dtype.name) for name, array in contents.tensors.items()})
        network = Network(spec.network, spec.dtype)
        for name, view in network.parameters.views.items():
            view[...] = contents.tensors[name]
        return _stored(contents, spec, network)


def read_parts(path: ModelSource, allow_surrogate: bool = False, own: Sequence[type[Plugin]] = ()) -> tuple[Stored, Contents]:
    """Return the parts of a model, and the contents of its file without tensors, which are read into the network.

    The errors are those of `from_contents`.
    """
    with open_model(path) as file:
        contents, spec, listed = _without_tensors(file, named(path), allow_surrogate, own)
        network = Network(spec.network, spec.dtype)
        file.arrays.take(listed, network.parameters.views)
        return _stored(contents, spec, network), contents


def map_parts(
    path: ModelSource, allow_surrogate: bool = False, own: Sequence[type[Plugin]] = ()
) -> tuple[Stored, Contents, Callable[[], None]]:
    """Return the same from a mapped file, and a function that verifies the tensors. Errors are those of `from_contents`."""
    with open_model(path, map_file=True) as file:
        contents, spec, listed = _without_tensors(file, named(path), allow_surrogate, own)
        network = Network.mapped(spec.network, spec.dtype, {name: file.arrays.mapped(stored) for name, stored in listed.items()})

        def verify() -> None:
            with naming(path):
                file.arrays.verify(listed.values())

        return _stored(contents, spec, network), contents, verify


def whole_spec(contents: Contents, spec: Spec, path: str, allow_surrogate: bool, own: Sequence[type[Plugin]]) -> Spec:
    """Return the spec of a loaded model with the plugins that predictions do not need.

    Raises
    ------
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        The same as for `from_contents`.
    """
    most = max(len(spec.network.layers), len(spec.network.embeddings))
    return _valid_spec(contents, contents.tensors or ("",) * most, path, allow_surrogate, own)


def _without_tensors(
    file: OpenFile, path: str, allow_surrogate: bool, own: Sequence[type[Plugin]]
) -> tuple[Contents, Spec, dict[str, StoredObject]]:
    """Return the contents of a file, its spec, and the entries of the tensors, after comparing them with the spec."""
    contents, listed = file.contents(tensors={}), file.listed("tensor")
    spec = _valid_spec(contents, listed, path, allow_surrogate, own, predicting=True)
    _check_tensors(spec, {name: (tuple(stored.shape), stored.dtype) for name, stored in listed.items()})
    return contents, spec, listed


def _valid_spec(
    contents: Contents,
    tensors: Collection[str],
    path: str,
    allow_surrogate: bool,
    own: Sequence[type[Plugin]] = (),
    predicting: bool = False,
) -> Spec:
    _check_length(contents.spec, tensors)
    dtype = "float64" if contents.spec.get("dtype") == "float64" else "float32"  # other values raise an error in the spec
    classes = replacements(contents.plugins, contents.surrogates, dtype, path, allow_surrogate, own, predicting)
    try:
        with use_replacements(classes):
            spec = Spec.model_validate(contents.spec)
            return spec.without_paths().allowing_large(False)  # decided by the user, not by the file
    except SpecError as error:
        raise ModelFileError(f"the spec in it is not valid: {error.message}", rule=Rule.SPEC) from error


def _check_length(spec: dict[str, Any], tensors: Collection[str]) -> None:
    """Check the number of layers, embeddings and metrics before validating each, because a file can list a million."""
    network, metrics = spec.get("network"), spec.get("metrics")
    for part in ("layers", "embeddings"):
        listed = network.get(part) if isinstance(network, dict) else None
        if isinstance(listed, list) and len(listed) > len(tensors):
            raise TensorMismatch(f"the spec has {len(listed)} {part}, but there are {len(tensors)} tensors", rule=Rule.TENSORS)
    if isinstance(metrics, list) and len(metrics) > MAX_METRICS:
        raise ResourceLimit(f"the spec has {len(metrics)} metrics, more than {MAX_METRICS}", rule=Rule.LIMITS)


def _stored(contents: Contents, spec: Spec, network: Network) -> Stored:
    if not all(np.isfinite(table).all() for table in contents.surrogates.values()):
        raise ModelFileError("the lookup table of an activation holds NaN or infinity", rule=Rule.PLUGINS)
    for index, views in enumerate(network.embeddings):
        if "edges" in views and not edges_increase(views["edges"]):
            raise ModelFileError(f"the edges of bins in embeddings.{index}.edges do not increase by finite steps", rule=Rule.FINITE)
    inputs, target = _encoders(contents, spec)
    history = _history(contents.history)
    state = None if contents.training is None else _training_state(contents.training, contents.state, spec, network)
    if state is not None and len(history) != state.place.epochs:
        what = f"it is after {state.place.epochs} epochs, but the history has {len(history)}"
        raise ModelFileError(f"the training state in it does not fit its history: {what}", rule=Rule.STATE)
    return Stored(spec, network, inputs, target, history, contents.metadata, state, known_ranges(contents.plugins))


def _encoders(contents: Contents, spec: Spec) -> tuple[InputEncoder | None, TargetEncoder | None]:
    """Return the fitted preprocessing, if its widths fit the network."""
    states = contents.preprocessing
    try:
        inputs = InputEncoder.from_state(states["inputs"], _arrays(contents, "inputs")) if "inputs" in states else None
        target = TargetEncoder.from_state(states["target"], _arrays(contents, "target")) if "target" in states else None
    except ModelFileError as error:
        rule = Rule.LIMITS if isinstance(error, ResourceLimit) else Rule.PREPROCESSING
        raise type(error)(error.message, help=error.help, rule=rule) from error
    widths = spec.network.inputs, spec.network.layers[-1].units
    found = widths[0] if inputs is None else inputs.width, widths[1] if target is None else target.outputs
    if found != widths:
        raise ModelFileError(
            f"the preprocessing is for a network with {found[0]} inputs and {found[1]} outputs, not {widths}", rule=Rule.PREPROCESSING
        )
    if inputs is not None and inputs.levels != spec.network.levels:
        what = f"{len(inputs.levels)} columns of embedded categories, but the network's embeddings are for others"
        raise ModelFileError(f"the preprocessing has {what}", rule=Rule.PREPROCESSING)
    return inputs, target


def _check_tensors(spec: Spec, found: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Compare the tensors' shapes and dtypes, by name, with those of the spec, before any allocation."""
    try:
        needed = {name: shape for part in parameter_shapes(spec.network) for name, shape in part.items()}
    except ValueError as error:
        raise ModelFileError(str(error), rule=Rule.TENSORS) from error
    for name in sorted(needed.keys() | found.keys()):
        shape, dtype = found.get(name, ("missing", spec.dtype))
        if needed.get(name) != shape:
            raise TensorMismatch(f"the tensor {name} is {shape}, but the spec requires {needed.get(name, 'none')}", rule=Rule.TENSORS)
        if dtype != spec.dtype:
            raise TensorMismatch(f"the tensor {name} is {dtype}, but the spec has {spec.dtype}", rule=Rule.TENSORS)


def _training_state(values: dict[str, Any], arrays: dict[str, NDArray[Any]], spec: Spec, network: Network) -> TrainingState:
    from mlpkit.training.state import TrainingState

    try:
        state = TrainingState.model_validate({**values, "arrays": arrays})
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {shortened(first['msg'])}"
        raise ModelFileError(f"the training state in it is not valid: {what}", rule=Rule.STATE) from error
    if problem := state.problem(spec, network.parameters):
        raise TensorMismatch(f"the training state in it does not fit its spec: {problem}", rule=Rule.STATE)
    return state


def _arrays(contents: Contents, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{prefix}/"): array for name, array in contents.arrays.items() if name.startswith(f"{prefix}/")}


def _history(columns: dict[str, NDArray[np.float64]]) -> History:
    """Return the history from the columns of a file; raise ModelFileError if they are not valid."""
    numbers = columns.get("epoch", np.zeros(0))
    if columns and not columns.keys() >= set(FIXED):
        problem = f"it has the columns {first_few(list(columns))}, not {', '.join(FIXED)}"
    elif not np.isfinite(numbers).all() or not ((numbers >= 1) & (numbers < 2**53) & (numbers == np.floor(numbers))).all():
        problem = "the numbers of its epochs are not positive integers"
    else:
        return History(columns)
    raise ModelFileError(f"the history is not valid: {problem}", rule=Rule.HISTORY)
