"""Checks of a plugin class that do not run it."""

from __future__ import annotations

import inspect
from collections.abc import MutableMapping, MutableSequence, MutableSet
from typing import Any, get_args, get_origin

MUTABLE = (list, dict, set, bytearray, MutableSequence, MutableMapping, MutableSet)


def check_class(loaded: Any, contract: type[Any]) -> None:
    """Raise an error if a class does not fulfil its contract.

    Raises
    ------
    TypeError
        The class is not of this kind, is abstract, or has options that a spec cannot store. The message gives the reason.
    """
    fits = isinstance(loaded, type) and issubclass(loaded, contract)
    if not fits:
        raise TypeError(f"{loaded!r} is not a subclass of {contract.__name__}")
    name = loaded.__name__
    if inspect.isabstract(loaded):
        raise TypeError(f"{name} does not define {', '.join(sorted(loaded.__abstractmethods__))}")
    declared = [variable for variable, kind in vars(contract).get("__annotations__", {}).items() if "ClassVar" in str(kind)]
    if missing := [variable for variable in declared if not hasattr(loaded, variable)]:
        raise TypeError(f"{name} does not define the class variables {' and '.join(missing)}")
    loaded.check_definition()
    _check_options(name, loaded.model_fields, loaded.model_config)


def _check_options(name: str, options: dict[str, Any], config: dict[str, Any]) -> None:
    if "type" in options:
        raise TypeError(f"{name} has an option called 'type', which is the plugin's name in a spec: rename it")
    for option, field in options.items():
        if found := _mutable(field.annotation):
            raise TypeError(f"the option {option!r} of {name} is a {found}, which is mutable: use a tuple")
    if not config.get("frozen", True):
        raise TypeError(f"{name} has mutable options: remove 'frozen' from its model_config")


def _mutable(annotation: Any) -> str:
    """Return the name of a mutable type in an annotation, empty if there is none."""
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, MUTABLE):
        return kind.__name__
    return next(filter(None, map(_mutable, get_args(annotation))), "")
