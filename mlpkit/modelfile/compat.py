"""Contents as an earlier version of the container holds them, for people who have an earlier mlpkit."""

from __future__ import annotations

from dataclasses import replace

from mlpkit.errors import ModelFileError
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.layout import MAJOR, MINOR, SPEC_SCHEMA

CURRENT = f"{MAJOR}.{MINOR}"


def as_version(contents: Contents, version: str) -> tuple[Contents, int, int]:
    """Contents that a version can hold, with its minor number and the schema of its spec.

    What it has no place for and no prediction needs is left out: 1.0 has no probe, no state of a run and no checkpoints
    in the spec.

    Raises
    ------
    ModelFileError
        There is no such version, or this mlpkit does not write it.
    """
    if version == CURRENT:
        return contents, MINOR, SPEC_SCHEMA
    if version != "1.0":
        raise ModelFileError(f"this mlpkit does not write container version {version!r}", help=f"it writes {CURRENT} and 1.0")
    training = {name: value for name, value in contents.spec["training"].items() if name != "checkpoint"}
    return replace(contents, spec={**contents.spec, "training": training}, probe={}, training=None, state={}), 0, 1
