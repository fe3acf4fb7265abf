"""`mlpkit plugins show`: description and options of a plugin, with a plot of an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console, is_unicode
from mlpkit.cli.model_facts import aligned
from mlpkit.cli.options import Code, Json, load_code
from mlpkit.cli.plugins.description import described, option_text, record
from mlpkit.cli.plugins.names import GroupOption, complete_target, hidden, named, of_file
from mlpkit.cli.plugins.plot import draw, plot

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo


def show_plugin(
    console: Console,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="Name, alias or full name of a plugin, or a Python file.", autocompletion=complete_target),
    ],
    group: GroupOption = None,
    code: Code = None,
    json: Json = False,
) -> None:
    """Show a plugin's formula, origin and options, for each kind that has the name, or for all plugins of a file.

    For an activation, a plot with its derivative is shown.
    """
    load_code(code)
    details = [_details(info) for info in (of_file if target.endswith(".py") else named)(target, group)]
    if json:
        console.json(details)
    else:
        ascii = not is_unicode(console.stdout)
        console.out("\n\n".join(_text(detail, ascii) for detail in details))


def _details(info: PluginInfo) -> dict[str, Any]:
    from mlpkit.plugin import REGISTRIES

    registry = REGISTRIES[info.kind]
    aliases = [alias for alias, target in registry.aliases.items() if target == info.name and info.distribution == "mlpkit"]
    details = {**record(info), "reached": hidden(info), "aliases": aliases, **described(info)}
    return {**details, "plot": plot(registry.get(info.full_name))} if info.kind == "activations" else details


def _text(detail: dict[str, Any], ascii: bool) -> str:
    from mlpkit.plugin.registry import singular

    source = f"{detail['distribution']} {detail['version']}" if detail["distribution"] else "user code"
    facts = [
        ("formula", detail["formula"] or "none (no docstring)"),
        ("kind", singular(detail["group"])),
        ("full name", detail["full_name"]),
        ("source", f"{source} ({detail['target']})"),
        ("reached", detail["reached"]),
        ("aliases", ", ".join(detail["aliases"])),
    ]
    options = [(f"  {option['name']}", option_text(option)) for option in detail["options"]]
    parts = [
        f"{detail['name']}\n{aligned([fact for fact in facts if fact[1]])}",
        detail["notes"],
        f"options\n{aligned(options)}" if options else "no options",
        draw(detail["plot"], ascii=ascii) if "plot" in detail else "",
    ]
    return "\n\n".join(filter(None, parts))
