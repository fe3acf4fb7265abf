"""Provenance: where each plugin of a model came from, and whether its name means the same here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpkit.errors import MissingPlugin, ModelFileError
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.registry import BUILTIN
from mlpkit.shown import shortened

MOST_MISSING = 10  # plugins that are not here and are named


def provenance(plugin: Plugin) -> dict[str, Any]:
    info = REGISTRIES[plugin.kind].info(type(plugin))
    return {
        "kind": info.kind,
        "name": info.full_name,
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
        "options": plugin.model_dump(mode="json"),
    }


def check_plugins(plugins: list[dict[str, Any]], path: str | Path) -> None:
    """Hold what each plugin's name means here to what it meant where the model was trained.

    Raises
    ------
    MissingPlugin
        With what to install or to pass, when one is not there or the name means that of another distribution.
    AmbiguousPlugin
        Two distributions have it.
    """
    missing: dict[str, str] = {}
    for plugin in {(plugin["kind"], plugin["name"], plugin["distribution"]): plugin for plugin in plugins}.values():
        kind, name, distribution = plugin["kind"], plugin["name"], plugin["distribution"]
        if kind not in REGISTRIES:
            message = f"it was trained with a plugin of the kind {shortened(kind, 100)!r}, which this mlpkit does not know"
            raise ModelFileError(message, rule=Rule.SPEC)
        try:
            if REGISTRIES[kind].find(name).distribution == distribution:
                continue
        except MissingPlugin:
            pass
        own = f"define {name!r} (it was {plugin['target']}) and pass it: load(..., plugins=[...]) or --code FILE"
        missing[name] = f"pip install {distribution}  (trained with {plugin['version']})" if distribution else own
        if len(missing) == MOST_MISSING:
            break
    if missing:
        help = "; ".join(shortened(advice) for advice in dict.fromkeys(missing.values()))
        names = ", ".join(repr(shortened(name, 100)) for name in missing)
        raise MissingPlugin(f"{path}: the model was trained with {names}, which is not here", help=help)


def changed_plugins(plugins: list[dict[str, Any]]) -> list[str]:
    """What distributions have another version here than where a model was saved, in words; mlpkit itself does not count."""
    changed: dict[str, str] = {}
    for plugin in plugins:
        distribution, then = plugin["distribution"], plugin["version"]
        if distribution not in (None, BUILTIN, *changed):
            now = REGISTRIES[plugin["kind"]].find(plugin["name"]).version
            if now != then:
                changed[distribution] = shortened(f"{distribution} {then} then, {now} now")
    return list(changed.values())
