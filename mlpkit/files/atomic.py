"""Saving bytes so that the path holds the old file or the new one, never half of either, even after a power cut.

The bytes go into a temporary file in the same folder, are flushed to the disk, and take the place of the old file in
one step; then the folder is flushed, because the new name is an entry in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from mlpkit.errors import FileTaken, ModelFileError, warn
from mlpkit.files.paths import as_path

REASONS = {  # what went wrong, and what to do
    errno.ENOENT: ("its folder does not exist", "create the folder first"),
    errno.ENOTDIR: ("a part of its path is not a folder", "check the path"),
    errno.EACCES: ("no permission to write there", "check the permissions of the file and its folder"),
    errno.EPERM: ("no permission to write there", "check the permissions of the file and its folder"),
    errno.EROFS: ("the file system is read-only", "write to another folder"),
    errno.ENOSPC: ("the disk is full", "free some space; what was there before is untouched"),
    errno.EDQUOT: ("the disk quota is used up", "free some space; what was there before is untouched"),
    errno.EFBIG: ("it is larger than the system lets a file be", "raise the limit (ulimit -f); what was there before is untouched"),
}
NEW_MODE = 0o666  # less the umask
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)  # some network file systems cannot flush a folder


NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # some file systems have none


def save_bytes(path: str | Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file whole and durably, or leave what is there as it is.

    A symbolic link stays: the file it points to is replaced. A file that is replaced keeps its permissions.

    Parameters
    ----------
    path : str or Path
    data : bytes
    replace : bool
        Whether a file that is there is replaced.

    Raises
    ------
    FileTaken
        A file is there, however late it came, and is not to be replaced.
    ModelFileError
        It cannot be written; nothing is left behind.
    """
    path = as_path(path, ModelFileError, "the file to write")
    try:
        target = resolved(path)
        mode = _mode_of(target)
        _refuse(target, mode)
        if mode is not None and not replace:
            raise FileExistsError
        temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}-{os.urandom(8).hex()}.tmp")
        _write_temporary(temporary, data, mode)
        put(temporary, target, replace)
    except FileExistsError as error:
        raise FileTaken(f"{path} exists", help="give another name, or let it be replaced") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        number = getattr(error, "errno", None)
        reason, help = REASONS.get(number or 0, (getattr(error, "strerror", None) or str(error), ""))
        raise ModelFileError(f"cannot write {path}: {reason}", help=help) from error
    try:
        _flush_folder(target.parent)
    except OSError as error:
        message = f"{path} is written, but its folder could not be flushed to the disk: {error.strerror}"
        raise ModelFileError(message, help="check the disk, then save again") from error


def resolved(path: str | Path) -> Path:
    """The file that a path leads to, there or not; OSError for a link that cannot be followed."""
    target = Path(os.path.realpath(path))  # it passes over every failure, and to replace a link is not what was asked
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISLNK(os.lstat(target).st_mode):
            raise OSError(errno.ELOOP, "it is a link that cannot be followed")
    return target


def _mode_of(target: Path) -> int | None:
    """The mode of what is there, None when there is nothing."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _refuse(target: Path, mode: int | None) -> None:
    """Raise for what must not be replaced: a folder, a device, a file that somebody made read-only."""
    if mode is None:
        return
    if stat.S_ISDIR(mode):
        raise ModelFileError(f"cannot write {target}: it is a folder", help="give the name of a file in it")
    if not stat.S_ISREG(mode):
        raise ModelFileError(f"cannot write {target}: it is not a regular file", help="give another name")
    # replacing asks the folder alone, and root may write everything, so the file's own protection is asked here
    if not mode & 0o222 or not os.access(target, os.W_OK):
        raise ModelFileError(f"cannot write {target}: the file is read-only", help="make it writable, or give another name")


def _write_temporary(temporary: Path, data: bytes, mode: int | None) -> None:
    permissions = NEW_MODE if mode is None else stat.S_IMODE(mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, permissions)
    try:
        try:
            if mode is not None:
                os.chmod(temporary, permissions)  # the umask took from it
            _write_all(descriptor, data)
            os.fsync(descriptor)  # never tried again: after a failure the system may have dropped the pages
        finally:
            os.close(descriptor)
    except BaseException:
        _remove(temporary)
        raise


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written <= 0:
            raise OSError(errno.EIO, "the system wrote nothing")
        rest = rest[written:]


def put(temporary: Path, target: Path, replace: bool) -> None:
    """Give a complete file its name in one step; on any error it is removed.

    Raises
    ------
    FileExistsError
        The name is taken, and `replace` is False.
    """
    try:
        if replace:
            os.replace(temporary, target)
        else:
            _link(temporary, target)
            os.unlink(temporary)
    except BaseException:
        _remove(temporary)
        raise


def _link(temporary: Path, target: Path) -> None:
    """A second name for a file; where the file system has no links, a copy in a file that is made for it."""
    try:
        os.link(temporary, target)
    except (OSError, AttributeError) as error:  # AttributeError: Python has no os.link there
        if getattr(error, "errno", errno.EPERM) not in NO_LINKS:
            raise
        _copy(temporary, target)
        message = f"the file system of {target} has no links: a power cut during this save could have left a part of the file"
        warn(UserWarning(message))


def _copy(temporary: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), stat.S_IMODE(temporary.stat().st_mode))
    try:
        try:
            _write_all(descriptor, temporary.read_bytes())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        _remove(target)
        raise


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # the first error is the one to report
        os.unlink(temporary)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
