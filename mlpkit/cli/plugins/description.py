"""Description of a plugin as JSON values: from metadata alone, or with its formula and options."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import TYPE_CHECKING, Any

from mlpkit.cli.plugins.names import hidden
from mlpkit.errors import BrokenPlugin, PluginError
from mlpkit.text.shown import shortest

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
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "pattern": "matches {}",
}


def record(info: PluginInfo) -> dict[str, Any]:
    """Return the facts of a plugin that are known without importing it."""
    return {
        "group": info.kind,
        "name": info.name,
        "full_name": info.full_name,
        "bare_name": not hidden(info),  # True if the bare name selects this plugin
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
    }


def broken(info: PluginInfo) -> str | None:
    """Return the reason why a plugin cannot be used, or None."""
    try:
        described(info)
    except PluginError as error:
        return error.message
    return None


def described(info: PluginInfo) -> dict[str, Any]:
    """Return the formula, description and options of a plugin, which is imported.

    Raises
    ------
    BrokenPlugin
        The plugin cannot be imported, or its options have no JSON Schema.
    """
    from mlpkit.plugin import REGISTRIES

    plugin = REGISTRIES[info.kind].get(info.full_name)
    text = inspect.cleandoc(plugin.__doc__ or "")  # not inherited from the contract
    formula, _, notes = text.partition("\n")
    return {"formula": formula, "description": text, "notes": notes.strip(), "options": _options(info, plugin)}


def _options(info: PluginInfo, plugin: type[Plugin]) -> list[dict[str, Any]]:
    """Return the options of a plugin from its JSON Schema."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.plugin.json_schema import names_alone

    try:
        with warnings.catch_warnings(), names_alone(REGISTRIES):
            warnings.simplefilter("ignore")  # a default that is not a JSON value is left out
            schema = plugin.model_json_schema()
        json.dumps(schema)
    except Exception as error:  # the type of an option is not a JSON type
        message = f"the options of {info.full_name!r} ({info.source}) have no JSON Schema: {type(error).__name__}: {error}"
        raise BrokenPlugin(message, help="use JSON types for the options, or report this to the plugin's author") from error
    required, kinds = schema.get("required", []), schema.get("$defs", {})
    return [
        {
            "name": name,
            "type": _type(schema_part, kinds),
            "limits": _limits(schema_part, kinds),
            "required": name in required,
            "default": None if name in required else schema_part.get("default"),
            "description": schema_part.get("description", ""),
        }
        for name, schema_part in schema.get("properties", {}).items()
    ]


def _type(schema_part: dict[str, Any], kinds: dict[str, Any]) -> str:
    """Return the type of an option in words."""
    schema_part = _resolved(schema_part, kinds)
    parts = schema_part.get("anyOf", [])
    if _is_entry(schema_part) or any(_is_entry(part) for part in parts):
        return "plugin"
    if parts:
        return " or ".join(dict.fromkeys(_type(part, kinds) for part in parts))
    values = schema_part.get("enum", [schema_part["const"]] if "const" in schema_part else [])
    if values:
        return f"{'one of ' if len(values) > 1 else ''}{', '.join(json.dumps(value) for value in values)}"
    kind = str(schema_part.get("type", "anything"))
    return TYPES.get(kind, kind)


def _limits(schema_part: dict[str, Any], kinds: dict[str, Any]) -> list[str]:
    """Return the limits of an option, such as ``> 0``."""
    schema_part = _resolved(schema_part, kinds)
    own = [text.format(shortest(schema_part[key])) for key, text in LIMITS.items() if key in schema_part]
    parts = [] if _type(schema_part, kinds) == "plugin" else schema_part.get("anyOf", [])
    return list(dict.fromkeys([*own, *(limit for part in parts for limit in _limits(part, kinds))]))


def _resolved(schema_part: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = kinds.get(schema_part["$ref"].rpartition("/")[2], {}) if "$ref" in schema_part else schema_part
    return found


def _is_entry(schema_part: dict[str, Any]) -> bool:
    """Return True for the schema of a plugin with its options."""
    return "enum" in schema_part.get("properties", {}).get("type", {})


def option_text(option: dict[str, Any]) -> str:
    """Return an option's type, limits, default and description on one line."""
    limits = (", " if " " in option["type"] else " ") + ", ".join(option["limits"]) if option["limits"] else ""
    default = "required" if option["required"] else f"default {json.dumps(option['default'])}"
    return f"{option['type']}{limits}  {default}  {option['description']}"
