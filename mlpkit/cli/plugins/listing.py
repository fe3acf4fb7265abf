"""`mlpkit plugins list`: the installed plugins."""

from __future__ import annotations

import json as jsontext
from typing import TYPE_CHECKING, Any

from mlpkit.cli.console import Console
from mlpkit.cli.model_facts import aligned
from mlpkit.cli.options import Code, Json, load_code
from mlpkit.cli.plugins.description import described, record
from mlpkit.cli.plugins.names import GroupOption, hidden
from mlpkit.errors import PluginError

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo


def list_plugins(console: Console, group: GroupOption = None, code: Code = None, json: Json = False) -> None:
    """List the installed plugins. With -v they are imported, and their formulas and options, or errors (BROKEN), are shown."""
    from mlpkit.plugin import plugins

    load_code(code)
    found = {(info.kind, info.full_name): info for info in plugins(None if group is None else group.value)}
    infos = list(found.values())  # a package may declare a plugin twice
    if json:
        console.json([{**record(info), **(_description(info) if console.verbose else {})} for info in infos])
        return
    for kind in dict.fromkeys(info.kind for info in infos):
        console.out(f"{kind}\n{_text([info for info in infos if info.kind == kind], console.verbose)}")


def _text(infos: list[PluginInfo], verbose: bool) -> str:
    """Return a line per plugin, and with `verbose` another line with its options."""
    descriptions = [_description(info) if verbose else {} for info in infos]
    pairs = zip(infos, descriptions, strict=True)
    lines = aligned(
        [(f"  {info.full_name}", "  ".join(filter(None, [info.source, _summary(found), hidden(info)]))) for info, found in pairs]
    )
    options = [f"\n      {_options(found)}" if found.get("options") else "" for found in descriptions]
    return "\n".join(line + more for line, more in zip(lines.split("\n"), options, strict=True))


def _description(info: PluginInfo) -> dict[str, Any]:
    """Return the description of a plugin, or the reason why it cannot be imported."""
    try:
        return {**described(info), "broken": None}
    except PluginError as error:
        return {"formula": "", "description": "", "notes": "", "options": [], "broken": " ".join(error.message.split())}


def _summary(found: dict[str, Any]) -> str:
    return f"BROKEN: {found['broken']}" if found.get("broken") else str(found.get("formula", ""))


def _options(found: dict[str, Any]) -> str:
    options = found["options"]
    return ", ".join(
        f"{one['name']} (required)" if one["required"] else f"{one['name']}={jsontext.dumps(one['default'])}" for one in options
    )
