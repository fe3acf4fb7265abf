"""Names of plugins on the command line: kinds, completion, and what a name means."""

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
    """The kinds of plugins."""

    activations = "activations"
    losses = "losses"
    optimizers = "optimizers"
    initializers = "initializers"
    schedules = "schedules"
    metrics = "metrics"


GroupOption = Annotated[Group | None, typer.Option("-g", "--group", help="One kind of plugin only.", show_default=False)]


def complete(incomplete: str) -> list[str]:
    """The names that begin so, bare and full ones; nothing is imported for it."""
    from mlpkit.plugin import plugins

    with contextlib.suppress(PluginError):  # MLPKIT_STRICT_PLUGINS makes an error of what is doubtful
        return sorted({name for info in plugins() for name in (info.name, info.full_name) if name.startswith(incomplete)})
    return []


def complete_target(incomplete: str) -> list[str]:
    """Names, and the Python files and folders that begin so."""
    paths = sorted(glob.glob(f"{glob.escape(incomplete)}*"))
    files = [f"{path}/" if os.path.isdir(path) else path for path in paths if path.endswith(".py") or os.path.isdir(path)]
    return [*complete(incomplete), *files]


def of_file(path: str, group: Group | None) -> list[PluginInfo]:
    """The plugins that a Python file defines; errors as `load_code` and `of_group`."""
    return of_group(load_code([path]), group, path)


def of_group(infos: list[PluginInfo], group: Group | None, source: str) -> list[PluginInfo]:
    """Those of a kind, or all; MissingPlugin when there are none."""
    chosen = [info for info in infos if group is None or info.kind == group.value]
    if not chosen and group is not None:
        kinds = ", ".join(dict.fromkeys(info.kind for info in infos))
        raise MissingPlugin(f"{source} has none of the {group.value}", help=f"leave --group out; it has: {kinds}")
    return chosen


def named(name: str, group: Group | None) -> list[PluginInfo]:
    """The plugins of a name, one per kind that has it.

    Raises
    ------
    MissingPlugin, AmbiguousPlugin
        No kind has it; two distributions do.
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
    """Return why the bare name of a plugin does not mean it, and the name that does, if one does; empty when the bare name means it."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.plugin.registry import NAME

    registry = REGISTRIES[info.kind]
    if not NAME.fullmatch(info.name):
        return f"not usable: {shortened(info.name, 100)!r} is no name of a plugin"
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
