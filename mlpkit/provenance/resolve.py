"""Missing plugins: those of a model file that are not here, what takes their place, and what to do about the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.errors import DriftedPlugin, MissingPlugin, ModelFileError, PluginError
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES, Plugin, entry_points
from mlpkit.plugin.environment import PLUGINS, counts
from mlpkit.plugin.registry import BUILTIN, PluginInfo
from mlpkit.provenance import plugin_probe
from mlpkit.provenance.lookup_table import Table, key_of
from mlpkit.provenance.placeholders import Missing, stand_in
from mlpkit.spec.validation import findings
from mlpkit.text.shown import DISTRIBUTION, FILE, VERSION, shortened

MOST_MISSING = 10  # plugins that are not here and are named
MOST_REPLACED = 50  # that something takes the place of
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
    """Hold what each plugin's name means here to what it meant where the model was trained.

    Parameters
    ----------
    plugins, tables, dtype
        The records of a file, the tables of its activations, and the dtype of its network.
    path : str
        Named in errors.
    surrogates : bool
        Whether an activation may be replaced by its table.
    own : sequence of type
        Classes that the user has passed: each is taken for the plugin of its name, whatever distribution that was from.
    predicting : bool
        Whether something stands for all that other distributions bring and no prediction needs, so that nothing of it is imported.

    Returns
    -------
    dict
        What takes the place of plugins that are not here: the user's own class of the same name, if it computes the same; a
        table, also of an activation that is broken or computes something else; or what only says that it is missing.

    Raises
    ------
    MissingPlugin
        With what to install or to pass, when an activation is not there or the name means that of another distribution,
        and nothing may take its place.
    AmbiguousPlugin
        Two distributions have it.
    """
    passed = {(cls.kind, REGISTRIES[cls.kind].info(cls).name): cls for cls in own}
    found: Classes = {
        (record["kind"], record["name"]): passed[key]
        for record in plugins
        if (key := (record["kind"], record["name"].rpartition(":")[2])) in passed and record["distribution"] != BUILTIN
    }
    asked = [record for record in plugins if (record["kind"], record["name"]) not in found]
    absent = _absent(asked, dtype, surrogates)
    _check_activations(asked, absent)
    for key, same, error in _not_needed(asked, absent, predicting):
        found[key] = stand_in(_told_of(same, {})._replace(broken=error))
    refused: list[Record] = []
    for (kind, name), same in absent.items():
        cls = _own_class(same, dtype) or _stand_in(same, tables if surrogates else {})
        if cls is not None and len(absent) <= MOST_REPLACED:
            found[kind, name] = cls
        elif len(refused) < MOST_MISSING:
            refused.append(same[0])
    if refused:
        advice = dict.fromkeys(f"{what_to_do(record)}{_about_table(record, surrogates)}" for record in refused)
        names = ", ".join(repr(shortened(record["name"], 100)) for record in refused)
        raise MissingPlugin(f"{path}: the model was trained with {names}, which is not here", help="; ".join(map(shortened, advice)))
    return found


def _not_needed(
    plugins: Sequence[Record], absent: Mapping[tuple[str, str], Any], predicting: bool
) -> Iterator[tuple[tuple[str, str], list[Record], PluginError | None]]:
    """The plugins that are here and that no prediction needs: all of them when it `predicts`, else those that are broken.

    Yields
    ------
    key, records, error
        Kind and name; what the file says of it; and what is wrong with it, None where it was not looked at.
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
    """Raise DriftedPlugin for an activation of another distribution that does not take its options any more."""
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
    """Return what is wrong with a plugin that is installed: it cannot be imported, or does not take its options; None when nothing is."""
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
            f"the plugin {shortened(name, 100)!r} has changed since the model was saved and does not take its options: {found.message}"
        )
        table = "; or predict through the table of it in the file: --allow-surrogate, load(..., allow_surrogate=True)"
        known = DISTRIBUTION.fullmatch(record["distribution"]) and VERSION.fullmatch(then or "")
        install = (
            f"pip install {record['distribution']}=={then}  (if you trust it)" if known else "install the version that it was trained with"
        )
        help = f"{install}{table if record.get('surrogate') is not None else ''}"
        return DriftedPlugin(f"{message} ({record['distribution']} {then} then, {now} now)", help=help)
    except Exception:  # a check of the plugin's own, which says so where it is used
        return None
    return None


