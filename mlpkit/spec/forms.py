"""Stored and full form of a spec as JSON. A model file contains the stored form, and the full form has all defaults.

A missing key has its default value in both forms, so that a stored spec is read like any other spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from mlpkit.errors import PluginError
from mlpkit.plugin import REGISTRIES, Plugin, to_entry
from mlpkit.plugin.since import BASE_SCHEMA, Stored, marked, stored_form
from mlpkit.spec.spec import Spec


def stored_spec(spec: Spec, at_least: int = BASE_SCHEMA) -> Stored:
    """Return the stored form of a spec, and the lowest schema, at least `at_least`, that can represent it.

    The stored form has all keys of mlpkit 0.3, and later keys unless they have their default value.
    """
    stored, needed = stored_form(spec, spec.to_dict())
    schema = max(needed, at_least)
    if spec.data.header is True:  # schema 4: true is the default, which is null now
        schema = max(schema, 5)
    if schema < 4:  # schema 3: `data.missing` is a list of all texts
        stored["data"]["missing"] = stored["data"]["missing"]["only"]
    return Stored(stored, schema)


def full_spec(stored: Any, third_party: bool = False) -> Any:
    """Return a stored spec with all later keys; invalid parts are kept unchanged.

    Parameters
    ----------
    stored : object
        JSON of the current schema.
    third_party : bool
        True to import third-party plugins and add their options; missing plugins are kept unchanged.
    """
    full = _filled(Spec, stored, third_party)
    if isinstance(full, dict):
        full.pop("preset", None)  # a stored spec has the values
    return full


def _filled(annotation: Any, value: Any, third_party: bool) -> Any:
    """Return the value of a field with its missing keys."""
    models = models_in(annotation)
    if models and isinstance(value, list):
        return [_filled(annotation, entry, third_party) for entry in value]
    if not models or not isinstance(value, (str, dict)):
        return value
    name = value if isinstance(value, str) else value.get("type")
    if issubclass(models[0], Plugin):
        found = _plugin(models[0].kind, name, third_party)
        options = {} if found is None else _with_keys(found, {} if isinstance(value, str) else value, third_party)
        return {"type": name, **options} if options else value
    if isinstance(value, str):
        return value
    return _with_keys(next((model for model in models if _type_of(model) == name), models[0]), value, third_party)


def _with_keys(cls: type[BaseModel], value: Mapping[str, Any], third_party: bool) -> dict[str, Any]:
    full = dict(value)
    marks = marked(cls)
    for name, field in cls.model_fields.items():
        key = field.alias or name
        if key not in full and name in marks and not marks[name].of_values:
            default = field.get_default(call_default_factory=True)
            full[key] = to_entry(default) if isinstance(default, Plugin) else to_jsonable_python(default, by_alias=True)
        if key in full:
            full[key] = _filled(field.annotation, full[key], third_party)
    return full


def _type_of(cls: type[BaseModel]) -> Any:
    field = cls.model_fields.get("type")
    return None if field is None else field.default


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the parts and contracts in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in models_in(part)]


def _plugin(kind: str, name: Any, third_party: bool) -> type[Plugin] | None:
    """Return the class of a plugin by its stored name; None if it cannot or must not be imported."""
    registry = REGISTRIES[kind]
    if not isinstance(name, str) or not (third_party or name in registry.builtins):
        return None
    try:
        cls: type[Plugin] = registry.get(name)
    except PluginError:
        return None
    return cls
