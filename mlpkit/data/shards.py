"""Shards: the files of a folder, a glob or a list, whose rows are one table."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from mlpkit.data.compression import data_suffix
from mlpkit.data.table import data_error
from mlpkit.errors import DataError
from mlpkit.files.paths import expanded
from mlpkit.plugin.aliases import ALIASES
from mlpkit.plugin.builtin_names import CLASSES
from mlpkit.text.shown import first_few

Paths: TypeAlias = "str | Path | Sequence[str | Path]"

SUFFIXES = frozenset(f".{name}" for name in (*CLASSES["readers"], *ALIASES["readers"]))  # of the readers of mlpkit
HIDDEN = (".", "_")  # first characters of files in a folder that are no data, such as _SUCCESS


def are_files(source: Any) -> TypeGuard[Paths]:
    """Return True for a path, a list of `Path` objects, and a list of texts that all end with the suffix of a file of data."""
    if isinstance(source, (str, Path)):
        return True
    if not isinstance(source, (list, tuple)) or not source or not all(isinstance(path, (str, Path)) for path in source):
        return False
    return all(isinstance(path, Path) or data_suffix(path) in SUFFIXES for path in source)


def shard_paths(source: Paths, *, any_suffix: bool = False) -> list[str] | None:
    """Return the files of a folder, a glob or a list of these, in order; None for a single file.

    Parameters
    ----------
    source : str, Path or sequence of them
        The files of a folder are those with the suffix of a reader, sorted by name, without hidden ones. A path with *, ? or [ that does
        not exist is a glob; ** stands for any folders.
    any_suffix : bool
        True to take files of a folder with any suffix, because their format is given.

    Raises
    ------
    DataError
        A folder or a glob has no files, or a folder has files of several formats.
    """
    if isinstance(source, (str, Path)):
        return _of_one(str(source), any_suffix)
    found: list[str] = []
    for path in source:
        files = _of_one(str(path), any_suffix)
        found += [str(path)] if files is None else files
    return found


def first_file(source: Paths) -> str:
    """Return the first of several paths, or the only one."""
    return str(source) if isinstance(source, (str, Path)) else str(source[0])


def described(source: Paths) -> str:
    """Return a source of files for a message: its path, or the first of several."""
    if isinstance(source, (str, Path)):
        return str(source)
    return str(source[0]) if len(source) == 1 else f"{source[0]} and {len(source) - 1} more"


def _of_one(path: str, any_suffix: bool) -> list[str] | None:
    if path == "-" or "\0" in path:
        return None
    known = expanded(path)
    if os.path.isdir(known):
        return _of_folder(known, any_suffix)
    if os.path.exists(known) or not glob.has_magic(known):
        return None
    files = sorted(file for file in glob.glob(known, recursive=True) if os.path.isfile(file))
    if not files:
        raise data_error(f"there are no files {path}", path, help="check the glob; in a spec it is relative to the spec's folder")
    return files


def _of_folder(folder: str, any_suffix: bool) -> list[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(HIDDEN))
    except OSError as error:
        raise data_error(f"{folder} cannot be read: {error.strerror or error}", folder, help="check the folder") from error
    chosen = names if any_suffix else [name for name in names if data_suffix(name) in SUFFIXES]
    if not chosen:
        help = "give a glob, such as FOLDER/*/*.parquet for the files of its folders; or the path of a file in it"
        raise data_error(f"{folder} is a folder without files of data", folder, help=help)
    endings = sorted({data_suffix(name) for name in chosen})
    if len(endings) > 1 and not any_suffix:
        raise _several(folder, endings)
    return [os.path.join(folder, name) for name in chosen]


def _several(folder: str, endings: Sequence[str]) -> DataError:
    help = f"give a glob: {os.path.join(folder, '*' + endings[0])}"
    return data_error(f"{folder} is a folder with files of several formats: {first_few(endings)}", folder, help=help)
