"""Conversion of Pydantic's errors to messages with problem, position in the spec, suggestion and advice."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlpkit.errors import PluginError
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.text.shown import shortened

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """Problem of a spec, before its position in the text is known."""

    path: Path
    message: str
    help: str = ""
    at_key: bool = False  # True: the position is that of the key, not the value
    error: PluginError | None = None


class Findings(ValueError):
    """Several findings, raised by a validator of several fields."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def findings(error: ValidationError, model: type[BaseModel], value: Any) -> Iterator[Finding]:
    """Yield every problem in a Pydantic error, including those of plugin options.

    Parameters
    ----------
    error : pydantic.ValidationError
    model : type
        Class that was validated, for comparison of unknown keys with its fields.
    value : object
        Value that was validated, for the positions in the error.
    """
    entries = error.errors()
    for entry in _one_for_each_union(entries, value):
        path, context = tuple(entry["loc"]), entry.get("ctx", {})
        if entry["type"] == "too_short" and any(other["loc"][:-1][: len(path)] == path for other in entries):
            continue  # a consequence of invalid entries
        inner = context.get("error")
        if entry["type"] == "plugin_options" and isinstance(inner, ValidationError):
            for found in findings(inner, context["plugin"], entry["input"]):
                yield Finding((*path, *found.path), found.message, found.help, found.at_key, found.error)
        elif isinstance(inner, PluginError):
            yield Finding(path, inner.message, inner.help, error=inner)
        elif isinstance(inner, Findings):
            for found in inner.findings:
                yield Finding((*path, *found.path), found.message, found.help, found.at_key)
        elif entry["type"] == "extra_forbidden":
            yield _unknown_key(path, model)
        elif entry["type"] == "missing":
            what = f"entry {path[-1] + 1}" if isinstance(path[-1], int) else repr(path[-1])
            yield Finding(path[:-1], f"{what} is missing{_of(_model_at(model, path[:-1]))}")
        else:
            yield Finding(path, _message(entry))


def _one_for_each_union(entries: Sequence[Any], value: Any) -> Iterator[Any]:
    """Yield the entries of an error, with one entry for each value of a union type.

    Pydantic reports the problems with every type of the union and adds the name of the type to the position. For a list of numbers, only
    the problem of its entry is kept, because it is the most specific. For a string, one message lists all types.
    """
    unions: dict[Path, list[tuple[Path, Any]]] = {}
    for entry in entries:
        real, at_union = _place(entry, value)
        if at_union is None:
            yield entry
        else:
            unions.setdefault(at_union, []).append((real, entry))
    for at_union, found in unions.items():
        real, entry = max(found, key=lambda pair: len(pair[0]))  # the first of the most specific entries
        if len(real) > len(at_union):
            yield {**entry, "loc": real}
        else:
            messages = [_message({**entry, "input": None, "type": ""}).removesuffix(", not null") for _, entry in found]
            wanted = " or ".join(dict.fromkeys(message.removeprefix("should be ") for message in messages))
            yield {**entry, "loc": at_union, "type": "union", "msg": f"should be {wanted}"}


def _place(entry: Any, value: Any) -> tuple[Path, Path | None]:
    """Return the position of an entry in the validated value without names of types, and the position of the union."""
    real: list[str | int] = []
    at_union: Path | None = None
    for index, part in enumerate(entry["loc"]):
        last = isinstance(value, Mapping) and index == len(entry["loc"]) - 1
        absent_key = last and (entry["type"] == "missing" or entry["input"] is not value)  # otherwise the default is invalid
        in_list = isinstance(value, (list, tuple)) and isinstance(part, int)
        if (isinstance(value, Mapping) and part in value) or (in_list and part < len(value)):
            value = value[part]
            real.append(part)
        elif absent_key or in_list:  # a list of fixed length is too short
            real.append(part)
        elif at_union is None:
            at_union = tuple(real)
    return tuple(real), at_union


def path_text(path: Path) -> str:
    """``("network", "layers", 1, "units")`` -> ``network.layers[1].units``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _message(entry: Any) -> str:
    """Return Pydantic's message in the terms of a spec."""
    message: str = entry["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be a valid tuple", "should be a list")
    message = message.replace("Input should be a valid dictionary or instance of", "should be an object with the keys of")
    message = message.replace("Input should be", "should be").replace("a valid integer", "an integer").replace("a valid ", "a ")
    if entry["type"] in ("model_type", "dict_type"):
        message = "should be an object in braces"
    message = re.sub(r"Tuple should have at least (\d+) items? after validation, not \d+", r"needs at least \1", message)
    message = re.sub(r"String should have at least 1 character", "should not be empty text", message)
    value = entry["input"]
    if isinstance(value, (bool, type(None))):
        return f"{message}, not {json.dumps(value)}"
    return f"{message}, not {shortened(repr(value), 100)}" if isinstance(value, (str, int, float)) and value != "" else message


def _unknown_key(path: Path, model: type[BaseModel]) -> Finding:
    owner = _model_at(model, path[:-1])
    names = [] if owner is None else [field.alias or name for name, field in owner.model_fields.items()]
    key = shortened(str(path[-1]), 60)  # longer texts are similar to no name, and slow to compare
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(names) if names else "none"
    kind = "option" if owner is not None and issubclass(owner, Plugin) else "key"
    return Finding(path, f"unknown {kind} {key!r}{_of(owner)}{hint}", f"known: {known}", at_key=True)


def _of(owner: type[BaseModel] | None) -> str:
    if owner is not None and issubclass(owner, Plugin):
        return f" of {REGISTRIES[owner.kind].info(owner).name}"
    return ""


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the Pydantic class of the object at a path, from the annotations."""
    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue
        by_key = {field.alias or name: field for name, field in current.model_fields.items()}
        current = _model_in(by_key[part].annotation) if part in by_key else None
        if current is None:
            return None
    return current  # type: ignore[no-any-return]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
