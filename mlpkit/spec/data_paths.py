"""Paths of data in a spec: a file, a folder, a glob, or a list of these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from mlpkit.spec.findings import Finding, Findings

_PATH = {"type": "string", "minLength": 1}


def _check(value: Any) -> str | tuple[str, ...]:
    """Return a path, or several as a tuple."""
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("should be the path of a file, a folder or a glob, or a list of these")
    if wrong := [Finding((at,), "should be a nonempty string") for at, path in enumerate(value) if not (isinstance(path, str) and path)]:
        raise Findings(wrong)
    if "-" in value:
        raise Findings([Finding((value.index("-"),), "stdin cannot be one of several files")])
    return tuple(value)


DataPaths = Annotated[
    str | tuple[str, ...],
    PlainValidator(_check),
    PlainSerializer(lambda value: list(value) if isinstance(value, tuple) else value),
    WithJsonSchema({"anyOf": [_PATH, {"type": "array", "items": _PATH, "minItems": 1}]}),
]
