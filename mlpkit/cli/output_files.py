"""The files that commands write: looked at before the work starts, and whole or not there in the end."""

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
from mlpkit.files.paths import as_path


def check_output(path: str, *, force: bool = True, reads: Sequence[str | Path | None] = ()) -> None:
    """Refuse, before any work, a file that could not or should not be written.

    Parameters
    ----------
    path : str
        "-" is stdout, which is always fine.
    force : bool
        Whether a file that exists may be overwritten.
    reads : sequence of str, Path or None
        Files that the command reads: never overwritten.

    Raises
    ------
    OutputError
        It is a folder, or cannot be written.
    typer.BadParameter
        It exists and `force` is False, or it is one of those that are read.
    """
    if path == "-":
        return
    target = as_path(path, OutputError, "the file to write").absolute()
    if reason := "its name ends as that of a folder" if path.endswith(("/", os.sep)) else _unwritable(target):
        raise OutputError(f"cannot write {path}: {reason}", help="check the path and its permissions, or give another name")
    if target.exists():
        if any(other is not None and os.path.exists(other) and os.path.samefile(other, target) for other in reads):
            raise typer.BadParameter(f"{path} is what the command reads", param_hint="--output")
        if not force:
            raise typer.BadParameter(f"{path} exists; --force overwrites it", param_hint="--output")


def same_file(path: str, other: str | None) -> bool:
    """Return whether two paths lead to one file that exists."""
    return other is not None and os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _unwritable(target: Path) -> str:
    """Return why a file could not be written; empty when it could."""
    try:
        resolved(target)
    except (OSError, ValueError) as error:  # a link that leads nowhere, a name that is too long, a NUL
        return getattr(error, "strerror", None) or str(error)
    if target.is_dir():
        return "it is a folder"
    if not target.parent.is_dir():
        return "its folder does not exist"
    if target.exists() and not target.is_file():
        return "it is not a regular file"
    if target.exists() and not target.stat().st_mode & 0o222:  # for the system's own user, too
        return "it is read-only"
    writable = os.access(target.parent, os.W_OK) and (not target.exists() or os.access(target, os.W_OK))
    return "" if writable else "no permission to write there"


@contextmanager
def written(path: str, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Return a context with a binary file to write to, which appears under its name when all of it is written.

    Raises
    ------
    OutputError
        It cannot be written, or is there and is not to be replaced; nothing is left of it, and the old file stands.
    """
    try:
        with replacing(path, replace=replace, error=OutputError) as stream:
            yield stream
    except FileTaken as error:
        raise OutputError(f"{path} was written by another program meanwhile", help="give another name, or --force") from error


def write_json(path: str, value: Any) -> None:
    """Write a JSON file; errors as `check_output` and `written`."""
    check_output(path)
    with written(path) as stream:
        stream.write((pretty(value) + "\n").encode())
