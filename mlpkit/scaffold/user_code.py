"""Plugins of a user's file, as a new package declares and tests them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpkit.errors import BrokenPlugin
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.user_code import register_file


@dataclass(frozen=True)
class Own:
    """Plugin that a package declares.

    Attributes
    ----------
    kind, name : str
    cls : str
        Name of the class in the module.
    call : str or None
        Python expression that creates an object; None if no values were found for options without a default.
    bare : bool
        True if every option has a default.
    """

    kind: str
    name: str
    cls: str
    call: str | None
    bare: bool = True


def plugins_of(path: Path) -> list[Own]:
    """Return the plugins that a file defines. The file is executed as with ``--code``.

    Raises
    ------
    BrokenPlugin
        The file cannot be read or executed, defines no plugin, or defines one that breaks its contract or has the name of a built-in.
    """
    infos = register_file(path)
    module = sys.modules[infos[0].target.partition(":")[0]]
    found = []
    for info in infos:
        if info.full_name != info.name:
            raise BrokenPlugin(f"{path}: {info.name!r} is the name of a built-in", help="give the class another name")
        plugin = REGISTRIES[info.kind].get(info.name)
        names = [name for name, value in vars(module).items() if value is plugin and name.isidentifier()]
        if not names:
            raise BrokenPlugin(f"{path}: the class of {info.name!r} has no name in the file", help="assign it to a name: MyClass = ...")
        required = [name for name, field in plugin.model_fields.items() if field.is_required()]
        found.append(Own(info.kind, info.name, names[0], _call(names[0], plugin), not required))
    return found


def _call(name: str, plugin: type[Plugin]) -> str | None:
    """Return a Python expression that creates the plugin. Options without a default get the first value that their limits allow."""
    try:
        schema = plugin.model_json_schema()
        given = {option: _value(schema["properties"][option]) for option in schema.get("required", [])}
        json.dumps(given)
        plugin.model_validate(given)
    except Exception:  # a user's validator may raise any error
        return None
    return f"{name}({', '.join(f'{option}={_written(value)}' for option, value in given.items())})"


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _value(schema: dict[str, Any]) -> Any:
    return next(value for value in _candidates(schema) if _allowed(schema, value))


def _candidates(schema: dict[str, Any]) -> Iterator[Any]:
    yield from schema.get("enum", [])
    kind = schema.get("type")
    if kind == "boolean":
        yield False
    if kind == "string":
        yield "a"
    if kind in ("integer", "number"):
        bounds = [schema[key] for key in ("minimum", "maximum") if key in schema]
        near = [schema[key] + step for key, step in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)) if key in schema]
        yield from (1, 0.5, 0.1, 0.01, *bounds, *near, 2, 0, -1) if kind == "number" else (1, 2, 3, *bounds, *near, 0, -1)


def _allowed(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, (str, bool)):
        return True
    return bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )
