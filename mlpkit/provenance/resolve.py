"""Resolution of the plugins of a model file: installed plugins, placeholders for missing ones, and advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.errors import DriftedPlugin, MissingPlugin, ModelFileError, PluginError
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES, Plugin, entry_points
from mlpkit.plugin.environment import PLUGINS, counts
from mlpkit.plugin.registry import BUILTIN, PluginInfo, own_name
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import LookupTable, key_of
from mlpkit.provenance.network_probe import tolerance
from mlpkit.provenance.placeholders import Missing, placeholder_class
from mlpkit.spec.findings import findings
from mlpkit.text.shown import DISTRIBUTION, FILE, VERSION, shortened

MOST_MISSING = 10  # missing plugins named in an error
MOST_REPLACED = 50  # plugins that placeholders may replace
Record = dict[str, Any]
Classes = dict[tuple[str, str], type[Plugin]]  # by kind and name


def replacements(
    plugins: Sequence[Record],
    tables: Mapping[str, NDArray[Any]],
    dtype: str,
    path: str,
    surrogates: bool,
    own: Sequence[type[Plugin]] = (),
    predicting: bool = False,
) -> Classes:
    """Compare the plugins of a file with the installed ones and return replacements for those that are missing.

    Parameters
    ----------
    plugins, tables, dtype
        Records of a file, lookup tables of its activations, and dtype of its network.
    path : str
        File name for error messages.
    surrogates : bool
        True if lookup tables may replace activations.
    own : sequence of type
        Classes passed by the user. Each is used for the plugin of its name, whatever the distribution of that plugin.
    predicting : bool
        True to replace all third-party plugins that predictions do not need by placeholders, without importing them.

    Returns
    -------
    dict
        Replacements by kind and name: the user's class of the same name, if it gives the same check values; a lookup table, also for
        an activation that is broken or computes other values; or a placeholder.

    Raises
    ------
    MissingPlugin
        An activation is not installed, or its name belongs to another distribution, and nothing may replace it. The message
        contains the command to install or the code to pass.
    AmbiguousPlugin
        Two distributions provide it.
    """
    passed = {(cls.kind, REGISTRIES[cls.kind].info(cls).name): cls for cls in own}
    found: Classes = {
        (record["kind"], record["name"]): passed[key]
        for record in plugins
        if (key := (record["kind"], short_name(record))) in passed and record["distribution"] != BUILTIN
    }
    asked = [record for record in plugins if (record["kind"], record["name"]) not in found]
    absent = _absent(asked, dtype, surrogates)
    _check_activations(asked, absent)
    for key, same, error in _not_needed(asked, absent, predicting):
        found[key] = placeholder_class(_missing(same, {})._replace(broken=error))
    refused: list[Record] = []
    for (kind, name), same in absent.items():
        cls = _own_class(same, dtype) or _placeholder_class(same, tables if surrogates else {})
        if cls is not None and len(absent) <= MOST_REPLACED:
            found[kind, name] = cls
        elif len(refused) < MOST_MISSING:
            refused.append(same[0])
    if refused:
        advice = dict.fromkeys(f"{advice_for(record)}{_table_advice(record, surrogates)}" for record in refused)
        names = ", ".join(repr(shortened(record["name"], 100)) for record in refused)
        raise MissingPlugin(f"{path}: the model was trained with {names}, which is not installed", help="; ".join(map(shortened, advice)))
    for record in asked:
        if record["distribution"] is None and (key := (record["kind"], record["name"])) not in absent:
            found[key] = REGISTRIES[record["kind"]].get(sought_name(record))  # not the built-in that may have the name
    return found


def _not_needed(
    plugins: Sequence[Record], absent: Mapping[tuple[str, str], Any], predicting: bool
) -> Iterator[tuple[tuple[str, str], list[Record], PluginError | None]]:
    """Yield plugins that predictions do not need and that placeholders replace: all if `predicting`, else the unusable ones.

    Yields
    ------
    key, records, error
        Kind and name; the records of the file; the error of an unusable plugin, or None if it was not imported.
    """
    outside = [record for record in plugins if record["kind"] != "activations" and record["distribution"] not in (None, BUILTIN)]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in outside:
        groups.setdefault((record["kind"], record["name"]), []).append(record)
    for key, same in list(groups.items())[:MOST_REPLACED]:
        if key in absent:
            continue
        error = None if predicting else next(filter(None, map(_unusable, same)), None)
        if predicting or error is not None:
            yield key, same, error


def _check_activations(plugins: Sequence[Record], absent: Mapping[tuple[str, str], Any]) -> None:
    """Raise DriftedPlugin for a third-party activation that no longer accepts its options."""
    for record in plugins:
        if (
            record["kind"] == "activations"
            and record["distribution"] not in (None, BUILTIN)
            and ("activations", record["name"]) not in absent
        ):
            error = _unusable(record)
            if isinstance(error, DriftedPlugin):
                raise error


def _unusable(record: Record) -> PluginError | None:
    """Return an error if an installed plugin cannot be imported or does not accept its options; else None."""
    kind, name, options = record["kind"], record["name"], record["options"]
    try:
        plugin = REGISTRIES[kind].get(name)
        plugin.model_validate(options)
    except PluginError as error:
        return error
    except ValidationError as error:
        found = next(findings(error, plugin, options))
        then, now = record["version"], REGISTRIES[kind].find(name).version
        message = (
            f"the plugin {shortened(name, 100)!r} has changed since the model was saved and does not accept its options: {found.message}"
        )
        table = "; or predict with its lookup table in the file: --allow-surrogate, load(..., allow_surrogate=True)"
        known = DISTRIBUTION.fullmatch(record["distribution"]) and VERSION.fullmatch(then or "")
        install = (
            f"pip install {record['distribution']}=={then}  (if you trust it)" if known else "install the version that it was trained with"
        )
        help = f"{install}{table if record.get('surrogate') is not None else ''}"
        return DriftedPlugin(f"{message} ({record['distribution']} {then} then, {now} now)", help=help)
    except Exception:  # an error in user code, reported where the plugin is used
        return None
    return None


def _absent(plugins: Sequence[Record], dtype: str, surrogates: bool) -> dict[tuple[str, str], list[Record]]:
    """Return the records of missing plugins by kind and name, at most one more than `MOST_REPLACED`."""
    names: set[tuple[str, str]] = set()
    for record in plugins:
        kind, name = record["kind"], record["name"]
        if kind not in REGISTRIES:
            message = f"the model has a plugin of the kind {shortened(kind, 100)!r}, which this mlpkit does not know"
            raise ModelFileError(message, rule=Rule.SPEC)
        as_package = record["distribution"] is None and _computes_the_same(record, dtype)
        useless = surrogates and record.get("surrogate") is not None and not _computes_the_same(record, dtype)
        if useless or not (is_here(record) or as_package):
            names.add((kind, name))
            if len(names) > MOST_REPLACED:
                break
    found: dict[tuple[str, str], list[Record]] = {}
    for record in plugins if names else ():
        if (key := (record["kind"], record["name"])) in names:
            found.setdefault(key, []).append(record)
    return found


def short_name(record: Record) -> str:
    """Return the name of a plugin without its distribution."""
    name: str = record["name"]
    return name.rpartition(":")[2]


def sought_name(record: Record) -> str:
    """Return the name by which to look up a plugin here: never that of a built-in for a user's class."""
    return f":{short_name(record)}" if record["distribution"] is None else str(record["name"])


