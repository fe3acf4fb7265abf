"""Contents as an earlier version of the container holds them, for people who have an earlier mlpkit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mlpkit.errors import ModelFileError
from mlpkit.modelfile.constants import MAJOR, MINOR, SPEC_SCHEMA
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.migrations import NEUTRAL_4

CURRENT = f"{MAJOR}.{MINOR}"
ALL_ARRAYS = {"sgd": ("velocity",), "adam": ("mean", "square", "largest")}  # that earlier versions kept, used or not
STATISTICS = (".normalization.mean", ".normalization.variance")  # tensors that no optimizer changes
SINCE_1_3 = ("code", "probe", "surrogate")  # of a plugin


def as_version(contents: Contents, version: str) -> tuple[Contents, int, int]:
    """Contents that a version can hold, with its minor number and the schema of its spec.

    What it has no place for and no prediction needs is left out: 1.3 does not know the keys of spec schema 4, 1.2 says of
    plugins only where they came from, 1.1 does not say whether inputs stay on disk, and 1.0 has no probe, no state of a run and
    no checkpoints in the spec either.

    Raises
    ------
    ModelFileError
        There is no such version, or this mlpkit does not write it.
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
    """The spec without the keys of schema 4. ModelFileError when a prediction from a file would be another without one."""
    data, training, preprocessing = spec["data"], spec["training"], spec["preprocessing"]
    neutral = NEUTRAL_4["data"]
    for key in ("header", "encoding", "decimal"):
        if data[key] != neutral[key]:
            help = f"leave compat out, or train with files that need no {key!r}"
            raise ModelFileError(f"container versions before 1.4 have no place for data.{key}, which is {data[key]!r}", help=help)
    target = "standardize" if preprocessing["target"] == "robust" else preprocessing["target"]  # the fitted numbers stand beside it
    return {
        **spec,
        "data": {**{key: value for key, value in data.items() if key not in neutral}, "missing": data["missing"]["only"]},
        "training": {key: value for key, value in training.items() if key not in NEUTRAL_4["training"]} | _named_folder(training),
        "preprocessing": {**preprocessing, "target": target},
    }


def _state_before_1_4(contents: Contents) -> dict[str, Any]:
    """The state of a run with arrays that its optimizer does not use, which were all 0. ModelFileError for a run that is a second one."""
    training = contents.training
    if training is None:
        return {}
    if training["before"]:
        help = "leave compat out, or the training state"
        raise ModelFileError("container versions before 1.4 have no place for the state of a run after another one", help=help)
    sizes = [array.size for name, array in contents.tensors.items() if not name.endswith(STATISTICS)]
    names = ALL_ARRAYS.get(contents.spec["optimizer"]["type"], ())
    unused = {f"optimizer/{name}": np.zeros(sum(sizes), contents.spec["dtype"]) for name in names}
    return {"training": _without(training, "before"), "state": {**unused, **contents.state}}


def _named_folder(training: dict[str, Any]) -> dict[str, Any]:
    """The checkpoints with a folder, which schema 3 needs."""
    options = training["checkpoint"]
    return {} if options is None or options["folder"] is not None else {"checkpoint": {**options, "folder": "checkpoints"}}


def _without(part: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != key}
