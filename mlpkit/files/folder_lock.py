"""FolderLock: a folder that one run has for itself as long as it is there; the system lets it go with the process."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path

from mlpkit.errors import ModelFileError

_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


class FolderLock:
    """A lock on a folder itself, so that no file is left behind. Where the file system has no such locks, there is none.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    release : callable
        Lets the folder go; again does no harm.

    Raises
    ------
    ModelFileError
        Another run has it, of this process or of another one.
    """

    def __init__(self, folder: Path) -> None:
        self.release: Callable[[], object] = lambda: None
        try:
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
        except (OSError, ImportError):
            return
        self.release = weakref.finalize(self, os.close, descriptor)
        _held.add(self)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            help = "let that run end, or give this one a folder of its own"
            raise ModelFileError(f"the folder {folder} is in use: another run writes its checkpoints there", help=help) from error
        except OSError:
            self.release()


def _after_fork() -> None:
    """Close the child's copies: they would hold the locks when the parent has died."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
