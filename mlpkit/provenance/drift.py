"""Drift: whether the plugins of a model, and its network, give here what they gave where it was saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.errors import Corrupt, DriftedPlugin, PluginDriftWarning, ProbeWarning, SurrogateWarning, warn
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.reader import naming
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import Activation, Plugin, entry, to_entry
from mlpkit.plugin.environment import strict as strict_by_environment
from mlpkit.plugin.error_attribution import blaming
from mlpkit.plugin.registry import BUILTIN
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import Table, how_good, key_of
from mlpkit.provenance.network_probe import probe_difference, tolerance
from mlpkit.provenance.placeholders import StandIn, Surrogate
from mlpkit.provenance.plugin_probe import Drift
from mlpkit.provenance.plugin_records import changed_plugins
from mlpkit.spec import Spec
from mlpkit.spec.plugins import plugin_objects
from mlpkit.text.shown import shortened
from mlpkit.version import __version__

ADVICE = "install what the model was trained with, which 'mlpkit plugins freeze' lists, if you trust it; or train it again"
NONE = Drift(0.0, "outputs")
THROUGH_TABLES = 1e-3  # difference of the network's probe up to which tables are taken for the cause


def check_drift(spec: Spec, network: Network, contents: Contents, path: str, strict: bool | None) -> None:
    """Hold the plugins to their probes, and the network to its own.

    Raises
    ------
    Corrupt
        A probe is not one of its plugin, or of this network; or with `strict` the network does not give it.
    DriftedPlugin
        With `strict`, a plugin does not give its probe.

    Warns
    -----
    PluginDriftWarning, ProbeWarning, SurrogateWarning
    """
    strict = strict_by_environment() if strict is None else strict
    with naming(path):
        drifted = drifted_plugins(contents, spec)
        with blaming():
            difference = probe_difference(network, contents.probe) if contents.probe else 0.0
    if surrogates := _surrogates(spec):
        warn(SurrogateWarning(_about_surrogates(surrogates, difference, path)))
    if drifted:
        _tell(drifted, path, strict)
    elif difference > (max(tolerance(network), THROUGH_TABLES) if surrogates else tolerance(network)):
        reason = "; ".join(changed_plugins(contents.plugins)) or "a plugin has changed, or the arithmetic of this machine is wrong"
        message = f"the model predicts otherwise here than where it was saved, by {difference:.2g} relative to the largest output: {reason}"
        if strict:
            raise Corrupt(f"{path}: {message}", rule=Rule.PROBE)
        warn(ProbeWarning(f"{path}: {message}"))


def check_completed(spec: Spec, before: Spec, contents: Contents, path: str, strict: bool | None) -> None:
    """Hold the plugins of a spec to their probes that were not imported to predict: in `before` something stands for them.

    Raises and warns as `check_drift`.
    """
    with naming(path):
        drifted = drifted_plugins(contents, spec, besides=before)
    if drifted:
        _tell(drifted, path, strict_by_environment() if strict is None else strict)


def _tell(drifted: Sequence[str], path: str, strict: bool) -> None:
    message = f"{path}: computes otherwise here than where the model was saved: {'; '.join(drifted)}"
    if strict:
        raise DriftedPlugin(message, help=ADVICE)
    warn(PluginDriftWarning(message))


def drifted_plugins(contents: Contents, spec: Spec, besides: Spec | None = None) -> list[str]:
    """Return what plugins compute otherwise here than where a model was saved, in what and by how much, in words.

    mlpkit's own are asked only when the file is from another version of it. An activation is compared with its table too,
    which reaches over the pre-activations of a sample of the training rows. Those that are themselves in the spec `besides` are left out.

    Raises
    ------
    Corrupt
        What a record has as its probe is none of its plugin.
    """
    objects, known = _objects(spec), {} if besides is None else _objects(besides)
    objects = {key: plugin for key, plugin in objects.items() if key not in known}
    found = []
    for record in contents.plugins:
        plugin, name = _of_record(record, objects), shortened(record["name"], 100)
        if plugin is None or (record["distribution"] == BUILTIN and record["version"] == __version__):
            continue
        drift = max(_from_probe(plugin, record, spec.dtype), _from_table(plugin, record, contents))
        if drift.size > np.sqrt(np.finfo(spec.dtype).eps):
            reason = "; ".join(changed_plugins([record])) or "it has changed, or the arithmetic of this machine is wrong"
            found.append(f"{name} by {drift.size:.2g} relative to the largest of its {drift.part} ({reason})")
    return found


def _objects(spec: Spec) -> dict[str, Plugin]:
    """Return the plugins of a spec for which nothing stands, by their entries: the full one, and the one that files have."""
    found = [plugin for plugin in plugin_objects(spec) if not isinstance(plugin, StandIn)]
    return {_key(plugin.kind, form(plugin)): plugin for form in (to_entry, stored_entry) for plugin in found}


def _of_record(record: dict[str, Any], objects: dict[str, Plugin]) -> Plugin | None:
    """The plugin that a record is of, or the user's own of its bare name, which takes its place."""
    names = record["name"], record["name"].rpartition(":")[2]
    return next((found for name in names if (found := objects.get(_key(record["kind"], entry(name, record["options"])))) is not None), None)


def _from_probe(plugin: Plugin, record: dict[str, Any], dtype: str) -> Drift:
    if record.get("probe") is None:
        return NONE
    try:
        return plugin_probe.drift(plugin, record["probe"], dtype)
    except ValueError as error:
        name = shortened(record["name"], 100)
        raise Corrupt(f"the probe of the plugin {name!r} is not one: {error}", rule=Rule.PLUGINS) from error


def _from_table(plugin: Plugin, record: dict[str, Any], contents: Contents) -> Drift:
    surrogate = record.get("surrogate")
    if surrogate is None or not isinstance(plugin, Activation):
        return NONE
    table = Table(surrogate["start"], surrogate["stop"], contents.surrogates[surrogate["array"]])
    return Drift(*table.difference(plugin, surrogate["trained"]))


def _key(kind: str, written: Any) -> str:
    return f"{kind} {key_of(written)}"


def _surrogates(spec: Spec) -> Sequence[Surrogate]:
    return [plugin for plugin in plugin_objects(spec) if isinstance(plugin, Surrogate)]


def _about_surrogates(surrogates: Sequence[Surrogate], difference: float, path: str) -> str:
    """Return which activations are predicted through a table, how good that is, and what it does to the network's probe."""
    told = {plugin.stands_for.full_name: plugin.record["surrogate"] for plugin in surrogates}
    shown = [f"{shortened(name, 100)}, {how_good(surrogate)}" for name, surrogate in told.items()]
    effect = f"; the network's probe differs by {difference:.1g} relative to the largest output"
    return f"{path}: predicts through the table of {'; '.join(shown)}{effect}"
