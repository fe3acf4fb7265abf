"""Options added in later versions, and the stored form of values, which omits these options at their defaults.

A model that does not use a new option can thus be read by earlier versions. A later built-in plugin, or another type of value,
declares the class variable `since`: the spec schema in which it was added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from mlpkit.plugin.base import Plugin, is_third_party, to_entry

BASE_SCHEMA = 3  # spec schema of mlpkit 0.3, whose keys are always stored


@dataclass(frozen=True)
class Since:
    """Mark of an option added after the first release: model files omit it if it has its default value.

    The default must keep the behaviour of earlier versions permanently.

    Parameters
    ----------
    version : int or str
        For keys of the spec and options of built-in plugins, the spec schema in which they were added; for options of a third-party
        plugin, the version of its distribution, such as "0.2".
    values : tuple, optional
        Values added in that version, for an option that is older. The option itself is always stored.
    older : tuple, optional
        Values of an older option that existed before that version; a type stands for all of its values. The option itself is always
        stored. The values of a mapping are its own.
    newer : tuple of (value, int), optional
        Values that were added after that version, each with its spec schema. An object has the class variable `since`.

    Examples
    --------
    >>> from typing import Annotated
    >>> power: Annotated[float, Since("0.2")] = 1.0
    """

    version: int | str
    values: tuple[Any, ...] = ()
    older: tuple[Any, ...] = ()
    newer: tuple[tuple[Any, int], ...] = ()

    @property
    def of_values(self) -> bool:
        """True if the mark applies to some values of an option, not to the option itself."""
        return bool(self.values or self.older)

    def schema(self, value: Any) -> int:
        """Return the spec schema that is needed to store a value of the option."""
        several = list(value.values()) if isinstance(value, Mapping) and self.of_values else [value]
        newer = any(not self._is_older(one) if self.older else not self.values or one in self.values for one in several)
        found = [self.version if newer and isinstance(self.version, int) else BASE_SCHEMA]
        if self.newer:
            found += [schema for one in several for other, schema in self.newer if one == other]
            found += [int(getattr(type(one), "since", BASE_SCHEMA)) for one in several]
        return max(found)

    def _is_older(self, value: Any) -> bool:
        return value in self.older or isinstance(value, tuple(kind for kind in self.older if isinstance(kind, type)))


class Stored(NamedTuple):
    """Stored form of a value as JSON, and the lowest spec schema that can represent it."""

    json: Any
    schema: int


def stored_form(value: Any, full: Any) -> Stored:
    """Return the stored form of a value.

    Parameters
    ----------
    value : object
        Part of a spec, plugin, tuple of these, or any other option.
    full : object
        The value as JSON with all defaults.
    """
    if _is_list_of_models(value) and isinstance(full, list) and len(value) == len(full):
        entries = [stored_form(*pair) for pair in zip(value, full, strict=True)]
        return Stored([entry.json for entry in entries], max((entry.schema for entry in entries), default=BASE_SCHEMA))
    if not isinstance(value, BaseModel):
        return Stored(full, BASE_SCHEMA)
    own = BASE_SCHEMA if isinstance(value, Plugin) and is_third_party(value) else getattr(type(value), "since", BASE_SCHEMA)
    if not isinstance(full, dict):
        return Stored(full, own)
    return _of_model(value, full, own)


def stored_entry(plugin: Plugin) -> str | dict[str, Any]:
    """Return a plugin as in the spec of a model file: without later options at their defaults."""
    entry: str | dict[str, Any] = stored_form(plugin, to_entry(plugin)).json
    return entry


def marked(cls: type[BaseModel]) -> dict[str, Since]:
    """Return the `Since` marks of a class, by field name."""
    found = ((name, next((mark for mark in field.metadata if isinstance(mark, Since)), None)) for name, field in cls.model_fields.items())
    return {name: mark for name, mark in found if mark is not None}


def _of_model(model: BaseModel, full: dict[str, Any], schema: int) -> Stored:
    cls, marks = type(model), marked(type(model))
    keys = {key: name for name, field in cls.model_fields.items() if (key := name if name in full else field.alias) in full}
    later = [key for key, name in keys.items() if name in marks and not marks[name].of_values]
    left_out = _at_default(model, {key: _given(getattr(model, name), full[key]) for key, name in keys.items()}, later)
    stored = {key: entry for key, entry in full.items() if key not in left_out}
    for key in stored.keys() & keys.keys():
        value = getattr(model, keys[key])
        stored[key], needed = stored_form(value, full[key])
        mark = marks.get(keys[key])
        schema = max(schema, needed, BASE_SCHEMA if mark is None else mark.schema(value))
    return Stored(stored["type"] if isinstance(model, Plugin) and stored.keys() == {"type"} else stored, schema)


def _given(value: Any, full: Any) -> Any:
    """Return the value to validate for a field: JSON, but objects themselves for parts and plugins, which need no lookup."""
    return value if isinstance(value, BaseModel) or _is_list_of_models(value) else full


def _is_list_of_models(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(entry, BaseModel) for entry in value)


def _at_default(model: BaseModel, given: Mapping[str, Any], later: list[str]) -> set[str]:
    """Return the later keys that can be omitted without changing the object."""
    if not later or _makes(model, given, set(later)):
        return set(later)
    left_out: set[str] = set()
    for key in later:
        if _makes(model, given, left_out | {key}):
            left_out.add(key)
    return left_out


def _makes(model: BaseModel, given: Mapping[str, Any], without: set[str]) -> bool:
    """Return True if the options without some of them give an equal object. Its repr distinguishes -0.0 from 0.0 and True from 1."""
    try:
        again = type(model).model_validate({key: value for key, value in given.items() if key not in without})
    except Exception:  # an option without a default or an error in a validator: the option is stored
        return False
    return again == model and repr(again) == repr(model)
