"""Journal file of a search: checked, and mended after a power cut, before Optuna appends to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpkit.errors import DataError

BEGIN = b'{"op_code"'  # of each line


def open_journal(package: Any, path: str) -> Any:
    """Return Optuna's storage for a journal file, which is created if it does not exist.

    A last line that was not wholly written is removed: nothing after it could be read.

    Raises
    ------
    DataError
        The file has other content.
    OSError
        The file cannot be read or written.
    """
    journals, file = package.storages.journal, Path(path)
    if file.exists():
        with file.open("rb") as stream:
            begin = stream.read(len(BEGIN))
        if not BEGIN.startswith(begin):
            raise DataError(f"the store {path} cannot be used: it is not the journal of a search", help="give the name of a new file")
        if _is_torn(file):
            lock = journals.JournalFileSymlinkLock(path)
            lock.acquire()  # no other process is appending now
            try:
                _mend(file)
            finally:
                lock.release()
    return package.storages.JournalStorage(journals.JournalFileBackend(path))


def _is_torn(file: Path) -> bool:
    """Return True if the last line does not end."""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 1, 0))
        return stream.read() not in (b"", b"\n")


def _mend(file: Path) -> None:
    """Remove what stands after the last end of a line."""
    if _is_torn(file):
        content = file.read_bytes()
        with file.open("r+b") as stream:
            stream.truncate(content.rfind(b"\n") + 1)