def full_name(record: Record) -> str:
    """Return the name that a plugin has in specs. In files before 0.5, that of a user's class may be the name of a later built-in."""
    return own_name(record["kind"], short_name(record)) if record["distribution"] is None else str(record["name"])


def is_here(record: Record) -> bool:
    """Return True if the name of a plugin belongs to the same distribution as when the model was saved."""
    try:
        return bool(REGISTRIES[record["kind"]].find(sought_name(record)).distribution == record["distribution"])
    except MissingPlugin:
        return False


def _computes_the_same(record: Record, dtype: str, name: str = "") -> bool:
    """Return True if the plugin of this name accepts the options of a record and gives its check values."""
    probe = record.get("probe")
    if probe is None:
        return False
    try:
        plugin = REGISTRIES[record["kind"]].get(name or sought_name(record)).model_validate(record["options"])
        return plugin_probe.drift(plugin, probe, dtype).size <= tolerance(dtype)
    except (PluginError, ValueError):
        return False


def _own_class(same: list[Record], dtype: str) -> type[Plugin] | None:
    """Return the user's class with the name of a packaged plugin, if it computes the same: usually the source of that package."""
    registry, bare = REGISTRIES[same[0]["kind"]], f":{short_name(same[0])}"
    try:
        own = same[0]["distribution"] is not None and registry.find(bare).distribution is None
    except PluginError:
        return None
    if not own or not all(_computes_the_same(record, dtype, bare) for record in same):
        return None
    cls: type[Plugin] = registry.get(bare)
    return cls


