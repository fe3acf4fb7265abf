"""Predictions of shards by worker processes: the same bytes as from one, after a kill and Ctrl-C too, and deaths of workers."""

import contextlib
import math
import os
import signal
import time
from pathlib import Path

import pytest

from mlpkit.cli.prediction.outputs import LIST

pytestmark = pytest.mark.slow

SHARDS = 6
CODE = '''
import glob, os, signal, sys, time
import mlpkit
import numpy as np

class Held(mlpkit.Elementwise):
    """The hyperbolic tangent, which waits or dies as files say: once there are two outputs, or in workers."""

    def function(self, z):
        workers = os.path.exists("workers") and "mlpkit.workers" in str(sys.modules["__main__"].__spec__)
        if (workers or len(glob.glob("out/*.csv")) >= 2) and (os.path.exists("hold") or os.path.exists("die")):
            open(f"pid-{os.getpid()}", "w").close()
            while os.path.exists("hold"):
                time.sleep(0.01)
            if os.path.exists("die"):
                os.unlink("die")
                os.kill(os.getpid(), signal.SIGKILL)
        return np.tanh(z)

    def derivative(self, z, y):
        return 1 - y * y
'''


@pytest.fixture
def shards(project, run, shapes, monkeypatch):
    """A folder with shards, and a model whose predictions can be held up."""
    monkeypatch.setattr("mlpkit.cli.prediction.progress.PLAIN_SECONDS", math.inf)  # no lines of progress on a busy machine
    (project / "held.py").write_text(CODE)
    assert run("train", "spec.json", "-c", "held.py", "-s", "network.layers.0.activation=held", "-q").code == 0
    header, *lines = shapes(SHARDS * 40).splitlines()
    (project / "rows").mkdir()
    for number in range(SHARDS):
        text = "\n".join([header, *lines[number * 40 : (number + 1) * 40]]) + "\n"
        (project / "rows" / f"part-{number}.csv").write_text(text)
    assert run("predict", "model.h5", "rows", "-o", "whole", "-c", "held.py", "--proba", "--batch-size", 7).code == 0
    return project


COMMAND = ("predict", "model.h5", "rows", "-c", "held.py", "--proba", "--batch-size", 7, "-o", "out", "-j", 2)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def wait_until_held(folder, workers):
    """Wait until some workers are held up; return their process ids."""
    while len(found := list(folder.glob("pid-*"))) < workers:
        time.sleep(0.01)
    return [int(path.name.removeprefix("pid-")) for path in found]


def wait_for_the_end_of(numbers):
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            while Path(f"/proc/{number}/stat").exists() and Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)


@pytest.mark.parametrize("jobs", [1, 2, 50])
def test_processes_write_the_same_bytes_as_one(shards, run, jobs):
    done = run(*COMMAND[:-1], jobs)
    assert (done.code, done.err) == (0, f"saved out: {SHARDS} shards, {SHARDS * 40} predictions\n")
    assert files("out") == files("whole")


def test_processes_use_one_thread_as_one_process_does(shards, run):
    """A network so wide that the BLAS would use several threads, which changes the last bits."""
    wide = ("-s", "network.layers.0.units=600", "-s", "dtype=float64")
    assert run("train", "spec.json", *wide, "-s", "training.epochs=1", "-o", "wide.h5", "-q").code == 0
    for number in range(2):
        text = Path("rows/part-0.csv").read_text().splitlines()
        Path(f"rows/part-{number}.csv").write_text("\n".join([text[0], *text[1:] * 60]) + "\n")
    for jobs in (1, 2):
        assert run("predict", "wide.h5", "rows", "--proba", "-o", f"out-{jobs}", "-j", jobs, "--format", "npy").code == 0
        assert run("predict", "wide.h5", "rows", "--proba", "-o", f"one-{jobs}.npy", "-j", jobs).code == 0
    assert files("out-1") == files("out-2")
    assert Path("one-1.npy").read_bytes() == Path("one-2.npy").read_bytes()


