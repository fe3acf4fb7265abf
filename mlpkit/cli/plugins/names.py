"""Names of plugins on the command line: kinds, completion and lookup."""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mlpkit.cli.options import load_code
from mlpkit.errors import AmbiguousPlugin, MissingPlugin, PluginError
from mlpkit.text.shown import shortened

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo


class Group(StrEnum):
    """Kind of plugin."""

    activations = "activations"
    losses = "losses"
    optimizers = "optimizers"
    initializers = "initializers"
    schedules = "schedules"
    metrics = "metrics"
    readers = "readers"
    exchanges = "exchanges"
    kernels = "kernels"
    engines = "engines"


GroupOption = Annotated[Group | None, typer.Option("-g", "--group", help="Only one kind of plugin.", show_default=False)]


def complete(incomplete: str) -> list[str]:
    """Return the bare and full names with a prefix, without importing plugins."""
    from mlpkit.plugin import plugins

    with contextlib.suppress(PluginError):  # MLPKIT_STRICT_PLUGINS turns warnings into errors
        return sorted({name for info in plugins() for name in (info.name, info.full_name) if name.startswith(incomplete)})
    return []


def complete_target(incomplete: str) -> list[str]:
    """Return the names, Python files and folders with a prefix."""
    paths = sorted(glob.glob(f"{glob.escape(incomplete)}*"))
    files = [f"{path}/" if os.path.isdir(path) else path for path in paths if path.endswith(".py") or os.path.isdir(path)]
    return [*complete(incomplete), *files]


def of_file(path: str, group: Group | None) -> list[PluginInfo]:
    """Return the plugins that a Python file defines. Errors are those of `load_code` and `of_group`."""
    return of_group(load_code([path]), group, path)


def of_group(infos: list[PluginInfo], group: Group | None, source: str) -> list[PluginInfo]:
    """Return the plugins of a kind, or all. Raise MissingPlugin if there are none."""
    chosen = [info for info in infos if group is None or info.kind == group.value]
    if not chosen and group is not None:
        kinds = ", ".join(dict.fromkeys(info.kind for info in infos))
        raise MissingPlugin(f"{source} has no {group.value}", help=f"leave --group out; it has: {kinds}")
    return chosen


def named(name: str, group: Group | None) -> list[PluginInfo]:
    """Return the plugins with a name, one per kind that has it.

    Raises
    ------
    MissingPlugin, AmbiguousPlugin
        No kind has the name, or two distributions have it.
    """
    from mlpkit.plugin import REGISTRIES

    if group is not None:
        return [REGISTRIES[group.value].find(name)]
    found = []
    for registry in REGISTRIES.values():
        with contextlib.suppress(MissingPlugin):
            found.append(registry.find(name))
    if found:
        return found
    name = shortened(name, 100)
    near = difflib.get_close_matches(name, complete(""), n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise MissingPlugin(f"unknown plugin {name!r}{hint}", help="'mlpkit plugins list' shows what is installed")


def hidden(info: PluginInfo) -> str:
    """Return the reason why the bare name does not select a plugin, with the name that does; empty if the bare name works."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.plugin.registry import NAME

    registry = REGISTRIES[info.kind]
    if not NAME.fullmatch(info.name):
        return f"not usable: {shortened(info.name, 100)!r} is not a valid name of a plugin"
    if sum(other.full_name == info.full_name for other in registry.installed()) > 1:
        return f"not usable: {info.distribution} declares it more than once"
    try:
        meant = registry.find(info.name)
    except AmbiguousPlugin:
        return f"only as {info.full_name!r}: another package has {info.name!r} too"
    if meant == info:
        return ""
    other = f"the built-in {meant.name!r}" if meant.distribution else meant.source
    return f"only as {info.full_name!r}: {info.name!r} means {other}"
