"""Conversion between the parts of a model and the content of its file: JSON values and named arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.engine.embedding_parameters import edges_increase
from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError, ResourceLimit, SpecError, TensorMismatch
from mlpkit.model.stored_members import (
    check_features,
    check_tensors,
    count_members,
    histories_of,
    joined_history,
    joined_state,
    joined_training,
    states_of,
    tensors_of,
    views_of,
)
from mlpkit.modelfile.constants import ENSEMBLE
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
from mlpkit.text.shown import shortened
from mlpkit.training.history import History

if TYPE_CHECKING:
    from mlpkit.provenance.preactivation_ranges import Ranges
    from mlpkit.training.state import TrainingState

MAX_METRICS = 1000
# Lowest schema of the spec where other parts of the file have what earlier versions would misread, and must therefore reject.
STATE_SCHEMA = 4  # the state of a run
DECODING_SCHEMA = 5  # a target whose predictions the loss defines, or that has a decision threshold


class StoredMember(NamedTuple):
    """One network of a model, with its training."""

    network: Network
    history: History
    state: TrainingState | None = None


class Stored(NamedTuple):
    """Validated parts of a model: one network, or those of all members of an ensemble."""

    spec: Spec
    members: tuple[StoredMember, ...]
    input_encoder: InputEncoder | None
    target_encoder: TargetEncoder | None
    metadata: dict[str, Any]
    ranges: Ranges | None = None  # ranges of the pre-activations of third-party activations
    left: bool = False  # True for the run of an ensemble that can be resumed, even if no member has begun

    @property
    def networks(self) -> tuple[Network, ...]:
        """Networks of all members."""
        return tuple(member.network for member in self.members)


def to_contents(stored: Stored) -> Contents:
    """Return the contents of a model file."""
    encoders = {"inputs": stored.input_encoder, "target": stored.target_encoder}
    fitted = {name: encoder for name, encoder in encoders.items() if encoder is not None}
    plugins, surrogates = records(list(plugin_objects(stored.spec)), stored.spec.dtype, stored.ranges or {})
    spec, schema = stored_spec(stored.spec, at_least=_lowest_schema(stored))
    states = [member.state for member in stored.members]
    return Contents(
        spec=spec,
        spec_schema=schema,
        tensors=views_of(stored.spec, stored.networks),
        preprocessing={name: encoder.to_state() for name, encoder in fitted.items()},
        arrays={f"{name}/{key}": array for name, encoder in fitted.items() for key, array in encoder.arrays().items()},
        history=joined_history(stored.spec, [member.history for member in stored.members]),
        plugins=plugins,
        metadata=stored.metadata,
        training=joined_training(stored.spec, states, stored.left),
        state=joined_state(stored.spec, states),
        probe=make_probe(stored.networks),
        surrogates=surrogates,
        features=[] if stored.spec.ensemble is None else [ENSEMBLE],
    )


def _lowest_schema(stored: Stored) -> int:
    """Return the lowest schema of the spec by the other parts of a model."""
    target = stored.target_encoder
    if target is not None and (target.decoded_by_loss or target.threshold != 0.5):
        return DECODING_SCHEMA
    return BASE_SCHEMA if all(member.state is None for member in stored.members) else STATE_SCHEMA


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
        check_tensors(spec, {name: (array.shape, array.dtype.name) for name, array in contents.tensors.items()})
        networks = [Network(spec.network, spec.dtype) for _ in range(count_members(spec))]
        for name, view in views_of(spec, networks).items():
            view[...] = contents.tensors[name]
        return _stored(contents, spec, networks)


def read_parts(path: ModelSource, allow_surrogate: bool = False, own: Sequence[type[Plugin]] = ()) -> tuple[Stored, Contents]:
    """Return the parts of a model, and the contents of its file without tensors, which are read into the network.

    The errors are those of `from_contents`.
    """
    with open_model(path) as file:
        contents, spec, listed = _without_tensors(file, named(path), allow_surrogate, own)
        networks = [Network(spec.network, spec.dtype) for _ in range(count_members(spec))]
        file.arrays.take(listed, views_of(spec, networks))
        return _stored(contents, spec, networks), contents


def map_parts(
    path: ModelSource, allow_surrogate: bool = False, own: Sequence[type[Plugin]] = ()
) -> tuple[Stored, Contents, Callable[[], None]]:
    """Return the same from a mapped file, and a function that verifies the tensors. Errors are those of `from_contents`."""
    with open_model(path, map_file=True) as file:
        contents, spec, listed = _without_tensors(file, named(path), allow_surrogate, own)
        mapped = {name: file.arrays.mapped(stored) for name, stored in listed.items()}
        networks = [Network.mapped(spec.network, spec.dtype, tensors) for tensors in tensors_of(spec, mapped)]

        def verify() -> None:
            with naming(path):
                file.arrays.verify(listed.values())

        return _stored(contents, spec, networks), contents, verify


def whole_spec(contents: Contents, spec: Spec, path: str, allow_surrogate: bool, own: Sequence[type[Plugin]]) -> Spec:
    """Return the spec of a loaded model with the plugins that predictions do not need.

    Raises
    ------
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        The same as for `from_contents`.
    """
    most = max(len(spec.network.layers), len(spec.network.embeddings)) * count_members(spec)
    return _valid_spec(contents, contents.tensors or ("",) * most, path, allow_surrogate, own)


def _without_tensors(
    file: OpenFile, path: str, allow_surrogate: bool, own: Sequence[type[Plugin]]
) -> tuple[Contents, Spec, dict[str, StoredObject]]:
    """Return the contents of a file, its spec, and the entries of the tensors, after comparing them with the spec."""
    contents, listed = file.contents(tensors={}), file.listed("tensor")
    spec = _valid_spec(contents, listed, path, allow_surrogate, own, predicting=True)
    check_tensors(spec, {name: (tuple(stored.shape), stored.dtype) for name, stored in listed.items()})
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
    ensemble = spec.get("ensemble")
    members = ensemble.get("members") if isinstance(ensemble, dict) else 1
    for part in ("layers", "embeddings"):
        listed = network.get(part) if isinstance(network, dict) else None
        needed = len(listed) * (members if isinstance(members, int) and members > 1 else 1) if isinstance(listed, list) else 0
        if needed > len(tensors):
            raise TensorMismatch(f"the spec has {needed} {part}, but there are {len(tensors)} tensors", rule=Rule.TENSORS)
    if isinstance(metrics, list) and len(metrics) > MAX_METRICS:
        raise ResourceLimit(f"the spec has {len(metrics)} metrics, more than {MAX_METRICS}", rule=Rule.LIMITS)


def _stored(contents: Contents, spec: Spec, networks: Sequence[Network]) -> Stored:
    if not all(np.isfinite(table).all() for table in contents.surrogates.values()):
        raise ModelFileError("the lookup table of an activation holds NaN or infinity", rule=Rule.PLUGINS)
    for index, views in enumerate(views for network in networks for views in network.embeddings):
        if "edges" in views and not edges_increase(views["edges"]):
            number = index % len(spec.network.embeddings)
            raise ModelFileError(f"the edges of bins in embeddings.{number}.edges do not increase by finite steps", rule=Rule.FINITE)
    check_features(spec, contents.features)
    inputs, target = _encoders(contents, spec)
    histories, states = histories_of(spec, contents.history), states_of(spec, contents.training, contents.state)
    members = []
    for network, history, stored in zip(networks, histories, states, strict=True):
        state = None if stored is None else _training_state(*stored, spec, network)
        if state is not None and len(history) != state.place.epochs:
            what = f"it is after {state.place.epochs} epochs, but the history has {len(history)}"
            raise ModelFileError(f"the training state in it does not fit its history: {what}", rule=Rule.STATE)
        members.append(StoredMember(network, history, state))
    return Stored(spec, tuple(members), inputs, target, contents.metadata, known_ranges(contents.plugins), contents.training is not None)


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
    if target is not None and len(target.residuals.ratio) and spec.ensemble is None:
        message = "its preprocessing of the target is not valid: it has residuals of members, but there is one network"
        raise ModelFileError(message, rule=Rule.PREPROCESSING)
    if inputs is not None and inputs.levels != spec.network.levels:
        what = f"{len(inputs.levels)} columns of embedded categories, but the network's embeddings are for others"
        raise ModelFileError(f"the preprocessing has {what}", rule=Rule.PREPROCESSING)
    return inputs, target


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
