"""`mlpkit plugins`: what is installed, and what one plugin does and takes."""

from __future__ import annotations

import contextlib
import difflib
import inspect
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.facts import aligned
from mlpkit.cli.options import Code, Json, load_code
from mlpkit.errors import MissingPlugin, PluginError

if TYPE_CHECKING:
    from mlpkit.registry import PluginInfo


class Group(StrEnum):
    """The kinds of plugins."""

    activations = "activations"
    losses = "losses"
    optimizers = "optimizers"
    initializers = "initializers"
    schedules = "schedules"
    metrics = "metrics"


GroupOption = Annotated[Group | None, typer.Option("-g", "--group", help="One kind of plugin only.", show_default=False)]


def _complete(incomplete: str) -> list[str]:
    from mlpkit.plugin import plugins

    return sorted({name for info in plugins() for name in (info.name, info.full_name) if name.startswith(incomplete)})


def list_plugins(console: Console, group: GroupOption = None, code: Code = None, json: Json = False) -> None:
    """List the plugins that are installed; -v shows what each one is. Only -v imports them."""
    from mlpkit.plugin import plugins

    load_code(code)
    infos = plugins(None if group is None else group.value)
    if json:
        console.json([record(info) for info in infos])
        return
    for kind in dict.fromkeys(info.kind for info in infos):
        rows = [(f"  {info.full_name}", _shown(info, console.verbose)) for info in infos if info.kind == kind]
        console.out(f"{kind}\n{aligned(rows)}")


def record(info: PluginInfo) -> dict[str, Any]:
    """What is known of a plugin without importing it, as JSON values."""
    return {
        "group": info.kind,
        "name": info.name,
        "full_name": info.full_name,
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
    }


def _shown(info: PluginInfo, verbose: bool) -> str:
    if not verbose:
        return info.source
    reason = broken(info)
    return f"{info.source}  {'BROKEN: ' + reason if reason else _summary(info)}"


def broken(info: PluginInfo) -> str | None:
    """Why a plugin cannot be used; None when it can."""
    from mlpkit.plugin import REGISTRIES

    try:
        REGISTRIES[info.kind].get(info.full_name)
    except PluginError as error:
        return error.message
    return None


def _summary(info: PluginInfo) -> str:
    from mlpkit.plugin import REGISTRIES

    return (inspect.getdoc(REGISTRIES[info.kind].get(info.full_name)) or "").partition("\n")[0]


def show_plugin(
    console: Console,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A plugin's name, alias or full name.", autocompletion=_complete)],
    group: GroupOption = None,
    code: Code = None,
    json: Json = False,
) -> None:
    """Show what a plugin is, where it comes from, and its options; each kind that has one of this name."""
    load_code(code)
    details = [_details(info) for info in _named(name, None if group is None else group.value)]
    if json:
        console.json(details)
    else:
        console.out("\n\n".join(_details_text(detail) for detail in details))


def _named(name: str, group: str | None) -> list[PluginInfo]:
    """The plugins of a name, one per kind that has it."""
    from mlpkit.plugin import REGISTRIES

    found = []
    for kind, registry in REGISTRIES.items():
        if group is None:
            with contextlib.suppress(MissingPlugin):
                found.append(registry.find(name))
        elif group == kind:
            found.append(registry.find(name))
    if found:
        return found
    near = difflib.get_close_matches(name, _complete(""), n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise MissingPlugin(f"unknown plugin {name!r}{hint}", help="'mlpkit plugins list' shows what is installed")


def _details(info: PluginInfo) -> dict[str, Any]:
    from mlpkit.plugin import REGISTRIES

    registry = REGISTRIES[info.kind]
    plugin = registry.get(info.full_name)
    schema = plugin.model_json_schema()
    required = schema.get("required", [])
    options = [
        {
            "name": option,
            "required": option in required,
            "default": None if option in required else told.get("default"),
            "description": told.get("description", ""),
        }
        for option, told in schema.get("properties", {}).items()
    ]
    aliases = [alias for alias, target in registry.aliases.items() if target == info.name and info.distribution == "mlpkit"]
    return {**record(info), "aliases": aliases, "description": inspect.getdoc(plugin) or "", "options": options}


def _details_text(detail: dict[str, Any]) -> str:
    singular = "loss" if detail["group"] == "losses" else detail["group"].removesuffix("s")
    source = f"{detail['distribution']} {detail['version']}" if detail["distribution"] else "your own code"
    facts = [("kind", singular), ("full name", detail["full_name"]), ("source", f"{source} ({detail['target']})")]
    if detail["aliases"]:
        facts.append(("aliases", ", ".join(detail["aliases"])))
    options = [(f"  {option['name']}", _option_text(option)) for option in detail["options"]]
    text = "\n".join([detail["name"], aligned(facts), "", detail["description"], ""])
    return text + (f"\noptions\n{aligned(options)}" if options else "\nno options")


def _option_text(option: dict[str, Any]) -> str:
    import json

    default = "required" if option["required"] else f"default {json.dumps(option['default'])}"
    return f"{default}  {option['description']}"