def _placeholder_class(same: list[Record], tables: Mapping[str, NDArray[Any]]) -> type[Plugin] | None:
    """Return a placeholder for one plugin with all its options; None for an activation without a lookup table for each."""
    missing = _missing(same, tables)
    if same[0]["kind"] == "activations" and len(missing.tables) < len(missing.records):
        return None
    return placeholder_class(missing)


def _missing(same: list[Record], tables: Mapping[str, NDArray[Any]]) -> Missing:
    """Return the records of one plugin with all its options."""
    by_options = {key_of(record["options"]): record for record in same}
    surrogates = {key: record["surrogate"] for key, record in by_options.items() if record.get("surrogate") is not None}
    loaded_tables = {
        key: LookupTable(surrogate["start"], surrogate["stop"], tables[surrogate["array"]])
        for key, surrogate in surrogates.items()
        if tables
    }
    first = same[0]
    info = PluginInfo(first["kind"], short_name(first), first["distribution"], first["version"], first["target"])
    return Missing(info, advice_for(first), by_options, loaded_tables)


def advice_for(record: Record) -> str:
    """Return the command to install a missing plugin, or the code to pass. Text from the file is validated first."""
    distribution, version, name = record["distribution"], record["version"], shortened(record["name"], 100)
    if distribution is None:
        code, cls = record.get("code"), record["target"].rpartition(":")[2].rpartition(".")[2]
        known = code is not None and FILE.fullmatch(code["name"]) is not None
        file, which = (code["name"], f", the file with the SHA-256 {code['sha256'][:16]}...") if code and known else ("FILE", "")
        shown = cls if cls.isidentifier() and len(cls) <= 100 else "..."
        return f"pass the code of {name!r}: --code {file} or load(..., plugins=[{shown}]){which}"
    if not DISTRIBUTION.fullmatch(distribution) or not VERSION.fullmatch(version or ""):
        return f"{name!r} has an invalid distribution name or version: {shortened(repr((distribution, version)), 100)}"
    here = {point.version for point in entry_points.entry_points() if point.distribution == distribution}
    if here and not counts(distribution):
        return f"{PLUGINS} excludes it: unset it, or add {distribution} to it"
    if here:
        return f"pip install {distribution}=={version}  (if you trust it; the installed version {here.pop()} has no {name!r})"
    return f"pip install {distribution}  (if you trust it; trained with {version})"


def _table_advice(record: Record, allowed: bool) -> str:
    surrogate = record.get("surrogate")
    if surrogate is None:
        return " (the file has no lookup table of it)" if allowed else ""
    error = f"{surrogate['error']:.1g}"
    return f", or predict with its lookup table in the file, error {error}: --allow-surrogate, load(..., allow_surrogate=True)"
