"""Records of the plugins of a model: origin, options and check values, and comparison with the plugins installed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import REGISTRIES, Activation, Plugin, entry, is_third_party
from mlpkit.plugin.registry import BUILTIN
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import LookupTable, Sampled, key_of
from mlpkit.provenance.placeholders import Placeholder
from mlpkit.provenance.resolve import full_name, is_here, sought_name
from mlpkit.text.shown import shortened

if TYPE_CHECKING:
    from mlpkit.provenance.preactivation_ranges import Ranges

Tables = dict[str, NDArray[np.float64]]  # by the value of "array" in a record


def records(plugins: Sequence[Plugin], dtype: str, ranges: Ranges) -> tuple[list[dict[str, Any]], Tables]:
    """Return the records of the plugins in a model file, without duplicates, and the lookup tables of their activations.

    Parameters
    ----------
    plugins : sequence of Plugin
    dtype : str
        Dtype of the network.
    ranges : dict
        Known ranges of the pre-activations of third-party activations.
    """
    found: dict[str, dict[str, Any]] = {}
    tables: Tables = {}
    for plugin in plugins:
        key = f"{plugin.kind} {key_of(stored_entry(plugin))}"
        if key in found:
            continue
        if isinstance(plugin, Placeholder):
            found[key] = record = {**plugin.record, "name": plugin.replaced_plugin.full_name}
            table = plugin.missing.tables.get(key_of(plugin.model_dump(mode="json")))
        else:
            found[key] = record = _record(plugin, dtype)
            table = _add_table(record, plugin, ranges)
        if table is not None:
            record["surrogate"] = {**record["surrogate"], "array": f"{len(tables)}"}
            tables[f"{len(tables)}"] = table.points
        elif isinstance(plugin, Placeholder):
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


def _add_table(record: dict[str, Any], plugin: Plugin, ranges: Ranges) -> LookupTable | None:
    """Return the lookup table of an elementwise third-party activation, and describe it in the record."""
    if not isinstance(plugin, Activation) or not is_third_party(plugin):
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
    """Return the ranges of pre-activations in the records of a file."""
    found: Ranges = {}
    for record in plugins:
        if (trained := (record.get("surrogate") or {}).get("trained")) is not None:
            found[key_of(entry(full_name(record), record["options"]))] = trained[0], trained[1]
    return found


def changed_plugins(plugins: Sequence[dict[str, Any]]) -> list[str]:
    """Return descriptions of distributions with another version than at save time, and of changed code files.

    mlpkit itself and missing plugins are not included.
    """
    changed: dict[str, str] = {}
    for record in plugins:
        distribution, then = record["distribution"], record["version"]
        if distribution in (BUILTIN, *changed) or not is_here(record):
            continue
        here = REGISTRIES[record["kind"]].find(sought_name(record))
        if distribution is not None and here.version != then:
            changed[distribution] = shortened(f"{distribution} {then} then, {here.version} now")
        code = record.get("code")
        if code and here.code and here.code.sha256 != code["sha256"]:
            changed[code["name"]] = shortened(
                f"{here.code.name} differs from the {code['name']} that it was trained with: its SHA-256 does not match"
            )
    return list(changed.values())
