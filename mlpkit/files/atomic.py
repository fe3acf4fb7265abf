"""Atomic and durable writes: the path has the complete old file or the complete new one, even after a power cut.

The bytes are written to a temporary file in the same folder and flushed to disk. The file is then renamed in one step, and the folder
is flushed, because it contains the new name.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from mlpkit.errors import FileTaken, MLPKitError, ModelFileError, warn
from mlpkit.files.paths import as_path

REASONS = {  # description and advice
    errno.ENOENT: ("its folder does not exist", "create the folder first"),
    errno.ENOTDIR: ("a part of its path is not a folder", "check the path"),
    errno.EACCES: ("no permission to write there", "check the permissions of the file and its folder"),
    errno.EPERM: ("no permission to write there", "check the permissions of the file and its folder"),
    errno.EROFS: ("the file system is read-only", "write to another folder"),
    errno.ENOSPC: ("the disk is full", "free some space; an existing file is unchanged"),
    errno.EDQUOT: ("the disk quota is used up", "free some space; an existing file is unchanged"),
    errno.EFBIG: ("it exceeds the system's limit on file size", "raise the limit (ulimit -f); an existing file is unchanged"),
}
Context = Callable[[], contextlib.AbstractContextManager[None]]
NEW_MODE = 0o666  # minus the umask
SHOWN = 40  # characters of a file's name in that of its temporary file
_TEMPORARY = re.compile(r"\.(.+)\.[0-9]+-[0-9a-f]{16}\.tmp", re.DOTALL)
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)  # some network file systems cannot flush a folder
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # some file systems have none


def save_bytes(path: str | Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file atomically and durably. Parameters and errors are those of `replacing`."""
    with replacing(path, replace=replace) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path: str | Path, *, replace: bool = True, error: type[MLPKitError] = ModelFileError) -> Iterator[BinaryIO]:
    """Return a context with a binary stream to a new file, which gets its name at the end of the context.

    A symbolic link is kept, and its target is replaced. A replaced file keeps its permissions.

    Parameters
    ----------
    path : str or Path
    replace : bool
        True to replace an existing file.
    error : type
        Exception for a file that cannot be written.

    Raises
    ------
    FileTaken
        The file exists, or was created in the meantime, and `replace` is False.
    MLPKitError
        `error`: the file cannot be written; no partial file is left.
    """
    path = as_path(path, error, "the file to write")
    converted = functools.partial(_converted, path, error)
    with converted():
        target = resolved(path)
        mode = _mode_of(target)
        _refuse(target, mode, error)
        if mode is not None and not replace:
            raise FileExistsError
    temporary = beside(target)
    with contextlib.ExitStack() as created:
        with converted():
            stream = created.enter_context(_created(temporary, mode, converted))
        yield stream  # an OSError of the caller is not converted
        with converted():
            created.close()
    with converted():
        put(temporary, target, replace)
    try:
        _flush_folder(target.parent)
    except OSError as cause:
        message = f"{path} is written, but its folder could not be flushed to the disk: {cause.strerror}"
        raise error(message, help="check the disk, then save again") from cause


def save_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, all or none; in an existing folder, each file is written atomically.

    Parameters
    ----------
    folder : Path
        Folder whose parent exists.
    files : mapping of str to bytes
        Contents by path relative to the folder.

    Raises
    ------
    OSError
        The files cannot be written; no part of a new folder is left.
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
    """Return an unused name in the same folder, for a temporary file or folder that will be renamed to the target."""
    return target.with_name(f".{target.name[:SHOWN]}.{os.getpid()}-{os.urandom(8).hex()}.tmp")


def remove_left(folder: Path, names: Collection[str]) -> None:
    """Remove the temporary files that killed processes have left in a folder beside files of these names."""
    starts = {name[:SHOWN] for name in names}
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if (match := _TEMPORARY.fullmatch(entry.name)) and match[1] in starts:
                os.unlink(entry)


@contextlib.contextmanager
def _converted(path: Path, error: type[MLPKitError]) -> Iterator[None]:
    """Return a context for file operations, which raises their errors as FileTaken or `error`."""
    try:
        yield
    except MLPKitError:  # one of them may be a ValueError
        raise
    except FileExistsError as cause:
        raise FileTaken(f"{path} exists", help="give another name, or allow replacing it") from cause
    except (OSError, ValueError) as cause:  # ValueError: the path has a NUL
        reason, help = REASONS.get(getattr(cause, "errno", None) or 0, (getattr(cause, "strerror", None) or str(cause), ""))
        raise error(f"cannot write {path}: {reason}", help=help) from cause


def resolved(path: str | Path) -> Path:
    """Return the file that a path leads to, which need not exist. Raise OSError for a link that cannot be followed."""
    target = Path(os.path.realpath(path))  # realpath ignores errors, and the link itself must not be replaced
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISLNK(os.lstat(target).st_mode):
            raise OSError(errno.ELOOP, "it is a link that cannot be followed")
    return target


def _mode_of(target: Path) -> int | None:
    """Return the mode of a file, or None if it does not exist."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _refuse(target: Path, mode: int | None, error: type[MLPKitError]) -> None:
    """Raise `error` for a path that must not be replaced: a folder, a device, a read-only file."""
    if mode is None:
        return
    if stat.S_ISDIR(mode):
        raise error(f"cannot write {target}: it is a folder", help="give the name of a file in it")
    if not stat.S_ISREG(mode):
        raise error(f"cannot write {target}: it is not a regular file", help="give another name")
    # renaming checks only the folder, and root may write everything, so the file's own permissions are checked here
    if not mode & 0o222 or not os.access(target, os.W_OK):
        raise error(f"cannot write {target}: the file is read-only", help="make it writable, or give another name")


class _File(io.RawIOBase):
    """Stream over a descriptor that writes all bytes of a call, in a context for errors. It does not close the descriptor."""

    def __init__(self, descriptor: int, context: Context) -> None:
        self.descriptor, self.context = descriptor, context

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = rest = memoryview(data).cast("B")
        with self.context():
            while rest:
                written = os.write(self.descriptor, rest)
                if written <= 0:
                    raise OSError(errno.EIO, "the system wrote nothing")
                rest = rest[written:]
        return len(view)


@contextlib.contextmanager
def _created(path: Path, mode: int | None, context: Context = contextlib.nullcontext) -> Iterator[BinaryIO]:
    """Return a context with a stream to a new file, which is flushed to disk at the end, or removed on any error."""
    permissions = NEW_MODE if mode is None else stat.S_IMODE(mode)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), permissions)
    try:
        try:
            if mode is not None:
                os.chmod(path, permissions)  # undoes the umask
            yield cast(BinaryIO, _File(descriptor, context))
            os.fsync(descriptor)  # not retried: after a failure the system may have dropped the pages
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to report
                os.close(descriptor)
            raise
        os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def put(temporary: Path, target: Path, replace: bool) -> None:
    """Rename a complete file in one step. On any error it is removed.

    Raises
    ------
    FileExistsError
        The name is taken and `replace` is False.
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
    """Create a hard link, or a copy if the file system has no hard links."""
    try:
        os.link(temporary, target)
    except (OSError, AttributeError) as error:  # AttributeError: no os.link on this system
        if getattr(error, "errno", errno.EPERM) not in NO_LINKS:
            raise
        with _created(target, temporary.stat().st_mode) as stream:
            stream.write(temporary.read_bytes())
        message = f"the file system of {target} has no hard links: a power cut during this save could have left a partial file"
        warn(UserWarning(message))


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened on Windows
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
