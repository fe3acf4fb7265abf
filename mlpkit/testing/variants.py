"""Variants: the same plugin with other options. What is right with one value may be wrong with another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from mlpkit.errors import MLPKitError
from mlpkit.plugin import REGISTRIES, Plugin

MOST = 16
USUAL = 2  # values of an option that are tried besides its limits
NOT_VARIED = "learning_rate"  # of optimizers, which every check of them chooses
FURTHER = (1e3, 1e-3, 1e6, 1e-6)  # factors of a number, where its double and its half change nothing
ENDS = {"ge": True, "le": True, "gt": False, "lt": False}  # names of limits; whether the limit is a value


def variants(plugin: Plugin) -> list[Plugin]:
    """The plugin with one of its options changed to two other values, and with all of them changed; the first `MOST`."""
    by_option = usual(plugin)
    singles = [variant for found in by_option.values() for variant in found[:USUAL]]
    firsts = {name: getattr(found[0], name) for name, found in by_option.items() if found}
    together = made(plugin, firsts) if len(firsts) > 1 else None
    return [*singles[: MOST - 1], *([together] if together is not None else [])]


def at_limits(plugin: Plugin) -> list[Plugin]:
    """The plugin with one of its options at a limit that is a value; the first `MOST`."""
    found: list[Plugin] = []
    for name, field in _options(plugin):
        ends = [limit for limit, is_value in _limits(field) if is_value and limit != getattr(plugin, name)]
        found += _all_made(plugin, name, ends)
    return found[:MOST]


def usual(plugin: Plugin) -> dict[str, list[Plugin]]:
    """By option the plugin with other values of it near to its own, within its limits."""
    return {name: _all_made(plugin, name, _near(getattr(plugin, name), field.annotation, field)) for name, field in _options(plugin)}


def others(plugin: Plugin, name: str) -> Iterator[Plugin]:
    """The plugin with one option changed, by little at first and by much at last; with another one where it does not go alone."""
    field = type(plugin).model_fields[name]
    value = getattr(plugin, name)
    alone = _all_made(plugin, name, [*_near(value, field.annotation, field), *_far(value, field)])
    yield from alone
    if not alone:
        for variant in (variant for other, found in usual(plugin).items() if other != name for variant in found):
            yield from _all_made(variant, name, _near(value, field.annotation, field))


def made(plugin: Plugin, changes: dict[str, Any]) -> Plugin | None:
    """The plugin with some options changed; None where its limits, or a validator of its own, refuse them."""
    given = {name: getattr(plugin, name) for name in type(plugin).model_fields}
    try:
        return type(plugin).model_validate({**given, **changes})
    except ValueError:
        return None


def changed(plugin: Plugin, variant: Plugin) -> str:
    """Return what is another option in a variant, in words."""
    names = type(plugin).model_fields
    return ", ".join(f"{name}={getattr(variant, name)!r}" for name in names if getattr(variant, name) != getattr(plugin, name))


def _options(plugin: Plugin) -> list[tuple[str, FieldInfo]]:
    return [(name, field) for name, field in type(plugin).model_fields.items() if name != NOT_VARIED]


def _all_made(plugin: Plugin, name: str, values: Iterable[Any]) -> list[Plugin]:
    found = [made(plugin, {name: value}) for value in values]
    return [variant for variant in found if variant is not None and getattr(variant, name) != getattr(plugin, name)]


def _limits(field: FieldInfo) -> list[tuple[Any, bool]]:
    """The limits of a number, and of each whether it is a value."""
    return [(getattr(each, end), is_value) for each in field.metadata for end, is_value in ENDS.items() if hasattr(each, end)]


def _near(value: Any, annotation: Any, field: FieldInfo) -> list[Any]:
    """Other values near to an option's own; none of a text of any letters, of which nothing is known."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if word != value]
    if isinstance(value, Enum):
        return [member for member in type(value) if member != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return _numbers(value, field)
    if isinstance(value, tuple):
        return _tuples(value, annotation, field)
    if isinstance(value, Plugin):
        return _plugins(value)
    return [] if value is not None else [each for part in get_args(annotation) for each in _examples(part)]


def _numbers(value: float, field: FieldInfo) -> list[Any]:
    """The double and the half, or what is half-way to a limit."""
    ends = [limit for limit, _ in _limits(field) if limit != value]
    if isinstance(value, int):
        return [value + 1, 2 * value + 2, value - 1, *((value + int(end)) // 2 for end in ends)]
    near = [2.0 * value, value / 2.0] if value else [0.5, 1.0, -0.5]
    return [*near, *((value + float(end)) / 2.0 for end in ends)]


def _far(value: Any, field: FieldInfo) -> list[Any]:
    """Values far from an option's own, and its limits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    ends = [limit for limit, is_value in _limits(field) if is_value]
    if isinstance(value, int):
        return [*map(int, ends), 0, 1, 2, 3, -1, value // 2, 10 * value, 1000 * value]
    return [*map(float, ends), *(factor * value for factor in FURTHER), 0.0, 1.0, -1.0, 10.0, 0.1, -value]


def _tuples(value: tuple[Any, ...], annotation: Any, field: FieldInfo) -> list[Any]:
    """With every number changed, with the first one changed, without the last and with one more."""
    if not value:
        return [(each,) for part in get_args(annotation) for each in _examples(part)]
    every = tuple(next(iter(_near(each, type(each), field)), each) for each in value)
    return [every, (every[0], *value[1:]), (*value[:-1], every[-1]), value[:-1], (*value, value[-1])]


def _plugins(value: Plugin) -> list[Any]:
    """Built-ins of the same kind, and the same one with other options."""
    registry = REGISTRIES[value.kind]
    found: list[Any] = [variant for each in usual(value).values() for variant in each[:1]]
    for name in islice((name for name in registry.builtins), 4):
        try:
            found.append(registry.get(name)())
        except (ValueError, MLPKitError):  # it has options without a default
            continue
    return [each for each in found if each != value]


def _examples(annotation: Any) -> list[Any]:
    """Some values of a type, for an option that has none."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    known: dict[Any, list[Any]] = {float: [0.5, 1.0], int: [1, 2], bool: [True, False], NoneType: []}
    return known.get(annotation, [])
