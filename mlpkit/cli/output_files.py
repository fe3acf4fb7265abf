"""Output files of commands: suffix and path are checked before the work starts, and the file is written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import typer

from mlpkit.cli.errors import OutputError
from mlpkit.cli.json_format import pretty
from mlpkit.errors import FileTaken
from mlpkit.files.atomic import replacing, resolved
from mlpkit.files.paths import as_path, expanded

SPECS = {".json": "JSON"}
MODELS = {".h5": "HDF5", ".hdf5": "HDF5", ".hdf": "HDF5"}
PAGES = {".html": "HTML", ".htm": "HTML"}
TABLES = {".csv": "CSV", ".tsv": "TSV", ".tab": "TSV", ".jsonl": "JSON lines", ".ndjson": "JSON lines", ".npy": "NPY"}
PLAIN = ("", ".txt", ".dat", ".data", ".out")  # suffixes that imply no format of a table
OTHERS = {
    **{".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Arrow", ".orc": "ORC", ".avro": "Avro"},
    **{".xlsx": "Excel", ".xls": "Excel", ".ods": "OpenDocument", ".npz": "NPZ", ".mat": "MATLAB", ".sqlite": "SQLite", ".db": "SQLite"},
    **{".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle", ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"},
    **{".zip": "ZIP", ".tar": "tar", ".tgz": "tar", ".7z": "7z", ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".xml": "XML"},
    **{".html": "HTML", ".pdf": "PDF", ".md": "Markdown", ".py": "Python", ".ipynb": "notebook", ".keras": "Keras", ".onnx": "ONNX"},
    **{".svg": "SVG", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".webp": "WebP"},
    **{".pt": "PyTorch", ".pth": "PyTorch", ".safetensors": "safetensors", ".pb": "TensorFlow", ".tflite": "TensorFlow Lite"},
}
KNOWN = {**OTHERS, **SPECS, **MODELS}  # suffixes of formats that are not tables
_ALL = {**KNOWN, **TABLES, ".txt": "text"}


def ending_of(path: str) -> str:
    """Return the suffix of a file in lower case, with its dot; empty if there is none."""
    return Path(path).suffix.lower()


def check_ending(path: str, own: dict[str, str], content: str, option: str = "--output") -> None:
    """Raise BadParameter for the suffix of another format than the one that is written.

    Parameters
    ----------
    path : str
        Path of the output; "-" is stdout.
    own : dict of str to str
        Suffixes of the format that is written.
    content : str
        Description of the content, such as "a spec".
    option : str
        Name of the option.
    """
    ending = ending_of(path)
    if path != "-" and ending in _ALL and ending not in own:
        formats = {name: suffix for suffix, name in reversed(own.items())}  # each with its first suffix
        known = ", ".join(f"{name} ({formats[name]})" for name in dict.fromkeys(own.values()))
        message = f"{path} has the suffix of {_ALL[ending]}, but {content} is written as {known}"
        raise typer.BadParameter(message, param_hint=option)


def check_is_file(path: str) -> None:
    """Raise BadParameter if a model would be written to stdout."""
    if path == "-":
        raise typer.BadParameter("a model is written to a file, not to stdout", param_hint="--output")


def check_output(path: str, *, force: bool = True, reads: Sequence[str | Path | None] = (), option: str = "--output") -> None:
    """Check that a file can and may be written, before any work is done.

    Parameters
    ----------
    path : str
        Path of the output; "-" is stdout, which is always accepted.
    force : bool
        True to allow overwriting an existing file.
    reads : sequence of str, Path or None
        Input files of the command, which are never overwritten; also folders and globs of files.
    option : str
        Option that gives the path, for the message.

    Raises
    ------
    OutputError
        The path is a folder, or cannot be written.
    typer.BadParameter
        The file exists and `force` is False, or it is an input of the command.
    """
    if path == "-":
        return
    target = as_path(path, OutputError, "the file to write").absolute()
    if reason := "its name ends with a path separator" if path.endswith(("/", os.sep)) else _unwritable(target):
        raise OutputError(f"cannot write {path}: {reason}", help="check the path and its permissions, or give another name")
    if target.exists():
        if any(os.path.exists(file) and os.path.samefile(file, target) for file in _files(reads)):
            raise typer.BadParameter(f"{path} is an input of the command", param_hint=option)
        if not force:
            raise typer.BadParameter(f"{path} exists; --force overwrites it", param_hint=option)


def _files(paths: Sequence[str | Path | None]) -> list[str]:
    """Return files, and those of folders and globs."""
    from mlpkit.data.shards import shard_paths

    return [file for path in paths if path is not None for file in (shard_paths(path, any_suffix=True) or [expanded(str(path))])]


def same_file(path: str, other: str | None) -> bool:
    """Return True if two paths lead to the same existing file."""
    return other is not None and os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _unwritable(target: Path) -> str:
    """Return the reason why a file cannot be written, or an empty string."""
    try:
        resolved(target)
    except (OSError, ValueError) as error:  # a broken link, a name that is too long, a NUL
        return getattr(error, "strerror", None) or str(error)
    if target.is_dir():
        return "it is a folder"
    if not target.parent.is_dir():
        return "its folder does not exist"
    if target.exists() and not target.is_file():
        return "it is not a regular file"
    if target.exists() and not target.stat().st_mode & 0o222:  # applies to root too
        return "it is read-only"
    writable = os.access(target.parent, os.W_OK) and (not target.exists() or os.access(target, os.W_OK))
    return "" if writable else "no permission to write there"


@contextmanager
def written(path: str, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Return a context with a binary file that gets its name only after it is completely written.

    Raises
    ------
    OutputError
        The file cannot be written, or exists and must not be replaced. No partial file is left, and an existing file is unchanged.
    """
    try:
        with replacing(path, replace=replace, error=OutputError) as stream:
            yield stream
    except FileTaken as error:
        raise OutputError(f"{path} was written by another program in the meantime", help="give another name, or use --force") from error


def write_json(path: str, value: Any) -> None:
    """Write a JSON file. Errors are those of `check_output` and `written`."""
    check_output(path)
    with written(path) as stream:
        stream.write((pretty(value) + "\n").encode())


def write_table(path: str, columns: dict[str, list[Any]]) -> None:
    """Write columns as CSV. Errors are those of `check_output` and `written`."""
    import numpy as np

    from mlpkit.data.column_values import csv_lines

    check_output(path)
    with written(path) as stream:
        stream.write(csv_lines({name: np.array(values, object) for name, values in columns.items()}, header=True, separator=",").encode())
