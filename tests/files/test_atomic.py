"""Atomic writes: the old file or the new one, and no temporary file after a failure."""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import mlpkit
from mlpkit.errors import ModelFileError
from mlpkit.files.atomic import replacing, save_bytes, save_folder

OLD, NEW = b"old" * 1000, b"new" * 2000


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(OLD)
    return path


def test_a_new_file_has_the_usual_permissions(tmp_path):
    save_bytes(tmp_path / "new", NEW)
    (tmp_path / "usual").write_bytes(b"")
    assert (tmp_path / "new").read_bytes() == NEW
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["new", "usual"]


def test_an_empty_file_can_be_saved(tmp_path):
    save_bytes(str(tmp_path / "empty"), b"")
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755, 0o777])
def test_a_replaced_file_keeps_its_permissions(target, mode):
    target.chmod(mode)
    save_bytes(target, NEW)
    assert target.read_bytes() == NEW
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_the_file_behind_a_symbolic_link_is_replaced(target, tmp_path):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "latest.h5"
    link.symlink_to(target)
    save_bytes(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert os.listdir(tmp_path / "links") == ["latest.h5"]


def test_a_dangling_link_gets_its_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    save_bytes(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "missing").read_bytes() == NEW


def test_a_long_name_can_be_saved(tmp_path):
    path = tmp_path / ("é" * 120 + ".h5")
    save_bytes(path, NEW)
    assert path.read_bytes() == NEW


def test_the_old_file_stays_readable_while_it_is_replaced(target):
    with target.open("rb") as reader:
        save_bytes(target, NEW)
        assert reader.read() == OLD
    assert target.read_bytes() == NEW


BAD_PATHS = {
    "folder": (".", "it is a folder"),
    "no such folder": ("missing/model.h5", "its folder does not exist"),
    "file as a folder": ("plain/model.h5", "a part of its path is not a folder"),
    "device": ("fifo", "not a regular file"),
    "read-only file": ("protected", "the file is read-only"),
    "name too long": ("a" * 300, "cannot write .*: "),
    "NUL": ("a\0b", "null"),
    "link to itself": ("loop", "cannot write .*: "),
}


@pytest.mark.parametrize(("name", "message"), BAD_PATHS.values(), ids=BAD_PATHS)
def test_a_bad_path_is_an_error_and_nothing_is_written(name, message, tmp_path):
    (tmp_path / "plain").write_bytes(OLD)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "protected").write_bytes(OLD)
    (tmp_path / "protected").chmod(0o444)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ModelFileError, match=message):
        save_bytes(os.path.join(tmp_path, name), NEW)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "loop", "plain", "protected"]
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "protected").read_bytes() == OLD


FAULTS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "quota",
    errno.EIO: "Input/output error",
    errno.EINTR: "Interrupted system call",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write there",
}


@pytest.mark.parametrize("call", ["open", "chmod", "write", "fsync", "replace"])
@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_a_failing_system_call_leaves_the_old_file(call, number, target, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(ModelFileError, match=FAULTS[number]) as caught:
            save_bytes(target, NEW)
    assert str(target) in caught.value.message
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


def test_the_first_of_two_errors_is_the_one_to_report(target, monkeypatch):
    close = os.close

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fail_to_close(descriptor):
        close(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        patch.setattr(os, "close", fail_to_close)
        with pytest.raises(ModelFileError, match="the disk is full"):
            save_bytes(target, NEW)
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_disk_that_fills_up_half_way_leaves_the_old_file(failing, target, monkeypatch):
    calls, write_some = [], os.write

    def fill(descriptor, data):
        calls.append(len(data))
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_some(descriptor, data[:1000])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fill)
        with pytest.raises(ModelFileError, match="the disk is full"):
            save_bytes(target, NEW)
    assert len(calls) == failing
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_short_writes_are_continued(size, target, monkeypatch):
    write_some = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write_some(descriptor, data[:size]))
        save_bytes(target, NEW)
    assert target.read_bytes() == NEW


def test_a_system_that_writes_nothing_is_an_error(target, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: 0)
        with pytest.raises(ModelFileError, match="wrote nothing"):
            save_bytes(target, NEW)
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


