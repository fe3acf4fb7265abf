"""Provenance: where each plugin of a model came from, what it computed there, and whether its name means the same here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import REGISTRIES, Activation, Plugin, entry, is_outside
from mlpkit.plugin.registry import BUILTIN
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import Sampled, Table, key_of
from mlpkit.provenance.placeholders import StandIn
from mlpkit.provenance.resolve import is_here
from mlpkit.text.shown import shortened

if TYPE_CHECKING:
    from mlpkit.provenance.score_ranges import Ranges

Tables = dict[str, NDArray[np.float64]]  # by the name that a record has for one


def records(plugins: Sequence[Plugin], dtype: str, ranges: Ranges) -> tuple[list[dict[str, Any]], Tables]:
    """Return what a model file says of its plugins, each once, and the tables of those that can be predicted through one.

    Parameters
    ----------
    plugins : sequence of Plugin
    dtype : str
        Of the network.
    ranges : dict
        What is known of the scores of its own activations.
    """
    found: dict[str, dict[str, Any]] = {}
    tables: Tables = {}
    for plugin in plugins:
        key = f"{plugin.kind} {key_of(stored_entry(plugin))}"
        if key in found:
            continue
        if isinstance(plugin, StandIn):
            found[key] = record = plugin.record
            table = plugin.missing.tables.get(key_of(plugin.model_dump(mode="json")))
        else:
            found[key] = record = _record(plugin, dtype)
            table = _add_surrogate(record, plugin, ranges)
        if table is not None:
            record["surrogate"] = {**record["surrogate"], "array": f"{len(tables)}"}
            tables[f"{len(tables)}"] = table.points
        elif isinstance(plugin, StandIn):
            record.pop("surrogate", None)
    return list(found.values()), tables


def _record(plugin: Plugin, dtype: str) -> dict[str, Any]:
    info = REGISTRIES[plugin.kind].info(type(plugin))
    stored = stored_entry(plugin)
    record: dict[str, Any] = {
        "kind": info.kind,
        "name": info.full_name,
        "distribution": info.distribution,
        "version": info.version,
        "target": info.target,
        "options": {} if isinstance(stored, str) else {name: value for name, value in stored.items() if name != "type"},
    }
    if info.code is not None:
        record["code"] = info.code._asdict()
    if (probe := plugin_probe.make_probe(plugin, dtype)) is not None:
        record["probe"] = probe
    return record


def _add_surrogate(record: dict[str, Any], plugin: Plugin, ranges: Ranges) -> Table | None:
    """The table of an elementwise activation that mlpkit does not bring, which is then told of in its record."""
    if not isinstance(plugin, Activation) or not is_outside(plugin):
        return None
    sampled = Sampled.of(plugin, ranges.get(key_of(stored_entry(plugin))))
    if sampled is None:
        return None
    record["surrogate"] = {
        "start": sampled.table.start,
        "stop": sampled.table.stop,
        "trained": None if sampled.trained is None else list(sampled.trained),
        "error": sampled.error,
        "output": plugin.output,
    }
    return sampled.table


def known_ranges(plugins: Sequence[dict[str, Any]]) -> Ranges:
    """The ranges of scores that the records of a file tell of."""
    found: Ranges = {}
    for record in plugins:
        if (trained := (record.get("surrogate") or {}).get("trained")) is not None:
            found[key_of(entry(record["name"], record["options"]))] = trained[0], trained[1]
    return found


def changed_plugins(plugins: Sequence[dict[str, Any]]) -> list[str]:
    """Return what distributions have another version here than where a model was saved, and what files of code are others, in words.

    mlpkit itself does not count, nor what is missing.
    """
    changed: dict[str, str] = {}
    for record in plugins:
        distribution, then = record["distribution"], record["version"]
        if distribution in (BUILTIN, *changed) or not is_here(record):
            continue
        here = REGISTRIES[record["kind"]].find(record["name"])
        if distribution is not None and here.version != then:
            changed[distribution] = shortened(f"{distribution} {then} then, {here.version} now")
        code = record.get("code")
        if code and here.code and here.code.sha256 != code["sha256"]:
            changed[code["name"]] = shortened(f"{here.code.name} is not the {code['name']} that it was trained with: its SHA-256 differs")
    return list(changed.values())
