"""Saving in separate processes: killed, with failing system calls, concurrently, without permission."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = b"old" * 1000


def run(module: str, *arguments: str, **variables: str) -> str:
    """Run a module of tests.fuzz in a process of its own; what it prints."""
    command = [sys.executable, "-m", f"tests.fuzz.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_a_killed_save_leaves_a_whole_model(kills):
    assert f"{kills} kills, a whole model each time" in run("kill", "--kills", str(kills))


NO_COMPILER = shutil.which("cc") is None and os.environ.get("CI") != "true"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or NO_COMPILER, reason="it needs Linux and a C compiler")
def test_a_complete_model_remains_if_any_system_call_fails(tmp_path):
    library = str(tmp_path / "faults.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(ROOT / "tests" / "fuzz" / "faults.c"), "-ldl"], check=True)
    printed = run("failing_calls", library, LD_PRELOAD=library)
    assert " 0 problems" in printed
    for call in ("open", "write", "fsync", "close", "rename", "chmod", "stat"):
        assert call in printed  # the library does come between


NO_LOCKS = """
#include <errno.h>
int flock(int fd, int operation) { errno = ENOLCK; return -1; }
int lockf(int fd, int command, long length) { errno = ENOLCK; return -1; }
"""
WITHOUT_LOCKS = """
import sys
import h5py
import numpy as np
import mlpkit
path, training = sys.argv[1], {"epochs": 2, "checkpoint": {"folder": sys.argv[2]}}
spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": training}
rows = np.eye(3)
model = mlpkit.train(spec, rows, np.arange(3.0))
model.save(path)
model.save(path)
mlpkit.train(spec, rows, np.arange(3.0), resume=sys.argv[2]).save(path)
for options in ({}, {"mmap": True}):
    mlpkit.load(path, **options).predict(rows)
mlpkit.load_arrays(path)
try:
    h5py.File(path, "r+")
except OSError:
    print("h5py itself finds no locks")
"""


@pytest.mark.skipif(sys.platform != "linux" or NO_COMPILER, reason="it needs Linux and a C compiler")
@pytest.mark.slow
def test_a_file_system_without_locks_works(tmp_path):
    """As NFS may be: h5py would not open a file there, and mlpkit neither writes nor reads one through it."""
    (tmp_path / "locks.c").write_text(NO_LOCKS)
    library = str(tmp_path / "locks.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(tmp_path / "locks.c")], check=True)
    variables = {**os.environ, "LD_PRELOAD": library, "HDF5_USE_FILE_LOCKING": "TRUE"}
    command = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path / "model.h5"), str(tmp_path / "points")]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "h5py itself finds no locks\n"), done.stderr


WRITER = """
import sys
from mlpkit.files.atomic import save_bytes
print("ready", flush=True)
sys.stdin.readline()
for _ in range(50):
    save_bytes(sys.argv[1], bytes([int(sys.argv[2])]) * 100_000)
"""


def test_processes_that_write_at_once_do_not_mix(tmp_path):
    target = tmp_path / "model.h5"
    target.write_bytes(OLD)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(target), str(number)], **pipes) for number in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    whole = {OLD, *(bytes([number]) * 100_000 for number in range(3))}
    while any(writer.poll() is None for writer in writers):
        assert target.read_bytes() in whole
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert target.read_bytes() in whole - {OLD}
    assert os.listdir(target.parent) == [target.name]


FOREIGN = """
import os, sys
from mlpkit.errors import ModelFileError
from mlpkit.files.atomic import save_bytes
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    save_bytes(sys.argv[1], b"new")
except ModelFileError as error:
    print(error.message)
"""


@pytest.mark.parametrize("name", ["model.h5", "new.h5"])
def test_a_folder_without_permission_to_write_keeps_what_it_has(name):
    with tempfile.TemporaryDirectory() as folder:  # which others may enter, unlike tmp_path
        path = Path(folder) / "model.h5"
        path.write_bytes(OLD)
        path.chmod(0o666)
        Path(folder).chmod(0o555)
        done = subprocess.run([sys.executable, "-c", FOREIGN, os.path.join(folder, name)], capture_output=True, text=True)
        assert "no permission to write there" in done.stdout, done.stderr
        assert path.read_bytes() == OLD
        assert os.listdir(folder) == ["model.h5"]
        Path(folder).chmod(0o755)