@pytest.mark.parametrize("name", ["one.csv", "one.npy", "one.jsonl"])
def test_one_file_has_the_same_bytes_in_the_order_of_the_shards(shards, run, name):
    options = ("predict", "model.h5", "rows", "-c", "held.py", *(() if name.endswith("npy") else ("--keep-columns",)))
    assert run(*options, "-o", name).code == 0
    assert run(*options, "-o", f"j{name}", "-j", 3).code == 0
    assert Path(name).read_bytes() == Path(f"j{name}").read_bytes()
    if name == "one.csv":
        assert run(*options, "-j", 2).out.encode() == Path(name).read_bytes()


def test_a_killed_command_goes_on_and_ends_with_the_same_files(shards, run, start):
    Path("hold").touch()
    process = start(*COMMAND)
    workers = wait_until_held(shards, 2)
    process.kill()
    process.wait()
    wait_for_the_end_of(workers)
    done = [name for name in files("out") if name.endswith(".csv")]
    assert 2 <= len(done) < SHARDS
    assert all(files("out")[name] == files("whole")[name] for name in done)
    assert any(name.endswith(".tmp") for name in files("out"))
    Path("hold").unlink()
    again = run(*COMMAND)
    assert (again.code, f"; {len(done)} were there" in again.err) == (0, True)
    assert files("out") == files("whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_all_workers_and_keeps_finished_shards(shards, run, start, number, jobs):
    Path("hold").touch()
    process = start(*COMMAND[:-1], jobs)
    workers = wait_until_held(shards, jobs)
    process.send_signal(number)
    _, err = process.communicate()
    wait_for_the_end_of(workers)
    kept = files("out")
    done = len(kept) - 1  # without the list
    assert process.returncode == 128 + number
    assert f"{done} of {SHARDS} shards are in out; the same command goes on" in err.decode()
    assert all(content == files("whole")[name] for name, content in kept.items())
    Path("hold").unlink()
    assert run(*COMMAND).code == 0
    assert files("out") == files("whole")


def test_an_interrupt_leaves_nothing_of_one_file(shards, start):
    for name in ("hold", "workers"):
        Path(name).touch()
    Path("parts").mkdir()
    process = start(*COMMAND[:-4], "-o", "one.csv", "-j", 2, env={**os.environ, "TMPDIR": str(shards / "parts")})
    workers = wait_until_held(shards, 2)
    process.send_signal(signal.SIGINT)
    process.communicate()
    wait_for_the_end_of(workers)
    assert process.returncode == 130
    assert not list(Path("parts").iterdir())
    assert not [path for path in shards.iterdir() if "one.csv" in path.name]


def test_a_worker_that_dies_is_an_error_that_names_its_shard(shards, run):
    Path("die").touch()
    done = run(*COMMAND)
    assert done.code == 1
    assert "error: rows/part-" in done.err
    assert "its worker process ended with signal 9" in done.err
    assert "help: use fewer processes, with -j, or a smaller --batch-size" in done.err
    assert LIST in files("out")
    assert not any(name.endswith(".tmp") for name in files("out"))
    assert run(*COMMAND).code == 0
    assert files("out") == files("whole")


def test_errors_and_warnings_of_workers_are_shown_as_those_of_one_process(shards, run):
    Path("rows/part-1.csv").write_text(Path("rows/part-1.csv").read_text().replace("red", "mauve"))
    Path("rows/part-2.csv").write_text("id,width,height,colour,shape\nk,xx,1,red,bar\n")
    shown = []
    for jobs in (1, 2):
        done = run("predict", "model.h5", "rows", "-c", "held.py", "-o", f"out-{jobs}", "-j", jobs)
        assert done.code == 2
        shown.append(done.err.replace(f"out-{jobs}", "out"))
    assert shown[0] == shown[1]
    assert "warning: the column 'colour' has values that were not seen in training" in shown[0]
    assert "but line 2 of rows/part-2.csv has 'xx'\n  --> rows/part-2.csv:2" in shown[0]
    assert sorted(files("out-1")) == sorted(files("out-2"))


def test_an_ensemble_is_predicted_by_workers_too(shards, run):
    assert run("train", "spec.json", "-s", "ensemble.members=3", "-o", "three.h5", "-q").code == 0
    for jobs in (1, 2):
        assert run("predict", "three.h5", "rows", "--spread", "-o", f"out-{jobs}", "-j", jobs).code == 0
    assert files("out-1") == files("out-2")
    assert b"shape=bar.spread" in files("out-1")["part-0.csv"]
