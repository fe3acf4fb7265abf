"""Entry points of the installed distributions, read from their metadata alone.

The standard library's `entry_points` does the same, but fails for all distributions if the metadata of one are damaged.
"""

from __future__ import annotations

import importlib
import operator
import sys
from functools import lru_cache
from importlib import metadata
from typing import NamedTuple

from mlpkit.plugin.environment import normalized

PREFIX = "mlpkit."


class EntryPoint(NamedTuple):
    """Name that a distribution declares in one of mlpkit's groups."""

    group: str
    name: str
    target: str
    distribution: str
    version: str


@lru_cache(maxsize=1)
def entry_points() -> tuple[EntryPoint, ...]:
    """Return all entry points in mlpkit's groups; of two copies of a distribution, those of the first on the path."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for distribution in metadata.distributions():
        if points := _of(distribution):
            found.setdefault(points[0].distribution, points)
    return tuple(point for points in found.values() for point in points)


def are_known() -> bool:
    """Return True if the metadata have been read, so that asking again takes no time."""
    return entry_points.cache_info().currsize > 0


def forget() -> None:
    """Clear the cache, so that the next call reads the metadata again."""
    entry_points.cache_clear()
    importlib.invalidate_caches()  # including those of metadata


def _of(distribution: metadata.Distribution) -> tuple[EntryPoint, ...]:
    """Return the entry points of one distribution; none if its metadata cannot be read."""
    try:
        text = distribution.read_text("entry_points.txt")
        if text is None or f"[{PREFIX}" not in text:
            return ()
        name, version = normalized(distribution.name), distribution.version or "unknown"
    except Exception:  # damaged files and other finders may raise any error
        return ()
    return tuple(EntryPoint(group, point, target, name, version) for group, point, target in _parsed(text))


def _parsed(text: str) -> list[tuple[str, str, str]]:
    """Return group, name and target of each line; the target is empty if a line is not ``name = target``."""
    group, found = "", []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif line and not line.startswith("#") and group.startswith(PREFIX):
            name, _, target = line.partition("=")
            found.append((group, name.strip(), target.strip()))
    return found


def parts(target: str) -> tuple[str, str]:
    """Return the module and the class name of an entry point."""
    module, _, attribute = target.partition(":")
    return module.strip(), attribute.split("[")[0].strip()


def imported(target: str) -> object:
    """Return the object of an entry point if its module has been imported, else None."""
    module, attribute = parts(target)
    try:
        return operator.attrgetter(attribute)(sys.modules[module])
    except (KeyError, AttributeError):
        return None
