"""Variants of a plugin with other options, because checks may fail for some values only."""

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
NOT_VARIED = "learning_rate"  # of optimizers; every check chooses its own
FURTHER = (1e3, 1e-3, 1e6, 1e-6)  # factors for a number if doubling and halving have no effect
ENDS = {"ge": True, "le": True, "gt": False, "lt": False}  # names of limits; True if the limit itself is valid


def variants(plugin: Plugin) -> list[Plugin]:
    """Return variants with one option changed to two other values, and one with all changed; at most `MOST`."""
    by_option = usual(plugin)
    singles = [variant for found in by_option.values() for variant in found[:USUAL]]
    firsts = {name: getattr(found[0], name) for name, found in by_option.items() if found}
    together = made(plugin, firsts) if len(firsts) > 1 else None
    return [*singles[: MOST - 1], *([together] if together is not None else [])]


def at_limits(plugin: Plugin) -> list[Plugin]:
    """Return variants with one option at an inclusive limit; at most `MOST`."""
    found: list[Plugin] = []
    for name, field in _options(plugin):
        ends = [limit for limit, is_value in _limits(field) if is_value and limit != getattr(plugin, name)]
        found += _all_made(plugin, name, ends)
    return found[:MOST]


def usual(plugin: Plugin) -> dict[str, list[Plugin]]:
    """Return variants by option, with values close to the present one and within limits."""
    return {name: _all_made(plugin, name, _near(getattr(plugin, name), field.annotation, field)) for name, field in _options(plugin)}


def others(plugin: Plugin, name: str) -> Iterator[Plugin]:
    """Yield variants with one option changed, first slightly, then strongly; with another option if it cannot change alone."""
    field = type(plugin).model_fields[name]
    value = getattr(plugin, name)
    alone = _all_made(plugin, name, [*_near(value, field.annotation, field), *_far(value, field)])
    yield from alone
    if not alone:
        for variant in (variant for other, found in usual(plugin).items() if other != name for variant in found):
            yield from _all_made(variant, name, _near(value, field.annotation, field))


def made(plugin: Plugin, changes: dict[str, Any]) -> Plugin | None:
    """Return the plugin with some options changed; None if limits or a validator reject them."""
    given = {name: getattr(plugin, name) for name in type(plugin).model_fields}
    try:
        return type(plugin).model_validate({**given, **changes})
    except ValueError:
        return None


def changed(plugin: Plugin, variant: Plugin) -> str:
    """Return the changed options of a variant as text."""
    names = type(plugin).model_fields
    return ", ".join(f"{name}={getattr(variant, name)!r}" for name in names if getattr(variant, name) != getattr(plugin, name))


def _options(plugin: Plugin) -> list[tuple[str, FieldInfo]]:
    return [(name, field) for name, field in type(plugin).model_fields.items() if name != NOT_VARIED]


def _all_made(plugin: Plugin, name: str, values: Iterable[Any]) -> list[Plugin]:
    found = [made(plugin, {name: value}) for value in values]
    return [variant for variant in found if variant is not None and getattr(variant, name) != getattr(plugin, name)]


def _limits(field: FieldInfo) -> list[tuple[Any, bool]]:
    """Return the limits of a number, each with True if it is inclusive."""
    return [(getattr(each, end), is_value) for each in field.metadata for end, is_value in ENDS.items() if hasattr(each, end)]


def _near(value: Any, annotation: Any, field: FieldInfo) -> list[Any]:
    """Return values close to an option's own; none for free text."""
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
    """Return the double, the half, and the midpoints to limits."""
    ends = [limit for limit, _ in _limits(field) if limit != value]
    if isinstance(value, int):
        return [value + 1, 2 * value + 2, value - 1, *((value + int(end)) // 2 for end in ends)]
    near = [2.0 * value, value / 2.0] if value else [0.5, 1.0, -0.5]
    return [*near, *((value + float(end)) / 2.0 for end in ends)]


def _far(value: Any, field: FieldInfo) -> list[Any]:
    """Return values far from an option's own, and its limits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    ends = [limit for limit, is_value in _limits(field) if is_value]
    if isinstance(value, int):
        return [*map(int, ends), 0, 1, 2, 3, -1, value // 2, 10 * value, 1000 * value]
    return [*map(float, ends), *(factor * value for factor in FURTHER), 0.0, 1.0, -1.0, 10.0, 0.1, -value]


def _tuples(value: tuple[Any, ...], annotation: Any, field: FieldInfo) -> list[Any]:
    """Return the tuple with all numbers changed, with the first changed, the last changed, one fewer and one more."""
    if not value:
        return [(each,) for part in get_args(annotation) for each in _examples(part)]
    every = tuple(next(iter(_near(each, type(each), field)), each) for each in value)
    return [every, (every[0], *value[1:]), (*value[:-1], every[-1]), value[:-1], (*value, value[-1])]


def _plugins(value: Plugin) -> list[Any]:
    """Return built-ins of the same kind, and the same one with other options."""
    registry = REGISTRIES[value.kind]
    found: list[Any] = [variant for each in usual(value).values() for variant in each[:1]]
    for name in islice((name for name in registry.builtins), 4):
        try:
            found.append(registry.get(name)())
        except (ValueError, MLPKitError):  # it has options without a default
            continue
    return [each for each in found if each != value]


def _examples(annotation: Any) -> list[Any]:
    """Return values of a type, for an option whose value is None."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    known: dict[Any, list[Any]] = {float: [0.5, 1.0], int: [1, 2], bool: [True, False], NoneType: []}
    return known.get(annotation, [])
