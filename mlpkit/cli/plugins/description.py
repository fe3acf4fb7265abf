"""The description of a plugin as JSON values: by metadata alone, or with its formula and its options."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import TYPE_CHECKING, Any

from mlpkit.cli.plugins.names import hidden
from mlpkit.errors import BrokenPlugin, PluginError

if TYPE_CHECKING:
    from mlpkit.plugin import Plugin
    from mlpkit.plugin.registry import PluginInfo

TYPES = {"string": "text", "boolean": "true or false", "array": "list"}
LIMITS = {
    "exclusiveMinimum": "> {}",
    "minimum": ">= {}",
    "exclusiveMaximum": "< {}",
    "maximum": "<= {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} letters",
    "maxLength": "at most {} letters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "pattern": "matches {}",
}


def record(info: PluginInfo) -> dict[str, Any]:
    """The facts of a plugin that are known without importing it."""
    return {
        "group": info.kind,
        "name": info.name,
        "full_name": info.full_name,
        "bare_name": not hidden(info),  # whether the bare name means it
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
    }


def broken(info: PluginInfo) -> str | None:
    """Return why a plugin cannot be used; None when it can."""
    try:
        described(info)
    except PluginError as error:
        return error.message
    return None


def described(info: PluginInfo) -> dict[str, Any]:
    """Return what a plugin says of itself; it is imported.

    Raises
    ------
    BrokenPlugin
        It does not import, or its options have no JSON Schema.
    """
    from mlpkit.plugin import REGISTRIES

    plugin = REGISTRIES[info.kind].get(info.full_name)
    text = inspect.cleandoc(plugin.__doc__ or "")  # its own: a contract's says nothing of it
    formula, _, notes = text.partition("\n")
    return {"formula": formula, "description": text, "notes": notes.strip(), "options": _options(info, plugin)}


def _options(info: PluginInfo, plugin: type[Plugin]) -> list[dict[str, Any]]:
    """Its options as its JSON Schema tells them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a default that is no JSON value is left out
            schema = plugin.model_json_schema()
        json.dumps(schema)
    except Exception as error:  # an option of a type that is no JSON value
        message = f"the options of {info.full_name!r} ({info.source}) have no JSON Schema: {type(error).__name__}: {error}"
        raise BrokenPlugin(message, help="give them types that JSON has, or tell its author") from error
    required, kinds = schema.get("required", []), schema.get("$defs", {})
    return [
        {
            "name": name,
            "type": _type(told, kinds),
            "limits": _limits(told, kinds),
            "required": name in required,
            "default": None if name in required else told.get("default"),
            "description": told.get("description", ""),
        }
        for name, told in schema.get("properties", {}).items()
    ]


def _type(told: dict[str, Any], kinds: dict[str, Any]) -> str:
    """The type of an option in words."""
    told = _resolved(told, kinds)
    parts = told.get("anyOf", [])
    if _is_entry(told) or any(_is_entry(part) for part in parts):
        return "plugin"
    if parts:
        return " or ".join(dict.fromkeys(_type(part, kinds) for part in parts))
    values = told.get("enum", [told["const"]] if "const" in told else [])
    if values:
        return f"{'one of ' if len(values) > 1 else ''}{', '.join(json.dumps(value) for value in values)}"
    kind = str(told.get("type", "anything"))
    return TYPES.get(kind, kind)


def _shortest(value: Any) -> Any:
    """A number as one writes it: older versions of Pydantic have 8.0 where 8 was given."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _limits(told: dict[str, Any], kinds: dict[str, Any]) -> list[str]:
    """The limits of an option, such as ``> 0``."""
    told = _resolved(told, kinds)
    own = [text.format(_shortest(told[key])) for key, text in LIMITS.items() if key in told]
    parts = [] if _type(told, kinds) == "plugin" else told.get("anyOf", [])
    return list(dict.fromkeys([*own, *(limit for part in parts for limit in _limits(part, kinds))]))


def _resolved(told: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = kinds.get(told["$ref"].rpartition("/")[2], {}) if "$ref" in told else told
    return found


def _is_entry(told: dict[str, Any]) -> bool:
    """Return whether a schema is that of a plugin with its options."""
    return "enum" in told.get("properties", {}).get("type", {})


def option_text(option: dict[str, Any]) -> str:
    """An option's type, limits, default and description, on a line."""
    limits = (", " if " " in option["type"] else " ") + ", ".join(option["limits"]) if option["limits"] else ""
    default = "required" if option["required"] else f"default {json.dumps(option['default'])}"
    return f"{option['type']}{limits}  {default}  {option['description']}"
