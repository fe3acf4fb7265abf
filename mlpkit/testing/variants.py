"""Variants: the same plugin with other options. What is right with one value may be wrong with another."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from mlpkit.plugin import Plugin

MOST = 8
NOT_VARIED = "learning_rate"  # of optimizers, which every check of them chooses


def variants(plugin: Plugin) -> list[Plugin]:
    """The plugin with one of its options changed, within its limits; the first `MOST`."""
    given = {name: getattr(plugin, name) for name in type(plugin).model_fields}
    found: list[Plugin] = []
    for name, field in type(plugin).model_fields.items():
        for value in () if name == NOT_VARIED else _others(given[name], field.annotation):
            try:
                found.append(type(plugin).model_validate({**given, name: value}))
            except ValueError:  # beyond its limits, or not with the other options
                continue
    return found[:MOST]


def changed(plugin: Plugin, variant: Plugin) -> str:
    """What is another option in a variant, in words."""
    names = type(plugin).model_fields
    return ", ".join(f"{name}={getattr(variant, name)!r}" for name in names if getattr(variant, name) != getattr(plugin, name))


def _others(value: Any, annotation: Any) -> list[Any]:
    """Other values of an option; none of one that is neither a number, a flag nor one of some words."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if word != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value + 2]
    if isinstance(value, float):
        return [2.0 * value, value / 2.0] if value else [0.5, 1.0]
    return []
