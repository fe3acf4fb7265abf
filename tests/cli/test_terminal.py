"""Foreign names are escaped on a terminal, and a single function writes to it."""

import ast
import csv
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlpkit
from mlpkit.cli.console import Console
from mlpkit.text import terminal

PACKAGE = Path(mlpkit.__file__).parent
FORGED = "error: forged"
NASTY = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "C1": "\x9b31mred\x90",
    "bidi": "\u202egpj.exe\u2066",
    "newline": f"a\n{FORGED}\n\n{FORGED}",
    "return": f"a\r{FORGED}",
    "delete": "a\x7f\x08b",
    "separators": f"a\u2028{FORGED}\u2029{FORGED}\x85",
    "invisible": "a\u200bb\ufeffc\u00ad",
}


def harmless(text):
    """Return True if a terminal shows a text unchanged, and no line looks like a message of mlpkit that it did not write."""
    plain = all(sign.isprintable() or sign in "\n\t" for sign in text)
    return plain and not any(line.startswith(FORGED) for line in text.split("\n"))


def table(name, rows=24):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["x", f"{name}1", f"{name}2", "kind"])
    writer.writerows([row, row % 5, f"{name}{row % 3}", ("a", f"{name}b")[row % 2]] for row in range(rows))
    return text.getvalue()


def spec(name, **data):
    layers = [{"units": 1, "activation": "sigmoid"}]
    data = {"path": "t.csv", "target": "kind", **data}
    return {"name": name, "data": data, "network": {"layers": layers}, "loss": "binary_crossentropy", "training": {"epochs": 1}}


def every_run(run, name):
    """Each command on what has that name; the runs by their words."""
    file = "".join(sign for sign in name if sign not in "/\0")
    Path("t.csv").write_text(table(name), newline="")
    Path("spec.json").write_text(json.dumps(spec(name)))
    Path(f"{file}.json").write_text(json.dumps(spec(name, path=f"{file}.csv")))
    Path(f"{file}.csv").write_text(table(name), newline="")
    Path(f"{file}.py").write_text(f"raise ValueError({name!r})\n")
    Path("act.py").write_text(
        "import mlpkit\n\n\nclass Act(mlpkit.Elementwise):\n"
        f"    def function(self, z):\n        raise ValueError({name!r})\n\n    def derivative(self, z, y):\n        return z\n"
    )
    Path("broken.csv").write_text(f"x,kind\n1,a\n2,{chr(34)}{name}{chr(34)}\n3\n", newline="")
    Path("text.csv").write_text("x,kind\n" + "1,a\n" * 20 + f'"{name}",a\n', newline="")
    bad = {**spec(name), name: 1, "loss": name, "metrics": [name], "optimizer": {"type": "adam", name: 1}}
    Path("bad.json").write_text(json.dumps(bad))
    yield run("init", "t.csv", "-f")
    yield run("init", f"{file}.csv", "-f", "-o", f"{file}.new.json")
    yield run("init", "t.csv", "-f", "-t", f"{name}no")
    yield run("init", "t.csv", "-f", "-t", f"{name}2")
    Path("spec.json").write_text(json.dumps(spec(name)))
    yield run("check", "spec.json", "-v")
    yield run("check", f"{file}.json")
    yield run("check", "bad.json")
    yield run("check", "spec.json", "-d", f"{file}none.csv")
    yield run("check", "spec.json", "-d", "broken.csv")
    yield run("check", "spec.json", "-d", "text.csv")
    yield run("check", "spec.json", "--fill")
    yield run("check", "bad.json", "--json")
    yield run("train", "spec.json", "-v", "-f")
    yield run("train", f"{file}.json", "-f", "-o", f"{file}.h5", "-n")
    yield run("train", "spec.json", "-f", "-o", f"{file}.h5", "--json")
    yield run("train", "spec.json", "-s", f"{name}=1")
    yield run("train", "spec.json", "-c", "act.py", "-s", "network.layers.0.activation=act", "-f", "-o", "x.h5")
    yield run("train", "spec.json", "--resume", f"{file}none")
    yield run("info", "model.h5", "-v")
    yield run("info", "model.h5", "--json")
    yield run("info", "model.h5", "--verify")
    yield run("info", f"{file}none.h5")
    yield run("evaluate", "model.h5", "t.csv")
    yield run("evaluate", "model.h5", "t.csv", "--metric", name)
    yield run("evaluate", "model.h5", f"{file}none.csv")
    yield run("predict", "model.h5", f"{file}.csv", "-o", f"{file}.out.csv", "-f")
    yield run("predict", "model.h5", "broken.csv", "-o", "p.csv")
    yield run("predict", f"{file}none.h5", "t.csv")
    yield run("schema", "-o", f"{file}.schema.json")
    yield run("plugins", "check", "act.py")
    yield run("plugins", "check", f"{file}.py")
    yield run("plugins", "show", name)
    yield run("plugins", "show", "act.py")
    yield run("plugins", "freeze", "model.h5")
    yield run("plugins", "new", name)
    yield run("plugins", "new", "soft", "-o", file)
    yield run("plugins", "list", "-c", f"{file}.py")
    yield run(name)
    yield run("train", f"--{name}")


