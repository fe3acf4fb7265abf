"""Summary of a model file without its arrays, with the spec as it is stored."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.modelfile.constants import ENSEMBLE
from mlpkit.modelfile.hdf5.source import ModelSource, named
from mlpkit.modelfile.reader import OpenFile, open_model

MOST_MEMBERS = 100  # of an ensemble


def summary(path: ModelSource) -> dict[str, Any]:
    """Return a description of a model file, with the spec as it is stored, in the current schema.

    Structure, manifest, spec and history are verified. The tensors are not read; use `mlpkit.load` to verify them too.

    Returns
    -------
    dict
        JSON values under the keys path, file_bytes, container, spec_schema, required_features, producer, manifest_sha256,
        spec, plugins, preprocessing, columns, classes, history, tensors, parameters, metadata and training, as
        `mlpkit.inspect` explains them.

    Raises
    ------
    ModelFileError
        The file cannot be read or is not valid. The message names the file.
    """
    with open_model(path) as file:
        return _described(file, named(path))


def _described(file: OpenFile, path: str) -> dict[str, Any]:
    manifest = file.manifest
    listed = file.listed("tensor")
    tensors = {name: listed[name] for name in sorted(listed, key=_natural)}
    return {
        "path": path,
        "file_bytes": file.source.size,
        "container": f"{manifest.format_major}.{manifest.format_minor}",
        "spec_schema": manifest.spec_schema,
        "required_features": manifest.required_features,
        "producer": manifest.producer,
        "manifest_sha256": file.manifest_sha256,
        "spec": file.spec(),
        "plugins": [record.model_dump(exclude_unset=True) for record in manifest.plugins],
        "preprocessing": manifest.preprocessing,
        "columns": _of(manifest.preprocessing, "inputs", "columns"),
        "classes": _of(manifest.preprocessing, "target", "classes"),
        "history": _last_row(file),
        "tensors": {name: {"dtype": stored.dtype, "shape": stored.shape} for name, stored in tensors.items()},
        "parameters": sum(math.prod(stored.shape) for stored in tensors.values()),
        "metadata": manifest.metadata,
        "training": manifest.training,
    }


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts layers.2 before layers.10."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def _of(preprocessing: dict[str, Any], part: str, key: str) -> Any:
    """Return a value of an encoder's state, or None."""
    state = preprocessing.get(part)
    return state.get(key) if isinstance(state, dict) else None


def _last_row(file: OpenFile) -> dict[str, Any]:
    """Return the columns of the history, the number of rows, and the last row; of an ensemble those of each member too."""
    columns = file.history()
    found = _rows(columns)
    if ENSEMBLE in file.manifest.required_features and "member" in columns:
        numbers = columns.pop("member")
        members = [
            _rows({name: column[numbers == number] for name, column in columns.items()}) for number in np.unique(numbers)[:MOST_MEMBERS]
        ]
        found["members"] = [{key: member[key] for key in ("epochs", "last")} for member in members]
    return found


def _rows(columns: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    epochs = len(next(iter(columns.values()), ()))
    last = {name: float(column[-1]) for name, column in columns.items()} if epochs else {}
    measured = {name: value if math.isfinite(value) else None for name, value in last.items()}
    return {"columns": list(columns), "epochs": epochs, "last": measured}