def test_an_interrupt_leaves_the_old_file(target, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_bytes(target, NEW)
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_flushed(number, fails, target, monkeypatch):
    flush = os.fsync

    def fail_on_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_on_folders)
        if fails:
            with pytest.raises(ModelFileError, match="is written, but its folder could not be flushed"):
                save_bytes(target, NEW)
        else:
            save_bytes(target, NEW)
    assert target.read_bytes() == NEW


def test_file_and_folder_are_flushed_in_order(target, monkeypatch):
    calls = []
    flush, put = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), flush(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), put(a, b)))
    save_bytes(target, NEW)
    assert calls == ["file", "replace", "folder"]


LIMITED = """
import resource, sys
from mlpkit.errors import ModelFileError
from mlpkit.files.atomic import save_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_bytes(sys.argv[1], bytes(6000))
except ModelFileError as error:
    print(error)
"""


def test_a_real_limit_on_file_size_leaves_the_old_file(target):
    run = subprocess.run([sys.executable, "-c", LIMITED, str(target)], capture_output=True, text=True, check=True)
    assert "it exceeds the system's limit on file size" in run.stdout
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


def test_two_threads_at_once_do_not_mix(target):
    files = [bytes([number]) * 100_000 for number in range(2)]
    writers = [threading.Thread(target=lambda data=data: [save_bytes(target, data) for _ in range(20)]) for data in files]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert target.read_bytes() in files
    assert os.listdir(target.parent) == [target.name]


def test_temporary_files_of_killed_processes_are_ignored(target):
    stale = [target.with_name(f".{target.name}.{number}-0123456789abcdef.tmp") for number in (1, os.getpid())]
    for path in stale:
        path.write_bytes(b"half")
    save_bytes(target, NEW)
    assert target.read_bytes() == NEW
    assert all(path.read_bytes() == b"half" for path in stale)


@pytest.mark.skipif(os.name == "nt", reason="a mapped file cannot be replaced there")
def test_a_mapping_keeps_the_old_file_while_it_is_replaced(target):
    with target.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for _ in range(5):
            save_bytes(target, NEW)
            assert mapped[:] == OLD
    assert target.read_bytes() == NEW


def test_a_link_that_cannot_be_read_is_not_replaced(target, tmp_path, monkeypatch):
    link, look = tmp_path / "link.h5", os.lstat
    link.symlink_to(target)
    failures = iter([OSError(errno.EIO, os.strerror(errno.EIO))])

    def fail_once(path, **options):
        if os.fspath(path) == str(link):
            for failure in failures:
                raise failure
        return look(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", fail_once)
        with pytest.raises(ModelFileError, match="a link that cannot be followed"):
            save_bytes(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == OLD


ERRORS_OF_THE_CALLER = [
    ValueError("of the caller"),
    OSError("of the caller"),
    FileNotFoundError(errno.ENOENT, "of the caller", "rows.csv"),
    FileExistsError(errno.EEXIST, "of the caller", "cache"),
]


@pytest.mark.parametrize("error", ERRORS_OF_THE_CALLER, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["model.h5", "new.h5"])
def test_an_error_of_who_writes_leaves_the_old_file_and_is_theirs(error, name, target):
    def broken():
        with replacing(target.with_name(name), replace=name == target.name) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(type(error), match="of the caller") as caught:
        broken()
    assert caught.value is error
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


def test_a_folder_is_whole_or_not_there(tmp_path, monkeypatch):
    files = {"a.txt": b"a", "sub/b.txt": b"b"}
    save_folder(tmp_path / "new", files)
    assert {str(path.relative_to(tmp_path / "new")): path.read_bytes() for path in (tmp_path / "new").rglob("*.txt")} == files
    save_folder(tmp_path / "new", {"a.txt": b"other"})
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"other"
    monkeypatch.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        save_folder(tmp_path / "other", files)
    assert os.listdir(tmp_path) == ["new"]


def test_files_are_written_by_one_module():
    package, naming = Path(mlpkit.__file__).parent, re.compile(r"os\.(replace|rename|link)\(")
    found = [path.relative_to(package).as_posix() for path in package.rglob("*.py") if naming.search(path.read_text())]
    assert found == ["files/atomic.py"]
