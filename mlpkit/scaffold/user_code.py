"""The plugins of a file of the user's own, as a new package is to declare and test them."""

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
    """A plugin that a package declares.

    Attributes
    ----------
    kind, name : str
    cls : str
        Its name in the module.
    call : str or None
        Python that makes an object of it; None when no values were found for the options without a default.
    bare : bool
        Whether it has no option without a default.
    """

    kind: str
    name: str
    cls: str
    call: str | None
    bare: bool = True


def plugins_of(path: Path) -> list[Own]:
    """The plugins that a file defines, which is run as ``--code`` runs it.

    Raises
    ------
    BrokenPlugin
        It cannot be read or run, defines no plugin, or one that breaks its contract.
    """
    infos = register_file(path)
    module = sys.modules[infos[0].target.partition(":")[0]]
    found = []
    for info in infos:
        plugin = REGISTRIES[info.kind].get(info.name)
        names = [name for name, value in vars(module).items() if value is plugin and name.isidentifier()]
        if not names:
            raise BrokenPlugin(f"{path}: the class of {info.name!r} has no name in the file", help="give it one: MyClass = ...")
        required = [name for name, field in plugin.model_fields.items() if field.is_required()]
        found.append(Own(info.kind, info.name, names[0], _call(names[0], plugin), not required))
    return found


def _call(name: str, plugin: type[Plugin]) -> str | None:
    """Python that makes the plugin; what has no default gets the first value that its limits allow."""
    try:
        schema = plugin.model_json_schema()
        given = {option: _value(schema["properties"][option]) for option in schema.get("required", [])}
        json.dumps(given)
        plugin.model_validate(given)
    except Exception:  # a validator of the user's own may fail in any way
        return None
    return f"{name}({', '.join(f'{option}={_written(value)}' for option, value in given.items())})"


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _value(told: dict[str, Any]) -> Any:
    return next(value for value in _candidates(told) if _allowed(told, value))


def _candidates(told: dict[str, Any]) -> Iterator[Any]:
    yield from told.get("enum", [])
    kind = told.get("type")
    if kind == "boolean":
        yield False
    if kind == "string":
        yield "a"
    if kind in ("integer", "number"):
        bounds = [told[key] for key in ("minimum", "maximum") if key in told]
        near = [told[key] + step for key, step in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)) if key in told]
        yield from (1, 0.5, 0.1, 0.01, *bounds, *near, 2, 0, -1) if kind == "number" else (1, 2, 3, *bounds, *near, 0, -1)


def _allowed(told: dict[str, Any], value: Any) -> bool:
    if isinstance(value, (str, bool)):
        return True
    return bool(
        told.get("minimum", value) <= value <= told.get("maximum", value)
        and ("exclusiveMinimum" not in told or value > told["exclusiveMinimum"])
        and ("exclusiveMaximum" not in told or value < told["exclusiveMaximum"])
    )
