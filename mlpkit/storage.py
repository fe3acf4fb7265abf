"""Between the parts of a model and what its file holds: plain JSON values and named arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from mlpkit.errors import MissingPlugin, ModelFileError, SpecError, TensorMismatch
from mlpkit.modelfile import Contents
from mlpkit.network import Network, parameter_shapes
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.spec import Spec
from mlpkit.training import Epoch

FIXED = ("epoch", "loss", "validation_loss", "learning_rate")


class Stored(NamedTuple):
    """The parts of a model, checked and ready to be put together."""

    spec: Spec
    network: Network
    input_encoder: InputEncoder | None
    target_encoder: TargetEncoder | None
    history: list[Epoch]
    metadata: dict[str, Any]


def to_contents(stored: Stored) -> Contents:
    """What a model file holds."""
    encoders = {"inputs": stored.input_encoder, "target": stored.target_encoder}
    fitted = {name: encoder for name, encoder in encoders.items() if encoder is not None}
    return Contents(
        spec=stored.spec.to_dict(),
        tensors=dict(stored.network.parameters.views),
        preprocessing={name: encoder.to_state() for name, encoder in fitted.items()},
        arrays={f"{name}/{key}": array for name, encoder in fitted.items() for key, array in encoder.arrays().items()},
        history=_history_columns(stored.history),
        plugins=[_provenance(plugin) for plugin in _plugins(stored.spec)],
        metadata=stored.metadata,
    )


def from_contents(contents: Contents, path: str | Path) -> Stored:
    """The parts of a model that a file holds; `path` is named in errors.

    Raises
    ------
    ModelFileError
        The spec is not valid, or the tensors are not those that it needs.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        A plugin cannot be used; the error says what to install or to pass.
    """
    _check_plugins(contents.plugins, path)
    try:
        spec = Spec.model_validate(contents.spec)
    except SpecError as error:
        raise ModelFileError(f"{path}: the spec in it is not valid: {error.message}") from error
    _check_tensors(spec, contents, path)
    network = Network(spec.network, spec.dtype)
    for name, view in network.parameters.views.items():
        view[...] = contents.tensors[name]
    states = contents.preprocessing
    inputs = InputEncoder.from_state(states["inputs"], _arrays(contents, "inputs")) if "inputs" in states else None
    target = TargetEncoder.from_state(states["target"], _arrays(contents, "target")) if "target" in states else None
    return Stored(spec, network, inputs, target, _epochs(contents.history), contents.metadata)


def _check_tensors(spec: Spec, contents: Contents, path: str | Path) -> None:
    """Hold the tensors to what the spec needs, by arithmetic, before anything is allocated."""
    try:
        needed = {name: shape for part in parameter_shapes(spec.network) for name, shape in part.items()}
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    found = {name: array.shape for name, array in contents.tensors.items()}
    for name in sorted(needed.keys() | found.keys()):
        if needed.get(name) != found.get(name):
            raise TensorMismatch(f"{path}: the tensor {name} is {found.get(name, 'missing')}, the spec needs {needed.get(name, 'none')}")
    wrong = [name for name, array in contents.tensors.items() if array.dtype != np.dtype(spec.dtype)]
    if wrong:
        raise TensorMismatch(f"{path}: the tensor {wrong[0]} is {contents.tensors[wrong[0]].dtype}, the spec says {spec.dtype}")


def _arrays(contents: Contents, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{prefix}/"): array for name, array in contents.arrays.items() if name.startswith(f"{prefix}/")}


# -- history


def _history_columns(history: Sequence[Epoch]) -> dict[str, NDArray[np.float64]]:
    """Columns of equal length, NaN where nothing was measured; without seconds, which differ from run to run."""
    metrics = {name: None for epoch in history for name in epoch.metrics}
    rows = [
        (epoch.number, epoch.loss, epoch.validation_loss, epoch.learning_rate, *(epoch.metrics.get(name) for name in metrics))
        for epoch in history
    ]
    table = np.array(rows, np.float64).reshape(len(rows), len(FIXED) + len(metrics))
    return dict(zip((*FIXED, *metrics), table.T.copy(), strict=True))


def _epochs(columns: dict[str, NDArray[np.float64]]) -> list[Epoch]:
    names = [name for name in columns if name not in FIXED]
    epochs = []
    for index in range(len(columns.get("epoch", ()))):
        row = {name: float(column[index]) for name, column in columns.items()}
        validation_loss = None if np.isnan(row["validation_loss"]) else row["validation_loss"]
        metrics = {name: row[name] for name in names if not np.isnan(row[name])}
        epochs.append(Epoch(int(row["epoch"]), row["loss"], validation_loss, metrics, row["learning_rate"], float("nan")))
    return epochs


# -- provenance


def _plugins(part: Any) -> Iterator[Plugin]:
    """Every plugin object in a spec, those inside other plugins included."""
    if isinstance(part, Plugin):
        yield part
    if isinstance(part, BaseModel):
        for _, value in part:
            yield from _plugins(value)
    elif isinstance(part, tuple):
        for value in part:
            yield from _plugins(value)


def _provenance(plugin: Plugin) -> dict[str, Any]:
    info = REGISTRIES[plugin.kind].info(type(plugin))
    return {
        "kind": info.kind,
        "name": info.full_name,
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
        "options": plugin.model_dump(mode="json"),
    }


def _check_plugins(plugins: list[dict[str, Any]], path: str | Path) -> None:
    """Hold what each plugin's name means here to what it meant where the model was trained.

    Raises
    ------
    MissingPlugin
        With what to install or to pass, when one is not there or the name means that of another distribution.
    AmbiguousPlugin
        Two distributions have it.
    """
    missing: dict[str, str] = {}
    for plugin in plugins:
        kind, name, distribution = plugin["kind"], plugin["name"], plugin["distribution"]
        if kind not in REGISTRIES:
            raise ModelFileError(f"{path}: it was trained with a plugin of the kind {kind!r}, which this mlpkit does not know")
        try:
            if REGISTRIES[kind].find(name).distribution == distribution:
                continue
        except MissingPlugin:
            pass
        own = f"define {name!r} (it was {plugin['target']}) and pass it: load(..., plugins=[...]) or --code FILE"
        missing[name] = f"pip install {distribution}  (trained with {plugin['version']})" if distribution else own
    if missing:
        help = "; ".join(dict.fromkeys(missing.values()))
        raise MissingPlugin(f"{path}: the model was trained with {', '.join(map(repr, missing))}, which is not here", help=help)
