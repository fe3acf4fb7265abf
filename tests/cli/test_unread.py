"""Closed standard streams: a run continues, saves its model, and ends with the same exit code."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mlpkit

from ..sampling import one_in

SIGNALS = [signal.SIGTERM, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGHUP, signal.SIGINT))]


def shell(project, environment, line, **more):
    """Run a line of shell in which $MLPKIT is the program."""
    command = f"{sys.executable} -m mlpkit"
    return subprocess.run(["bash", "-c", line.replace("$MLPKIT", command)], env=environment, capture_output=True, timeout=600, **more)


@pytest.mark.parametrize(
    ("streams", "progress"),
    one_in(
        8,
        [
            ("2>&1 | head -1 >/dev/null", "json"),
            ("2>/dev/full", "plain"),
            ("2>/dev/full", "bar"),
            ("2>&-", "json"),
            (">&- 2>&-", "plain"),
            ("<&- >&- 2>&-", "bar"),
            (">&-", "plain"),
            ("2>&1 | true", "bar"),
        ],
    ),
)
def test_the_model_is_saved(project, environment, streams, progress):
    done = shell(project, environment, f"set -o pipefail; $MLPKIT train spec.json --progress {progress} --epochs 40 {streams}")
    assert (done.returncode, len(mlpkit.load("model.h5").history)) == (0, 40)
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_that_does_not_read_holds_nothing_up(project, environment):
    """The pipe is full, and stays so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, b"x" * 4096):
            pass
    os.set_blocking(writing, True)
    command = [sys.executable, "-m", "mlpkit", "train", "spec.json", "--progress", "bar"]
    try:
        done = subprocess.run(command, env=environment, stderr=writing, stdout=subprocess.DEVNULL, timeout=600)
    finally:
        os.close(reading)
        os.close(writing)
    assert (done.returncode, Path("model.h5").exists()) == (0, True)


@pytest.mark.parametrize(
    "argv", one_in(5, ["predict model.h5 shapes.csv", "info model.h5", "schema", "plugins list", "init shapes.csv -t shape -o -"])
)
def test_a_closed_stdout_is_an_error_without_traceback(trained, environment, argv):
    done = shell(trained, environment, f"$MLPKIT {argv} >&-")
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"Bad file descriptor" in done.stderr
    done = shell(trained, environment, f"$MLPKIT {argv} >&- 2>&-")
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_spec_from_a_closed_stdin_is_an_error(project, environment):
    done = shell(project, environment, "$MLPKIT train - <&-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: cannot read the spec -: Bad file descriptor")


def test_a_file_does_not_take_the_place_of_a_closed_stream(project, environment):
    """Printed text would go into the file."""
    (project / "noisy.py").write_text(
        "import os, mlpkit\nclass Noisy(mlpkit.Elementwise):\n"
        "    def function(self, z):\n        os.write(2, b'noise')\n        return z\n"
        "    def derivative(self, z, y): return 1 + 0 * z\n"
    )
    shell(project, environment, "$MLPKIT train spec.json -c noisy.py -s network.layers.0.activation=noisy 2>&-")
    assert mlpkit.inspect("model.h5")["history"]["epochs"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_stays_ignored(project, start, number):
    def ignore():
        signal.signal(number, signal.SIG_IGN)

    process = start("train", "spec.json", "--progress", "json", "--epochs", "400", preexec_fn=ignore)
    for line in process.stderr:
        if b'"epoch"' in line:
            break
    process.send_signal(number)
    process.communicate(timeout=600)
    assert (process.returncode, len(mlpkit.load("model.h5").history)) == (0, 400)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_every_command_handles_its_ending(trained, start, number):
    """As process 1 of a container a signal without a handler has no effect."""
    process = start("predict", "model.h5", "-", "--batch-size", "1", stdin=subprocess.PIPE)
    process.stdin.write(b"id,width,height,colour\na,1,1,red\n" + b"b,1,1,red\n" * 20_000)
    process.stdin.flush()
    assert process.stdout.readline() == b"shape\n"
    caught = next(line.split()[1] for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    assert int(caught, 16) >> number - 1 & 1
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (128 + number, b"")


def test_json_progress_is_json_alone(project, run):
    (project / "loud.py").write_text(
        "import mlpkit, warnings\nclass Loud(mlpkit.Elementwise):\n"
        "    def function(self, z):\n        print('one\\ntwo')\n        warnings.warn('careful')\n        return z\n"
        "    def derivative(self, z, y): return 1 + 0 * z\n"
    )
    loud = ("-c", "loud.py", "-s", "network.layers.0.activation=loud")
    for argv in (
        ("spec.json", *loud),
        ("missing.json",),
        ("spec.json", "--epochs", "none"),
        ("spec.json", "-s", "loss=none", "-s", "seed=-1"),
    ):
        done = run("train", *argv, "--progress", "json", "-f")
        found = [json.loads(line) for line in done.err.splitlines()]
        assert found, argv
        kinds = {next(iter(values)) for values in found}
        assert kinds <= {"epoch", "message", "warning", "output", "error", "score"}
        assert ("error" in kinds) == (done.code != 0)