def _absent(plugins: Sequence[Record], dtype: str, surrogates: bool) -> dict[tuple[str, str], list[Record]]:
    """The records of the plugins that are not here, by kind and name; of no more than one beyond `MOST_REPLACED`."""
    names: set[tuple[str, str]] = set()
    for record in plugins:
        kind, name = record["kind"], record["name"]
        if kind not in REGISTRIES:
            message = f"it was trained with a plugin of the kind {shortened(kind, 100)!r}, which this mlpkit does not know"
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


def is_here(record: Record) -> bool:
    """Return whether the name of a plugin means here what it meant where the model was saved."""
    try:
        return bool(REGISTRIES[record["kind"]].find(record["name"]).distribution == record["distribution"])
    except MissingPlugin:
        return False


def _computes_the_same(record: Record, dtype: str, name: str = "") -> bool:
    """Return whether what a name means here can be used with the options of a record, and gives its probe."""
    probe = record.get("probe")
    if probe is None:
        return False
    try:
        plugin = REGISTRIES[record["kind"]].get(name or record["name"]).model_validate(record["options"])
        return plugin_probe.drift(plugin, probe, dtype).size <= float(np.sqrt(np.finfo(dtype).eps))
    except (PluginError, ValueError):
        return False


def _own_class(same: list[Record], dtype: str) -> type[Plugin] | None:
    """The user's own class with the bare name of a package's plugin, if it computes the same: the code that the package was made of."""
    registry, bare = REGISTRIES[same[0]["kind"]], same[0]["name"].rpartition(":")[2]
    try:
        own = same[0]["distribution"] is not None and registry.find(bare).distribution is None
    except PluginError:
        return None
    if not own or not all(_computes_the_same(record, dtype, bare) for record in same):
        return None
    cls: type[Plugin] = registry.get(bare)
    return cls


def _stand_in(same: list[Record], tables: Mapping[str, NDArray[Any]]) -> type[Plugin] | None:
    """Return what stands for one plugin, which a file may have with several options; None for an activation without a table for each."""
    told = _told_of(same, tables)
    if same[0]["kind"] == "activations" and len(told.tables) < len(told.records):
        return None
    return stand_in(told)


def _told_of(same: list[Record], tables: Mapping[str, NDArray[Any]]) -> Missing:
    """Return what a file says of one plugin, which it may have with several options."""
    by_options = {key_of(record["options"]): record for record in same}
    told = {key: record["surrogate"] for key, record in by_options.items() if record.get("surrogate") is not None}
    stood_for = {key: Table(surrogate["start"], surrogate["stop"], tables[surrogate["array"]]) for key, surrogate in told.items() if tables}
    first = same[0]
    bare = first["name"].rpartition(":")[2]
    info = PluginInfo(first["kind"], bare, first["distribution"], first["version"], first["target"])
    return Missing(info, what_to_do(first), by_options, stood_for)


def what_to_do(record: Record) -> str:
    """Return how to get a plugin that is missing, as a line to copy; what a stranger's file says of it is first looked through."""
    distribution, version, name = record["distribution"], record["version"], shortened(record["name"], 100)
    if distribution is None:
        code, cls = record.get("code"), record["target"].rpartition(":")[2].rpartition(".")[2]
        known = code is not None and FILE.fullmatch(code["name"]) is not None
        file, which = (code["name"], f", the file with the SHA-256 {code['sha256'][:16]}...") if code and known else ("FILE", "")
        shown = cls if cls.isidentifier() and len(cls) <= 100 else "..."
        return f"pass the code of {name!r}: --code {file} or load(..., plugins=[{shown}]){which}"
    if not DISTRIBUTION.fullmatch(distribution) or not VERSION.fullmatch(version or ""):
        return f"{name!r} is of a distribution whose name or version is not one: {shortened(repr((distribution, version)), 100)}"
    here = {point.version for point in entry_points.entry_points() if point.distribution == distribution}
    if here and not counts(distribution):
        return f"{PLUGINS} shuts it out: unset it, or add {distribution} to it"
    if here:
        return f"pip install {distribution}=={version}  (if you trust it; the {here.pop()} that is installed has no {name!r})"
    return f"pip install {distribution}  (if you trust it; trained with {version})"


def _about_table(record: Record, allowed: bool) -> str:
    surrogate = record.get("surrogate")
    if surrogate is None:
        return " (the file has no table of it to predict through)" if allowed else ""
    error = f"{surrogate['error']:.1g}"
    return f", or predict through the table of it in the file, right to {error}: --allow-surrogate, load(..., allow_surrogate=True)"
