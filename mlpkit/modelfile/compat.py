"""Conversion of contents to an earlier version of the container, for readers with an earlier mlpkit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mlpkit.errors import ModelFileError
from mlpkit.modelfile.constants import MAJOR, MINOR, SPEC_SCHEMA
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.migrations import NEUTRAL_4

CURRENT = f"{MAJOR}.{MINOR}"
ALL_ARRAYS = {"sgd": ("velocity",), "adam": ("mean", "square", "largest")}  # arrays that earlier versions always store
STATISTICS = (".normalization.mean", ".normalization.variance")  # tensors that no optimizer updates
SINCE_1_3 = ("code", "probe", "surrogate")  # keys of a plugin's record


def as_version(contents: Contents, version: str) -> tuple[Contents, int, int]:
    """Return contents that a version can store, with its minor version and the schema of its spec.

    Information that a version cannot store and that predictions do not need is left out. 1.3 lacks the keys of spec schema 4. 1.2
    stores only the origin of plugins. 1.1 does not store whether inputs stay on disk. 1.0 lacks the self-test, the state of a run and
    the checkpoint options.

    Raises
    ------
    ModelFileError
        The version does not exist, or this mlpkit does not write it.
    """
    if version == CURRENT:
        return contents, MINOR, SPEC_SCHEMA
    if version not in ("1.0", "1.1", "1.2", "1.3"):
        raise ModelFileError(f"this mlpkit does not write container version {version!r}", help=f"it writes {CURRENT} and 1.0 to 1.3")
    contents = replace(contents, spec=_of_schema_3(contents.spec), **_state_before_1_4(contents))
    if version == "1.3":
        return contents, 3, 3
    plugins = [{name: value for name, value in record.items() if name not in SINCE_1_3} for record in contents.plugins]
    contents = replace(contents, plugins=plugins, surrogates={})
    if version == "1.2":
        return contents, 2, 3
    spec = {**contents.spec, "data": _without(contents.spec["data"], "in_memory")}
    if version == "1.1":
        return replace(contents, spec=spec), 1, 2
    spec["training"] = _without(spec["training"], "checkpoint")
    return replace(contents, spec=spec, probe={}, training=None, state={}), 0, 1


def _of_schema_3(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec without the keys of schema 4. Raise ModelFileError if predictions from a file would differ without one."""
    data, training, preprocessing = spec["data"], spec["training"], spec["preprocessing"]
    neutral = NEUTRAL_4["data"]
    for key in ("header", "encoding", "decimal"):
        if data[key] != neutral[key]:
            help = f"leave compat out, or train with files that need no {key!r}"
            raise ModelFileError(f"container versions before 1.4 cannot store data.{key}, which is {data[key]!r}", help=help)
    target = (
        "standardize" if preprocessing["target"] == "robust" else preprocessing["target"]
    )  # the fitted center and scale are stored as arrays
    return {
        **spec,
        "data": {**{key: value for key, value in data.items() if key not in neutral}, "missing": data["missing"]["only"]},
        "training": {key: value for key, value in training.items() if key not in NEUTRAL_4["training"]} | _named_folder(training),
        "preprocessing": {**preprocessing, "target": target},
    }


def _state_before_1_4(contents: Contents) -> dict[str, Any]:
    """Return the state of a run with all arrays of its optimizer; unused ones are 0.

    Raise ModelFileError for a run that follows an earlier run.
    """
    training = contents.training
    if training is None:
        return {}
    if training["before"]:
        help = "leave compat out, or save without the training state"
        raise ModelFileError("container versions before 1.4 cannot store the state of a second run", help=help)
    sizes = [array.size for name, array in contents.tensors.items() if not name.endswith(STATISTICS)]
    names = ALL_ARRAYS.get(contents.spec["optimizer"]["type"], ())
    unused = {f"optimizer/{name}": np.zeros(sum(sizes), contents.spec["dtype"]) for name in names}
    return {"training": _without(training, "before"), "state": {**unused, **contents.state}}


def _named_folder(training: dict[str, Any]) -> dict[str, Any]:
    """Return the checkpoint options with a folder, which schema 3 requires."""
    options = training["checkpoint"]
    return {} if options is None or options["folder"] is not None else {"checkpoint": {**options, "folder": "checkpoints"}}


def _without(part: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != key}
