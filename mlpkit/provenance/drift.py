"""Drift: differences between the stored check values of a model and those that its plugins and its network compute here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlpkit.engine.network import Network
from mlpkit.errors import Corrupt, DriftedPlugin, PluginDriftWarning, ProbeWarning, SurrogateWarning, warn
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.reader import naming
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import Activation, Plugin, entry, to_entry
from mlpkit.plugin.environment import strict as strict_by_environment
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.plugin.registry import BUILTIN, own_name
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import LookupTable, accuracy_text, key_of
from mlpkit.provenance.network_probe import probe_difference, tolerance
from mlpkit.provenance.placeholders import LookupActivation, Placeholder
from mlpkit.provenance.plugin_probe import Drift
from mlpkit.provenance.plugin_records import changed_plugins
from mlpkit.provenance.resolve import full_name, short_name
from mlpkit.spec import Spec
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.text.shown import shortened
from mlpkit.version import __version__

ADVICE = "install the versions that the model was trained with (listed by 'mlpkit plugins freeze') if you trust them, or train it again"
NONE = Drift(0.0, "outputs")
THROUGH_TABLES = 1e-3  # largest difference of the network's check values that lookup tables can explain


def check_drift(spec: Spec, networks: Sequence[Network], contents: Contents, path: str, strict: bool | None) -> None:
    """Compare the plugins and the network with their stored check values.

    Raises
    ------
    Corrupt
        The stored check values do not fit the plugin or the network; or, with `strict`, the network computes other values.
    DriftedPlugin
        With `strict`, a plugin computes other values.

    Warns
    -----
    PluginDriftWarning, ProbeWarning, SurrogateWarning
    """
    strict = strict_by_environment() if strict is None else strict
    with naming(path):
        drifted = drifted_plugins(contents, spec)
        with attributing_errors():
            difference = probe_difference(networks, contents.probe) if contents.probe else 0.0
    if surrogates := _lookup_activations(spec):
        warn(SurrogateWarning(_table_message(surrogates, difference, path)))
    if drifted:
        _report(drifted, path, strict)
    elif difference > max(tolerance(spec.dtype), THROUGH_TABLES if surrogates else 0.0):
        reason = "; ".join(changed_plugins(contents.plugins)) or "a plugin has changed, or this machine computes wrongly"
        message = f"predictions differ from those at save time, by {difference:.2g} relative to the largest output: {reason}"
        if strict:
            raise Corrupt(f"{path}: {message}", rule=Rule.PROBE)
        warn(ProbeWarning(f"{path}: {message}"))


def check_completed(spec: Spec, before: Spec, contents: Contents, path: str, strict: bool | None) -> None:
    """Compare the plugins that were not imported for prediction with their check values; in `before` they are placeholders.

    Raises and warns like `check_drift`.
    """
    with naming(path):
        drifted = drifted_plugins(contents, spec, besides=before)
    if drifted:
        _report(drifted, path, strict_by_environment() if strict is None else strict)


def _report(drifted: Sequence[str], path: str, strict: bool) -> None:
    message = f"{path}: plugins compute other values than when the model was saved: {'; '.join(drifted)}"
    if strict:
        raise DriftedPlugin(message, help=ADVICE)
    warn(PluginDriftWarning(message))


def drifted_plugins(contents: Contents, spec: Spec, besides: Spec | None = None) -> list[str]:
    """Return a description of each plugin that computes other values than when the model was saved.

    Built-in plugins are compared only if another version of mlpkit wrote the file. An activation is also compared with its lookup
    table, over the pre-activations of a sample of the training rows. Plugins that the spec `besides` has too are skipped.

    Raises
    ------
    Corrupt
        The stored check values of a plugin are not valid.
    """
    objects, known = _objects(spec), {} if besides is None else _objects(besides)
    objects = {key: plugin for key, plugin in objects.items() if key not in known}
    found = []
    for record in contents.plugins:
        plugin, name = _plugin_of_record(record, objects), shortened(record["name"], 100)
        if plugin is None or (record["distribution"] == BUILTIN and record["version"] == __version__):
            continue
        drift = max(_from_probe(plugin, record, spec.dtype), _from_table(plugin, record, contents))
        if drift.size > tolerance(spec.dtype):
            reason = "; ".join(changed_plugins([record])) or "it has changed, or this machine computes wrongly"
            found.append(f"{name} by {drift.size:.2g} relative to the largest of its {drift.part} ({reason})")
    return found


def _objects(spec: Spec) -> dict[str, Plugin]:
    """Return the installed plugins of a spec, without placeholders, by their full entry and by their entry in files."""
    found = [plugin for plugin in plugin_objects(spec) if not isinstance(plugin, Placeholder)]
    return {_key(plugin.kind, form(plugin)): plugin for form in (to_entry, stored_entry) for plugin in found}


def _plugin_of_record(record: dict[str, Any], objects: dict[str, Plugin]) -> Plugin | None:
    """Return the plugin of a record, or the user's class of the same name without distribution, which replaces it."""
    names = full_name(record), own_name(record["kind"], short_name(record))
    return next((found for name in names if (found := objects.get(_key(record["kind"], entry(name, record["options"])))) is not None), None)


def _from_probe(plugin: Plugin, record: dict[str, Any], dtype: str) -> Drift:
    if record.get("probe") is None:
        return NONE
    try:
        return plugin_probe.drift(plugin, record["probe"], dtype)
    except ValueError as error:
        name = shortened(record["name"], 100)
        raise Corrupt(f"the check values of the plugin {name!r} are not valid: {error}", rule=Rule.PLUGINS) from error


def _from_table(plugin: Plugin, record: dict[str, Any], contents: Contents) -> Drift:
    surrogate = record.get("surrogate")
    if surrogate is None or not isinstance(plugin, Activation):
        return NONE
    table = LookupTable(surrogate["start"], surrogate["stop"], contents.surrogates[surrogate["array"]])
    return Drift(*table.difference(plugin, surrogate["trained"]))


def _key(kind: str, written: Any) -> str:
    return f"{kind} {key_of(written)}"


def _lookup_activations(spec: Spec) -> Sequence[LookupActivation]:
    return [plugin for plugin in plugin_objects(spec) if isinstance(plugin, LookupActivation)]


def _table_message(surrogates: Sequence[LookupActivation], difference: float, path: str) -> str:
    """Return a message with the activations computed through a table, the tables' errors and the drift of the network's check values."""
    records = {plugin.replaced_plugin.full_name: plugin.record["surrogate"] for plugin in surrogates}
    shown = [f"{shortened(name, 100)}, {accuracy_text(surrogate)}" for name, surrogate in records.items()]
    effect = f"; the network's check values differ by {difference:.1g} relative to the largest output"
    return f"{path}: uses the lookup table of {'; '.join(shown)}{effect}"