QUICK = ("escape",)  # the other kinds are slow tests


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in NASTY])
def test_no_command_writes_control_sequences(folder, run, kind):
    for number, done in enumerate(every_run(run, NASTY[kind])):
        assert harmless(done.out), (number, done.out)
        assert harmless(done.err), (number, done.err)
        assert "internal error" not in done.err, (number, done.err)
    traced = run("check", "bad.json", "--debug").err  # which may have more lines
    assert all(sign.isprintable() or sign in "\n\t" for sign in traced)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_name_is_written_out(capsys, name):
    console = Console()
    console.stdout = sys.stdout
    for write in (
        console.say,
        console.out,
        console.warn,
        lambda text: console.fail([("error", text), ("help", text)]),
        console.trace,
        console.draw,
    ):
        write(name)
    console.json({name: [name]})
    done = capsys.readouterr()
    told = (done.out + done.err).replace("\r", "").replace("\x1b[K", "")
    assert all(sign.isprintable() or sign in "\n\t" for sign in told)


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_json_keeps_its_value(capsys, name):
    console = Console()
    console.stdout = sys.stdout
    console.json({name: [name, "é", "\U000e0001"]})
    assert json.loads(capsys.readouterr().out) == {name: [name, "é", "\U000e0001"]}


def test_data_are_written_as_they_are_but_to_a_terminal(folder, run, monkeypatch):
    name = NASTY["escape"]
    Path("t.csv").write_text(table(name), newline="")
    Path("spec.json").write_text(json.dumps(spec("m")))
    assert run("train", "spec.json").code == 0
    done = run("predict", "model.h5", "t.csv", "--keep-columns")
    assert f"{name}1" in done.out

    class Tty(io.TextIOWrapper):
        def isatty(self):
            return True

    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Tty(shown, encoding="utf-8"))
    from mlpkit.cli import main

    assert main(["predict", "model.h5", "t.csv", "--keep-columns"]) == 0
    sys.stdout.flush()
    text = shown.getvalue().decode()
    assert (harmless(text), "\\x1b[31mred" in text, text.count("\n")) == (True, True, done.out.count("\n"))


WRITERS = {"print", "echo", "secho", "print_exc", "print_exception", "print_stack", "pprint"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def writes(path):
    """The lines of a file that write to a stream themselves."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
        stream = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Attribute) and function.value.attr in STREAMS
        if name in WRITERS or (stream and name in ("write", "writelines")):
            yield f"{path.name}:{node.lineno}"


def test_a_single_function_writes_to_a_terminal():
    found = [place for path in PACKAGE.rglob("*.py") for place in writes(path)]
    assert found == []
    assert Path(terminal.__file__).read_text().count(".write(") == 1
