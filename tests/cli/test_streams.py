"""Streams, signals, colors and start-up of the program in its own process."""

import contextlib
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mlpkit
from mlpkit.cli.signals import Interrupt

from ..sampling import one_in

LONG = ("--epochs", "1000000", "-s", "data.split=null")


def wait_for_epochs(process, number):
    """Read JSON progress until an epoch."""
    for line in process.stderr:
        if json.loads(line).get("epoch", 0) >= number:
            return


@pytest.mark.parametrize("number", one_in(3, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
def test_an_interrupt_saves_the_model(project, start, number):
    process = start("train", "spec.json", "--progress", "json", "--json", *LONG)
    wait_for_epochs(process, 5)
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 128 + number
    summary = json.loads(out)
    assert summary["interrupted"] is True
    assert len(mlpkit.load(project / "model.h5").history) == summary["epochs"] >= 5
    assert f"interrupted after {summary['epochs']:,} epochs".encode() in err
    assert b"finishing the batch, then saving; a second signal stops at once" in err
    assert b"saved model.h5" in err
    assert b"Traceback" not in err


def test_an_interrupt_restores_the_best_weights(project, start):
    early = '{"epochs": 1000000, "early_stopping": {"patience": 1000000}}'
    process = start("train", "spec.json", "--progress", "json", "--json", "-s", f"training={early}")
    wait_for_epochs(process, 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    best = json.loads(out)["best"]
    assert process.returncode == 130
    assert f"the weights are those of the best, epoch {best['epoch']}".encode() in err
    model = mlpkit.load(project / "model.h5")
    assert best["validation_loss"] == min(epoch.validation_loss for epoch in model.history)


def wait_until_asleep(process):
    """Wait until a process waits for something other than a processor."""
    before = None
    while True:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        now = state[0], state[11:13]
        if now == before and state[0] == "S":
            return
        before = now
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)


def test_an_interrupt_before_training_writes_nothing(project, start):
    process = start("train", "-", "-d", "shapes.csv", stdin=subprocess.PIPE)
    process.stdin.write(b" " * 1_000_000)  # more than a pipe holds: when it is written, the spec is being read
    process.stdin.flush()
    wait_until_asleep(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(600) == 130
    assert process.stderr.read().strip() == b""
    assert sorted(os.listdir(project)) == ["shapes.csv", "spec.json"]


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal; a shell starts what runs in the background with SIGINT ignored."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


def test_the_second_interrupt_stops_at_once_and_handlers_come_back(capsys, interruptible):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupt(print) as interrupt:
        assert not interrupt()
        assert not interrupt.stopped
        signal.raise_signal(signal.SIGTERM)
        assert interrupt()
        assert interrupt.stopped
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert "stopped at once; nothing was saved" in capsys.readouterr().out


def test_an_interrupt_after_the_last_batch_changes_nothing():
    with Interrupt(print) as interrupt:
        assert not interrupt()
        signal.raise_signal(signal.SIGINT)
        assert not interrupt.stopped


def test_stdout_is_data_and_stderr_is_messages(project, start):
    out, err = start("train", "spec.json").communicate(timeout=600)
    assert out == b""
    epochs = [line for line in err.decode().splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in epochs] == ["1/3", "3/3"]  # the first and the last, however short the run
    assert b"\r" not in err
    assert b"\x1b" not in err


def test_progress_as_json_lines(project, start):
    out, err = start("train", "spec.json", "--progress", "json", "-q").communicate(timeout=600)
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == b""
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[0].keys() == {"epoch", "loss", "validation_loss", "accuracy", "learning_rate", "seconds"}


@pytest.mark.parametrize("options", [["--progress", "none"], ["-q"]])
def test_no_progress(project, run, options):
    assert "epoch 1/3" not in run("train", "spec.json", *options).err


@pytest.mark.parametrize("terminal", ["xterm", pytest.param("dumb", marks=pytest.mark.slow)])
def test_a_bar_on_a_terminal_only(project, start, environment, terminal):
    ours, theirs = pty.openpty()
    process = start("train", "spec.json", "--epochs", "200", stderr=theirs, env=environment | {"TERM": terminal})
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert process.wait(600) == 0
    assert (b"\r[" in shown) == (terminal == "xterm")
    assert b"epoch 200/200" in shown


@pytest.mark.slow
def test_pipes(trained, start):
    text = (trained / "shapes.csv").read_bytes()
    out, err = start("predict", "model.h5", stdin=subprocess.PIPE).communicate(text, timeout=600)
    assert (err, len(out.splitlines())) == (b"", 61)
    spec = (trained / "spec.json").read_bytes()
    process = start("train", "-", "-o", "piped.h5", stdin=subprocess.PIPE)
    _, err = process.communicate(spec, timeout=600)
    assert process.returncode == 0, err
    assert (trained / "piped.h5").exists()
    out, _ = start("evaluate", "model.h5", "-", stdin=subprocess.PIPE).communicate(text, timeout=600)
    assert out.startswith(b"loss ")


def test_problems_of_a_spec_from_stdin(folder, start):
    process = start("check", "-", stdin=subprocess.PIPE)
    _, err = process.communicate(b'{"sed": 1, "loss": "mse", "network": {"layers": [{}]}}', timeout=600)
    assert process.returncode == 2
    assert b"--> <stdin>:1:2  (sed)" in err


def test_a_closed_pipe_ends_quietly(trained, shapes, start):
    (trained / "many.csv").write_text(shapes(30_000))
    process = start("predict", "model.h5", "many.csv", "--keep-columns", "--batch-size", 500)
    assert process.stdout.readline().startswith(b"id,")
    process.stdout.close()
    assert process.wait(600) == 1
    assert process.stderr.read() == b""


def small_files():
    """From now on no file of this process grows beyond 1,000 bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize("unbuffered", one_in(2, ["", "1"]))
def test_a_full_disk_under_stdout(trained, start, environment, unbuffered):
    with open(trained / "out.csv", "wb") as out:
        process = start(
            "predict",
            "model.h5",
            "shapes.csv",
            "--keep-columns",
            stdout=out,
            preexec_fn=small_files,
            env=environment | {"PYTHONUNBUFFERED": unbuffered},
        )
        _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert b"error: File too large" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    "argv", one_in(2, [["train", "spec.json", "-f"], ["predict", "model.h5", "shapes.csv", "--keep-columns", "-o", "out.csv", "-f"]])
)
def test_a_file_that_grows_too_large_leaves_the_old_one(trained, start, argv):
    (trained / "out.csv").write_text("old")
    before = {path.name: path.read_bytes() for path in trained.iterdir()}

    process = start(*argv, preexec_fn=small_files)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert re.search(rb"error: cannot write (model.h5|out.csv): ", err)
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


@pytest.mark.slow
def test_output_is_ascii_if_the_stream_has_no_unicode(folder, start, environment, project):
    text = (project / "shapes.csv").read_text().replace("red", "größe")
    (project / "shapes.csv").write_text(text, encoding="utf-8")
    (project / "spec.json").write_text((project / "spec.json").read_text().replace('"shapes"', '"größe"'), encoding="utf-8")
    ascii_only = environment | {"PYTHONIOENCODING": "ascii"}
    for argv in (["train", "spec.json", "-v"], ["info", "model.h5"], ["info", "model.h5", "--spec"], ["train", "größe.json"]):
        out, err = start(*argv, env=ascii_only).communicate(timeout=600)
        (out + err).decode("ascii")
        assert b"Traceback" not in err
        assert b"internal" not in err
        if "--spec" in argv:
            assert json.loads(out)["name"] == "größe"
    out, _ = start("predict", "model.h5", "shapes.csv", "--keep-columns", env=ascii_only).communicate(timeout=600)
    assert "größe" in out.decode("utf-8")  # data files are UTF-8 always


@pytest.mark.parametrize(
    ("variables", "options", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
    ],
)
def test_colours(run, monkeypatch, variables, options, colored):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in run("info", "nowhere.h5", *options).err) == colored


# -- start-up


HEAVY = ("numpy", "h5py", "pydantic", "mlpkit.spec", "mlpkit.plugin")


@pytest.mark.parametrize(
    ("argv", "heavy"),
    [(["--help"], HEAVY), (["--version"], HEAVY), (["train", "--help"], set(HEAVY) - {"pydantic"}), ([], set(HEAVY) - {"pydantic"})],
)
def test_help_imports_nothing_heavy(environment, argv, heavy):
    """Ignore Pydantic for a named command, because Typer imports it."""
    command = [sys.executable, "-X", "importtime", "-m", "mlpkit", *argv]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert {name for name in imported if name in heavy} == set()
    assert done.stdout


def test_completion(environment):
    words = {"COMP_WORDS": "mlpkit tr", "COMP_CWORD": "1", "_MLPKIT_COMPLETE": "complete_bash"}
    done = subprocess.run([sys.executable, "-m", "mlpkit"], capture_output=True, text=True, env=environment | words)
    assert done.stdout.split() == ["train"]
    words |= {"COMP_WORDS": "mlpkit plugins show leak", "COMP_CWORD": "3"}
    done = subprocess.run([sys.executable, "-m", "mlpkit"], capture_output=True, text=True, env=environment | words)
    assert "leaky_relu" in done.stdout.split()


PLUGINS = ["plugins list", "plugins show", "plugins check", "plugins new", "plugins freeze"]
COMMANDS = ["init", "check", "train", "evaluate", "predict", "explain", "report", "compare", "plot", "serve", "info", "export", "schema"]
COMMANDS += ["cv", "search", "doctor", "import", *PLUGINS]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(run, command):
    done = run(*command.split(), "-h")
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    options = re.findall(r"^  (-[^ ].*(?:\n {10,}.*)*)", done.out, re.MULTILINE)
    assert len(options) >= 5
    for option in options:
        assert re.search(r"  +[A-Z]", option), option
    assert "--quiet" in done.out


@pytest.mark.parametrize("argv", [[], ["plugins"]])
def test_alone_it_shows_its_help(run, argv):
    done = run(*argv)
    assert (done.code, done.err) == (0, "")
    assert "Usage: mlpkit" in done.out
    assert "Commands:" in done.out


def test_version(run):
    assert run("-V").out == run("--version").out == f"mlpkit {mlpkit.__version__}\n"
