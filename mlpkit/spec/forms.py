"""The two forms of a spec as JSON: the one that a model file stores, and the full one, with every default written out.

A missing key means its default in both, so that reading a stored spec is reading a spec.
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
    """Return a spec as a model file stores it, and the lowest schema, from `at_least` on, that can hold it.

    It always has the keys of mlpkit 0.3, and a later one only where it is not at its default.
    """
    stored, needed = stored_form(spec, spec.to_dict())
    schema = max(needed, at_least)
    if schema < 4:  # where `data.missing` is a list of all the texts
        stored["data"]["missing"] = stored["data"]["missing"]["only"]
    return Stored(stored, schema)


def full_spec(stored: Any, third_party: bool = False) -> Any:
    """Return a stored spec with every later key that it leaves out; what is not valid in it stays.

    Parameters
    ----------
    stored : object
        JSON of today's schema.
    third_party : bool
        Whether the plugins of other distributions are imported, to write out their options too; those that are missing stay.
    """
    return _filled(Spec, stored, third_party)


def _filled(annotation: Any, value: Any, third_party: bool) -> Any:
    """Return the value of a field with what it leaves out."""
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
    """Return the parts and contracts that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in models_in(part)]


def _plugin(kind: str, name: Any, third_party: bool) -> type[Plugin] | None:
    """Return the class of a plugin by its stored name; None when it is not to be imported, or cannot be."""
    registry = REGISTRIES[kind]
    if not isinstance(name, str) or not (third_party or name in registry.builtins):
        return None
    try:
        cls: type[Plugin] = registry.get(name)
    except PluginError:
        return None
    return cls
