"""FolderLock: exclusive use of a folder by one run. The system releases the lock when the process ends."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path

from mlpkit.errors import ModelFileError

_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


class FolderLock:
    """Lock on the folder itself, so that no lock file is left behind. It has no effect on file systems without such locks.

    Parameters
    ----------
    folder : Path
    use : str
        Use of the folder, for the error.

    Attributes
    ----------
    release : callable
        Releases the lock; repeated calls have no effect.

    Raises
    ------
    ModelFileError
        Another run, in this or another process, has the lock.
    """

    def __init__(self, folder: Path, use: str = "writes its checkpoints there") -> None:
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
            help = "wait until that run has ended, or give this run another folder"
            raise ModelFileError(f"the folder {folder} is in use: another run {use}", help=help) from error
        except OSError:
            self.release()


def _after_fork() -> None:
    """Close the child's copies of the descriptors, which would keep the locks after the parent has ended."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
