"""Since: the mark of options that came later, and the stored form of a value, which leaves them out at their default.

So a model that does not use a new option has a file that earlier versions read. A built-in plugin, or another value with a type
of its own, that came later declares the class variable `since`, the spec schema that brought it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from mlpkit.plugin.base import Plugin, is_outside, to_entry

BASE_SCHEMA = 3  # of the spec of mlpkit 0.3, whose keys are always stored


@dataclass(frozen=True)
class Since:
    """Mark an option that came after the first release: a model file leaves it out while it has its default.

    The default must do what earlier versions did, for ever.

    Parameters
    ----------
    version : int or str
        For keys of the spec and options of built-in plugins the spec schema that brought them; for options of a third-party
        plugin the version of its distribution, such as "0.2".
    values : tuple, optional
        The values that came then, of an option that is older; the option itself is always stored.
    older : tuple, optional
        The values of an option that is older which did not come then; the option itself is always stored.

    Examples
    --------
    >>> from typing import Annotated
    >>> power: Annotated[float, Since("0.2")] = 1.0
    """

    version: int | str
    values: tuple[Any, ...] = ()
    older: tuple[Any, ...] = ()

    @property
    def of_values(self) -> bool:
        """Return True if the option is older, and some of its values came later."""
        return bool(self.values or self.older)

    def schema(self, value: Any) -> int:
        """Return the spec schema that a stored value of the option needs."""
        newer = value not in self.older if self.older else not self.values or value in self.values
        return self.version if newer and isinstance(self.version, int) else BASE_SCHEMA


class Stored(NamedTuple):
    """The stored form of a value as JSON, and the lowest spec schema that has everything in it."""

    json: Any
    schema: int


def stored_form(value: Any, full: Any) -> Stored:
    """Return the stored form of a value.

    Parameters
    ----------
    value : object
        A part of a spec, a plugin, a tuple of them, or any other option.
    full : object
        The value as JSON, every default written out.
    """
    if _is_list_of_models(value) and isinstance(full, list) and len(value) == len(full):
        entries = [stored_form(*pair) for pair in zip(value, full, strict=True)]
        return Stored([entry.json for entry in entries], max((entry.schema for entry in entries), default=BASE_SCHEMA))
    if not isinstance(value, BaseModel):
        return Stored(full, BASE_SCHEMA)
    own = BASE_SCHEMA if isinstance(value, Plugin) and is_outside(value) else getattr(type(value), "since", BASE_SCHEMA)
    if not isinstance(full, dict):
        return Stored(full, own)
    return _of_model(value, full, own)


def stored_entry(plugin: Plugin) -> str | dict[str, Any]:
    """Return a plugin as the spec in a model file names it: without the options that came later and have their default."""
    entry: str | dict[str, Any] = stored_form(plugin, to_entry(plugin)).json
    return entry


def marked(cls: type[BaseModel]) -> dict[str, Since]:
    """Return the mark of each option that has one, by the name of its field."""
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
    """Return what a field takes for its value: JSON, but the objects themselves of parts and plugins, which need no look-up."""
    return value if isinstance(value, BaseModel) or _is_list_of_models(value) else full


def _is_list_of_models(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(entry, BaseModel) for entry in value)


def _at_default(model: BaseModel, given: Mapping[str, Any], later: list[str]) -> set[str]:
    """Return those of the later keys without which the same object is made."""
    if not later or _makes(model, given, set(later)):
        return set(later)
    left_out: set[str] = set()
    for key in later:
        if _makes(model, given, left_out | {key}):
            left_out.add(key)
    return left_out


def _makes(model: BaseModel, given: Mapping[str, Any], without: set[str]) -> bool:
    """Return True if the options without some of them make the same object. Its text tells -0.0 from 0.0 and True from 1."""
    try:
        again = type(model).model_validate({key: value for key, value in given.items() if key not in without})
    except Exception:  # an option without a default, or a check of a plugin's own: it is written out
        return False
    return again == model and repr(again) == repr(model)
