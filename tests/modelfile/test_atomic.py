"""Saving: the old file or the new one, never half of either, and no temporary file after a failure."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from mlpkit.errors import ModelFileError
from mlpkit.modelfile import read, save_bytes

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
from mlpkit.modelfile import save_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_bytes(sys.argv[1], bytes(6000))
except ModelFileError as error:
    print(error)
"""


def test_a_real_limit_on_file_size_leaves_the_old_file(target):
    run = subprocess.run([sys.executable, "-c", LIMITED, str(target)], capture_output=True, text=True, check=True)
    assert "it is larger than the system lets a file be" in run.stdout
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == [target.name]


SAVING = """
import sys
import numpy as np
from mlpkit.modelfile import Contents, to_bytes, save_bytes
files = [to_bytes(Contents({"number": number}, {"layers.0.weight": np.full((100, 100), float(number))})) for number in range(2)]
for turn in range(10**9):
    save_bytes(sys.argv[1], files[turn % 2])
    print(turn, flush=True)
"""


def test_a_killed_save_leaves_a_whole_model(tmp_path):
    path = tmp_path / "model.h5"
    for turn in range(6):
        with subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"0\n"
            time.sleep(0.003 * turn)
            process.send_signal(signal.SIGKILL)
        saved = read(path)
        assert saved.spec["number"] in (0, 1)
        assert (saved.tensors["layers.0.weight"] == saved.spec["number"]).all()


def test_two_writers_at_once_do_not_mix(target):
    files = [bytes([number]) * 100_000 for number in range(2)]
    writers = [threading.Thread(target=lambda data=data: [save_bytes(target, data) for _ in range(20)]) for data in files]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert target.read_bytes() in files
    assert os.listdir(target.parent) == [target.name]
