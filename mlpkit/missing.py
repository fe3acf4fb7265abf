"""What is missing: the plugins of a model file that are not here, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit import plugin_probe
from mlpkit.errors import MissingPlugin, ModelFileError, PluginError
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES
from mlpkit.registry import PluginInfo
from mlpkit.shown import shortened
from mlpkit.stand_ins import Missing
from mlpkit.surrogates import Table, key_of

MOST_MISSING = 10  # plugins that are not here and are named
MOST_STOOD_FOR = 50  # that something takes the place of
DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")  # what may stand in a line that is copied into a shell
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,100}")


def missing_plugins(
    plugins: Sequence[dict[str, Any]], tables: Mapping[str, NDArray[Any]], dtype: str, path: str | Path, allow_surrogate: bool
) -> dict[tuple[str, str], Missing]:
    """Hold what each plugin's name means here to what it meant where the model was trained.

    Returns
    -------
    dict
        The plugins that are missing and that something can stand for, by kind and name.

    Raises
    ------
    MissingPlugin
        With what to install or to pass, when an activation is not there or the name means that of another distribution,
        and it has no table or must not be predicted through it.
    AmbiguousPlugin
        Two distributions have it.
    """
    absent = _absent(plugins, dtype)
    found: dict[tuple[str, str], Missing] = {}
    refused: list[dict[str, Any]] = []
    for (kind, name), same in absent.items():
        missing = _missing(same, tables if allow_surrogate else {})
        if len(absent) <= MOST_STOOD_FOR and (kind != "activations" or len(missing.tables) == len(missing.records)):
            found[kind, name] = missing
        elif len(refused) < MOST_MISSING:
            refused.append(same[0])
    if refused:
        advice = dict.fromkeys(f"{what_to_do(record)}{_about_table(record, allow_surrogate)}" for record in refused)
        names = ", ".join(repr(shortened(record["name"], 100)) for record in refused)
        raise MissingPlugin(f"{path}: the model was trained with {names}, which is not here", help="; ".join(map(shortened, advice)))
    return found


def _absent(plugins: Sequence[dict[str, Any]], dtype: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The records of the plugins that are not here, by kind and name; of no more than one beyond `MOST_STOOD_FOR`."""
    names: set[tuple[str, str]] = set()
    for record in plugins:
        kind, name = record["kind"], record["name"]
        if kind not in REGISTRIES:
            message = f"it was trained with a plugin of the kind {shortened(kind, 100)!r}, which this mlpkit does not know"
            raise ModelFileError(message, rule=Rule.SPEC)
        if not is_here(record) and not _is_packaged(record, dtype):
            names.add((kind, name))
            if len(names) > MOST_STOOD_FOR:
                break
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in plugins if names else ():
        if (key := (record["kind"], record["name"])) in names:
            found.setdefault(key, []).append(record)
    return found


def is_here(record: dict[str, Any]) -> bool:
    """Whether the name of a plugin means here what it meant where the model was saved."""
    try:
        return bool(REGISTRIES[record["kind"]].find(record["name"]).distribution == record["distribution"])
    except MissingPlugin:
        return False


def _is_packaged(record: dict[str, Any], dtype: str) -> bool:
    """Whether a plugin that was code of the user's own is that of a package now: its name is, and it computes the same."""
    probe = record.get("probe")
    if record["distribution"] is not None or probe is None:
        return False
    try:
        plugin = REGISTRIES[record["kind"]].get(record["name"]).model_validate(record["options"])
        return plugin_probe.drift(plugin, probe, dtype) <= float(np.sqrt(np.finfo(dtype).eps))
    except (PluginError, ValueError):
        return False


def _missing(same: list[dict[str, Any]], tables: Mapping[str, NDArray[Any]]) -> Missing:
    """What a file says of one plugin, which it may have with several options."""
    by_options = {key_of(record["options"]): record for record in same}
    told = {key: record["surrogate"] for key, record in by_options.items() if record.get("surrogate") is not None}
    stood_for = {key: Table(surrogate["start"], surrogate["stop"], tables[surrogate["array"]]) for key, surrogate in told.items() if tables}
    first = same[0]
    bare = first["name"].rpartition(":")[2]
    info = PluginInfo(first["kind"], bare, first["distribution"], first["version"], first["target"])
    return Missing(info, what_to_do(first), by_options, stood_for)


def what_to_do(record: dict[str, Any]) -> str:
    """How to get a plugin that is missing, as a line to copy; what a stranger's file says of it is first looked through."""
    distribution, version, name = record["distribution"], record["version"], shortened(record["name"], 100)
    if distribution is None:
        code, cls = record.get("code"), shortened(record["target"].rpartition(":")[2], 100)
        known = code is not None and FILE.fullmatch(code["name"]) is not None
        file, which = (code["name"], f", the file with the SHA-256 {code['sha256'][:16]}...") if code and known else ("FILE", "")
        return f"pass the code of {name!r}: --code {file} or load(..., plugins=[{cls}]){which}"
    if not DISTRIBUTION.fullmatch(distribution) or not VERSION.fullmatch(version or ""):
        return f"{name!r} is of a distribution whose name or version is not one: {shortened(repr((distribution, version)), 100)}"
    return f"pip install {distribution}  (trained with {version})"


def _about_table(record: dict[str, Any], allowed: bool) -> str:
    surrogate = record.get("surrogate")
    if surrogate is None:
        return " (the file has no table of it to predict through)" if allowed else ""
    error = f"{surrogate['error']:.1g}"
    return f", or predict through the table of it in the file, right to {error}: --allow-surrogate, load(..., allow_surrogate=True)"
