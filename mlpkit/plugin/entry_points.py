"""Installed: the entry points of the installed distributions, by their metadata alone.

The standard library's `entry_points` reads the same, but one distribution whose metadata is damaged breaks it for all.
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
    """One name that a distribution declares in one of mlpkit's groups."""

    group: str
    name: str
    target: str
    distribution: str
    version: str


@lru_cache(maxsize=1)
def entry_points() -> tuple[EntryPoint, ...]:
    """All in mlpkit's groups; of two copies of a distribution those of the first on the path."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for distribution in metadata.distributions():
        if points := _of(distribution):
            found.setdefault(points[0].distribution, points)
    return tuple(point for points in found.values() for point in points)


def forget() -> None:
    """Look again at the next question."""
    entry_points.cache_clear()
    importlib.invalidate_caches()  # of the metadata too


def _of(distribution: metadata.Distribution) -> tuple[EntryPoint, ...]:
    """Those of one distribution; none when its metadata cannot be read."""
    try:
        text = distribution.read_text("entry_points.txt")
        if text is None or f"[{PREFIX}" not in text:
            return ()
        name, version = normalized(distribution.name), distribution.version or "unknown"
    except Exception:  # whatever a damaged file or another finder's distribution raises
        return ()
    return tuple(EntryPoint(group, point, target, name, version) for group, point, target in _parsed(text))


def _parsed(text: str) -> list[tuple[str, str, str]]:
    """Group, name and target of each line; what is no ``name = target`` has an empty target."""
    group, found = "", []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif line and not line.startswith("#") and group.startswith(PREFIX):
            name, _, target = line.partition("=")
            found.append((group, name.strip(), target.strip()))
    return found


def parts(target: str) -> tuple[str, str]:
    """The module and the class in it of an entry point."""
    module, _, attribute = target.partition(":")
    return module.strip(), attribute.split("[")[0].strip()


def imported(target: str) -> object:
    """Return what an entry point means, if its module has been imported; None else."""
    module, attribute = parts(target)
    try:
        return operator.attrgetter(attribute)(sys.modules[module])
    except (KeyError, AttributeError):
        return None
