"""Outputs of shards: a file of predictions for each, in one folder, with a list of what each was made from.

The list, `_predictions.json`, is written before the first shard is predicted, and a file of predictions gets its name when it is
complete. So a file that the list names is the prediction of what the list says, even after a kill, and any other file is not touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpkit.cli.errors import OutputError
from mlpkit.cli.json_format import pretty
from mlpkit.cli.output_files import PLAIN, written
from mlpkit.data.compression import compression_of, data_suffix
from mlpkit.data.shards import SUFFIXES
from mlpkit.data.table import data_error
from mlpkit.errors import DataError
from mlpkit.files.atomic import remove_left
from mlpkit.files.folder_lock import FolderLock
from mlpkit.text.shown import counted

LIST = "_predictions.json"  # no file of data, for mlpkit and for most others that read a folder
VERSION = 1

Record = dict[str, Any]


def output_names(paths: Sequence[str], ending: str) -> dict[str, str]:
    """Return the path of each shard by the name of its output: below the folder that all shards have in common, with another suffix.

    Raises
    ------
    DataError
        Two shards would have the same output.
    """
    whole = [os.path.abspath(path) for path in paths]
    folder = os.path.commonpath([os.path.dirname(path) for path in whole])
    found: dict[str, str] = {}
    for path, absolute in zip(paths, whole, strict=True):
        name = _without_suffix(os.path.relpath(absolute, folder)) + ending
        if name in found:
            if os.path.abspath(found[name]) == absolute:
                raise data_error(f"{path} is given twice", path, help="give each shard once")
            message = f"{found[name]} and {path} would both be written to {name}"
            raise data_error(message, path, help="predict them in two commands, each with a folder of its own")
        found[name] = path
    return found


def _without_suffix(name: str) -> str:
    """Return a name without the suffix of a file of data, and without that of its compression."""
    plain = name[: -len(Path(name).suffix)] if compression_of(name) is not None else name
    suffix = data_suffix(plain)
    return plain[: -len(suffix)] if suffix and (suffix in SUFFIXES or suffix in PLAIN) else plain


class Plan(NamedTuple):
    """Shards to predict, by the names of their outputs, and the number of those that have theirs."""

    missing: dict[str, str]
    done: int


class OutputFolder:
    """Folder for the outputs of shards, which one run uses at a time.

    Parameters
    ----------
    path : str

    Raises
    ------
    OutputError
        Nothing can be written there.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(os.path.expanduser(path))
        self._names: set[str] = set()
        if reason := self._unusable():
            raise OutputError(f"cannot write into {self.path}: {reason}", help="check the path and its permissions, or give another folder")

    def _unusable(self) -> str:
        """Return the reason why nothing can be written into the folder, or an empty string."""
        folder = self.path if os.path.lexists(self.path) else self.path.absolute().parent
        if not folder.is_dir():
            return "it is not a folder" if folder is self.path else f"there is no folder {folder}"
        writable = folder.stat().st_mode & 0o222 and os.access(folder, os.W_OK)  # the first applies to root too
        return "" if writable else "no permission to write there"

    def begin(self, shards: Mapping[str, str], facts: Record, *, force: bool) -> Plan:
        """Make the folder, write down what its outputs will be made from, and return the shards that have none.

        Parameters
        ----------
        shards : mapping of str to str
            Path of each shard by the name of its output.
        facts : dict
            Model and options of this run, as JSON values.
        force : bool
            True to remove outputs of another model, of other options and of shards that have changed.

        Raises
        ------
        DataError
            A shard is missing, or in this folder.
        ModelFileError
            Another run uses the folder.
        OutputError
            There are such outputs, or files that are none.
        """
        self._check_apart(shards.values())
        records = {name: _record(path, facts) for name, path in shards.items()}
        self.path.mkdir(exist_ok=True)
        self._lock = FolderLock(self.path, "writes its predictions there")
        before = self._listed()
        self._names = {*before, *records}
        self.clean()
        present = [name for name in records if os.path.lexists(self.path / name)]
        self._check_own(present, before)
        stale = [name for name in present if before[name] != records[name]]
        if stale and not force:
            raise self._stale(stale, before, records)
        for name in stale:
            (self.path / name).unlink()
        self._write({**before, **records})
        missing = {name: path for name, path in shards.items() if name not in present or name in stale}
        for folder in {(self.path / name).parent for name in missing}:
            folder.mkdir(parents=True, exist_ok=True)
        return Plan(missing, len(shards) - len(missing))

    def clean(self) -> None:
        """Remove unfinished files of processes that were killed."""
        by_folder: dict[Path, set[str]] = {}
        for name in self._names:
            path = self.path / name
            by_folder.setdefault(path.parent, {LIST}).add(path.name)
        for folder, names in by_folder.items():
            remove_left(folder, names)

    def _check_apart(self, paths: Any) -> None:
        """Raise DataError if a shard is in this folder."""
        folder = os.path.realpath(self.path)
        for path in paths:
            if os.path.realpath(path).startswith(folder + os.sep):
                help = "give a folder for the predictions that has no data in it"
                raise data_error(f"{path} is in the folder {self.path}, to which predictions are written", path, help=help)

    def _listed(self) -> dict[str, Record]:
        """Return the records of the list, by the names of the outputs."""
        path = self.path / LIST
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["version"] != VERSION:
                raise ValueError
            outputs: dict[str, Record] = {str(name): dict(record) for name, record in found["outputs"].items()}
            return outputs
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            help = "give another folder, or remove the predictions there together with this file"
            raise OutputError(f"{path} is not a list of predictions that this mlpkit has written", help=help) from error

    def _write(self, records: Mapping[str, Record]) -> None:
        with written(str(self.path / LIST)) as stream:
            stream.write((pretty({"version": VERSION, "outputs": dict(sorted(records.items()))}) + "\n").encode())

    def _check_own(self, present: Sequence[str], listed: Mapping[str, Record]) -> None:
        """Raise OutputError for a file that is no output of this command."""
        for name in present:
            path = self.path / name
            if name not in listed or not path.is_file():
                message = f"{path} exists, and is not listed in {self.path / LIST}: it is no output of this command"
                raise OutputError(message, help="move it away, or give another folder")

    def _stale(self, names: Sequence[str], before: Mapping[str, Record], now: Mapping[str, Record]) -> OutputError:
        """Return the error for outputs that were made from something else."""
        reason = _difference(before[names[0]], now[names[0]])
        more = "" if len(names) == 1 else f" (and {len(names) - 1} more)"
        again = "this shard" if len(names) == 1 else f"these {counted(len(names), 'shard')}"
        help = f"--force predicts {again} again; or give another folder"
        return OutputError(f"{self.path / names[0]} {reason}{more}", help=help)


def _record(path: str, facts: Record) -> Record:
    """Return what the output of a shard is made from: the shard's path, size and time of change, and the facts of the run."""
    try:
        found = os.stat(os.path.expanduser(path))
    except FileNotFoundError as error:
        raise data_error(f"there is no file {path}", path, help="check the path") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", help="check the file and its permissions") from error
    return {"shard": os.path.abspath(os.path.expanduser(path)), "size": found.st_size, "modified": found.st_mtime_ns, **facts}


def _difference(before: Record, now: Record) -> str:
    """Return the reason why a shard with these records is predicted again."""
    if before.get("model") != now["model"]:
        return "was predicted by another model"
    if before.get("options") != now["options"]:
        old, new = before.get("options") or {}, now["options"]
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        return f"was predicted with other options ({', '.join('--' + name.replace('_', '-') for name in names)})"
    if before.get("mlpkit") != now["mlpkit"]:
        return f"was predicted by mlpkit {before.get('mlpkit')}"
    if before.get("shard") != now["shard"]:
        return f"was predicted from {before.get('shard')}"
    return f"was predicted from {now['shard']} before that file changed"
