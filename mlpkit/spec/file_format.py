"""File format of data in a spec: the name of a reader with its options.

A third-party reader is not looked up here, because models trained on its files must load without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from mlpkit.plugin import REGISTRIES, Reader
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.since import marked
from mlpkit.spec.findings import Finding

CSV_OPTIONS = ("separator", "missing", "header", "encoding", "decimal")  # keys of `data` that are options of readers of CSV files
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}:)?[a-z][a-z0-9_]{0,99}")


class _LaterName(str):
    """Name of a built-in reader with options that earlier versions do not know."""

    since = 8  # the spec schema


def _check(value: Any) -> str | dict[str, Any]:
    """Return the name of a reader, or its entry with options. Options of built-in readers are validated."""
    if isinstance(value, type) and issubclass(value, Reader):
        value = REGISTRIES["readers"].info(value).full_name
    if isinstance(value, Reader):
        value = {"type": REGISTRIES["readers"].info(type(value)).full_name, **value.model_dump(mode="json", exclude_unset=True)}
    name, options = (value, {}) if isinstance(value, str) else _entry(value)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PydanticCustomError("reader", "should be the name of a reader, or an object with this name as its type, and options")
    registry = REGISTRIES["readers"]
    own = registry.aliases.get(name, name)
    if own not in registry.builtins:
        return {"type": name, **options} if options else name
    try:
        registry.get(own).model_validate(options)
    except ValidationError as error:
        raise PydanticCustomError("plugin_options", "wrong options", {"plugin": registry.get(own), "error": error}) from error
    later = not marked(registry.get(own)).keys().isdisjoint(options)
    return {"type": _LaterName(own) if later else own, **options} if options else own


def _entry(value: Any) -> tuple[Any, dict[str, Any]]:
    options = dict(value) if isinstance(value, Mapping) else {}
    return options.pop("type", None), options


class _Schema:
    """Annotation whose JSON Schema is generated on demand."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return entries_schema(REGISTRIES["readers"])


FileFormat = Annotated[str | dict[str, Any], PlainValidator(_check), PlainSerializer(lambda value: value), _Schema()]


def given_twice(format: str | dict[str, Any] | None, keys: Set[str]) -> list[Finding]:
    """Return findings for options of `data.format` that are also set as keys of `data`.

    Parameters
    ----------
    format : str, dict or None
        Third-party readers are not looked up: their own options take precedence when data are read.
    keys : set of str
        Those of `CSV_OPTIONS` that differ from their default.
    """
    name, options = _entry(format)
    registry = REGISTRIES["readers"]
    if name not in registry.builtins or not registry.get(name).csv_options:
        return []
    return [Finding((key,), f"{key!r} is set here and in 'format'", "set it only once") for key in options if key in keys]
