"""Saving bytes so that the path holds the old file or the new one, never half of either, even after a power cut.

The bytes go into a temporary file in the same folder, are flushed to the disk, and take the place of the old file in
one step; then the folder is flushed, because the new name is an entry in it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from mlpkit.errors import FileTaken, MLPKitError, ModelFileError, warn
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
    """Write a file whole and durably, or leave what is there as it is; parameters and errors are those of `replacing`."""
    with replacing(path, replace=replace) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path: str | Path, *, replace: bool = True, error: type[MLPKitError] = ModelFileError) -> Iterator[BinaryIO]:
    """Return a context with a binary stream to write a file to, which gets its name at the end of the context.

    A symbolic link stays: the file it points to is replaced. A file that is replaced keeps its permissions.

    Parameters
    ----------
    path : str or Path
    replace : bool
        True to replace a file that is there.
    error : type
        The exception for what cannot be written.

    Raises
    ------
    FileTaken
        A file is there, however late it came, and is not to be replaced.
    MLPKitError
        `error`: it cannot be written; nothing is left behind.
    """
    path = as_path(path, error, "the file to write")
    try:
        target = resolved(path)
        mode = _mode_of(target)
        _refuse(target, mode, error)
    except (OSError, ValueError) as cause:  # ValueError: a NUL in the path
        raise _failure(path, cause, error) from cause
    temporary = beside(target)
    try:
        if mode is not None and not replace:
            raise FileExistsError
        with _created(temporary, mode) as stream:
            yield stream
        put(temporary, target, replace)
    except FileExistsError as cause:
        raise FileTaken(f"{path} exists", help="give another name, or let it be replaced") from cause
    except OSError as cause:
        raise _failure(path, cause, error) from cause
    try:
        _flush_folder(target.parent)
    except OSError as cause:
        message = f"{path} is written, but its folder could not be flushed to the disk: {cause.strerror}"
        raise error(message, help="check the disk, then save again") from cause


def save_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, whole or not at all; into a folder that exists, each file whole.

    Parameters
    ----------
    folder : Path
        Its parent exists.
    files : mapping of str to bytes
        Contents by path relative to the folder.

    Raises
    ------
    OSError
        It cannot be written; nothing is left of a new folder.
    """
    folder = folder.absolute()
    temporary = beside(folder.resolve() if folder.exists() else folder)
    try:
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            with _created(temporary / name, None) as stream:
                stream.write(content)
        if not folder.exists():
            os.rename(temporary, folder)
            return
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            put(temporary / name, folder / name, replace=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def beside(target: Path) -> Path:
    """Return a name in the same folder that nothing else has, for what is to become the target."""
    return target.with_name(f".{target.name[:40]}.{os.getpid()}-{os.urandom(8).hex()}.tmp")


def _failure(path: Path, cause: Exception, error: type[MLPKitError]) -> MLPKitError:
    reason, help = REASONS.get(getattr(cause, "errno", None) or 0, (getattr(cause, "strerror", None) or str(cause), ""))
    return error(f"cannot write {path}: {reason}", help=help)


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


def _refuse(target: Path, mode: int | None, error: type[MLPKitError]) -> None:
    """Raise for what must not be replaced: a folder, a device, a file that somebody made read-only."""
    if mode is None:
        return
    if stat.S_ISDIR(mode):
        raise error(f"cannot write {target}: it is a folder", help="give the name of a file in it")
    if not stat.S_ISREG(mode):
        raise error(f"cannot write {target}: it is not a regular file", help="give another name")
    # replacing asks the folder alone, and root may write everything, so the file's own protection is asked here
    if not mode & 0o222 or not os.access(target, os.W_OK):
        raise error(f"cannot write {target}: the file is read-only", help="make it writable, or give another name")


class _File(io.RawIOBase):
    """A descriptor as a stream that writes all it is given; it is closed by who opened it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = rest = memoryview(data).cast("B")
        while rest:
            written = os.write(self.descriptor, rest)
            if written <= 0:
                raise OSError(errno.EIO, "the system wrote nothing")
            rest = rest[written:]
        return len(view)


@contextlib.contextmanager
def _created(path: Path, mode: int | None) -> Iterator[BinaryIO]:
    """Return a context with a stream to a new file, which is flushed to the disk at its end, or removed on any error."""
    permissions = NEW_MODE if mode is None else stat.S_IMODE(mode)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), permissions)
    try:
        try:
            if mode is not None:
                os.chmod(path, permissions)  # the umask took from it
            yield cast(BinaryIO, _File(descriptor))
            os.fsync(descriptor)  # never tried again: after a failure the system may have dropped the pages
        finally:
            os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            os.unlink(path)
        raise


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
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _link(temporary: Path, target: Path) -> None:
    """A second name for a file; where the file system has no links, a copy in a file that is made for it."""
    try:
        os.link(temporary, target)
    except (OSError, AttributeError) as error:  # AttributeError: Python has no os.link there
        if getattr(error, "errno", errno.EPERM) not in NO_LINKS:
            raise
        with _created(target, temporary.stat().st_mode) as stream:
            stream.write(temporary.read_bytes())
        message = f"the file system of {target} has no links: a power cut during this save could have left a part of the file"
        warn(UserWarning(message))


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
