"""The progress that `mlpkit.train` shows: a bar on a terminal and in a notebook, lines elsewhere."""

import io
import json
import os
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest

import mlpkit

ROWS, TARGETS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
SPEC = {
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
    "training": {"epochs": 6},
}


@pytest.fixture(autouse=True)
def every_epoch_is_shown(monkeypatch):
    """No time passes between two updates that are shown."""
    for module in ("display", "member_display"):
        monkeypatch.setattr(f"mlpkit.progress.{module}.BAR_SECONDS", 0.0)
        monkeypatch.setattr(f"mlpkit.progress.{module}.PLAIN_SECONDS", 0.0)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    use(monkeypatch, stream)
    return stream


def use(monkeypatch, stream):
    """Make a stream that of messages; pytest sets `sys.stderr` itself."""
    monkeypatch.setattr("mlpkit.progress.outputs.sys", SimpleNamespace(stderr=stream, modules=sys.modules))


def test_nothing_is_shown_by_default(capfd):
    mlpkit.train(SPEC, ROWS, TARGETS)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_and_the_last_epoch_stays(terminal):
    mlpkit.train(SPEC, ROWS, TARGETS, progress=True)
    *bars, last = terminal.getvalue().split("\r")[1:]
    assert len(bars) == 6
    assert bars[2].startswith("[##########..........] epoch 3/6  loss ")
    assert last.startswith("\x1b[Kepoch 6/6  loss ")
    assert last.endswith("\n")


def test_lines_elsewhere(capsys):
    mlpkit.train(SPEC, ROWS, TARGETS, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[:9] for line in err.splitlines()] == [f"epoch {number}/6" for number in range(1, 7)]


def test_the_losses_of_weighted_rows_say_so(capsys):
    mlpkit.train(SPEC, ROWS, TARGETS, weights=[1.0, 2.0, 1.0, 2.0], progress=True)
    assert re.search(r"epoch 6/6  weighted loss [0-9.]+  accuracy", capsys.readouterr().err)


def test_the_members_of_an_ensemble_are_shown_on_one_line(terminal):
    mlpkit.train({**SPEC, "ensemble": {"members": 2}}, ROWS, TARGETS, progress=True)
    text = terminal.getvalue()
    assert "[#####...............] 0 of 2 members finished  member 0: epoch 3/6" in text
    assert re.findall(r"\x1b\[K(member \d: epoch \d/6)[^\r]*\n", text) == ["member 0: epoch 6/6", "member 1: epoch 6/6"]


def test_a_resumed_run_begins_where_it_was(terminal, tmp_path):
    model = mlpkit.train(SPEC, ROWS, TARGETS, stop=iter([False, False, False, True]).__next__)
    model.save(tmp_path / "part.h5", training_state=True)
    mlpkit.train(SPEC, ROWS, TARGETS, resume=tmp_path / "part.h5", progress=True)
    assert terminal.getvalue().split("\r")[1].startswith("[#############.......] epoch 4/6")


@pytest.mark.parametrize("stream", [None, "closed", "full"])
def test_a_stderr_that_takes_nothing_does_not_end_the_run(monkeypatch, stream):
    if stream == "closed":
        stream = Terminal()
        stream.isatty = lambda: False
        stream.close()
    elif stream == "full":
        stream = open("/dev/full", "w")  # noqa: SIM115
    use(monkeypatch, stream)
    model = mlpkit.train(SPEC, ROWS, TARGETS, progress=True)
    monkeypatch.undo()
    assert len(model.history) == 6
    if stream is not None and not stream.closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.close()


def test_names_are_escaped(terminal):
    from mlpkit.progress.outputs import Stderr

    Stderr().say("a\x1b[31mred")
    Stderr().draw("a\x1b[31mred")
    assert terminal.getvalue() == "a\\x1b[31mred\n\ra\\x1b[31mred\x1b[K"


@pytest.fixture
def notebook(monkeypatch):
    """A placeholder for IPython in a notebook; the list of what its one display has shown."""
    shown = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data))
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: SimpleNamespace(kernel=object())

    def display(data, raw, display_id):
        assert raw
        assert display_id
        shown.append(data)
        return handle

    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def test_a_notebook_gets_one_block_that_changes(notebook, capfd):
    mlpkit.train({**SPEC, "ensemble": {"members": 2}}, ROWS, TARGETS, progress=True)
    assert capfd.readouterr() == ("", "")
    texts = [data["text/plain"] for data in notebook]
    assert texts[0] == ""
    assert texts[3].startswith("[#####...............] 0 of 2 members finished  member 0: epoch 3/6")
    assert [line[:19] for line in texts[-1].splitlines()] == ["member 0: epoch 6/6", "member 1: epoch 6/6"]
    assert all(data["text/html"] == f'<pre style="font-family: monospace">{data["text/plain"]}</pre>' for data in notebook)


def test_a_notebook_shows_names_as_text(notebook):
    from mlpkit.progress.outputs import output

    output().draw("<script>")
    assert notebook[-1]["text/html"].endswith(">&lt;script&gt;</pre>")


def test_ipython_in_a_terminal_is_a_terminal(notebook, terminal, monkeypatch):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    mlpkit.train(SPEC, ROWS, TARGETS, progress=True)
    assert notebook == []
    assert terminal.getvalue()


def test_a_record_is_a_line_of_json(capsys):
    from mlpkit.progress.outputs import Stderr

    Stderr().record({"epoch": 1})
    assert json.loads(capsys.readouterr().err) == {"epoch": 1}
