"""Invalid paths in everything that takes a path: each is an error of mlpkit with a short message, raised at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlpkit
from mlpkit.cli import main
from mlpkit.data.readers import read_table
from mlpkit.spec import Spec

from ..sampling import one_in

DATA = {"network": {"layers": [{}]}, "loss": "mean_squared_error", "training": {"epochs": 1}}
ROWS = {"x": [1.0, 2.0], "y": [1.0, 2.0]}


def trained():
    return mlpkit.train({**DATA, "data": {"target": "y"}}, ROWS)


class Odd:
    """Nothing that is a path."""


NONE = {
    "a number": 3,
    "nothing": None,
    "bytes": b"spec.json",
    "an object": Odd(),
    "empty": "",
    "a long name": "x" * 5000,
    "a long path": "/".join(["x" * 200] * 25),
    "a long part": "x" * 300,
    "NUL": "a\0b",
    "a folder": "folder",
    "a loop": "loop",
    "a device without an end": "/dev/zero",
    "a device": "/dev/null",
    "no file": "none/none.h5",
    "half a character": "\ud800",
}
CALLS = {
    "load": mlpkit.load,
    "inspect": mlpkit.inspect,
    "load_arrays": mlpkit.load_arrays,
    "save": lambda path: trained().save(path),
    "Spec.read": Spec.read,
    "train": lambda path: mlpkit.train(path, ROWS),
    "rows": lambda path: mlpkit.train({**DATA, "data": {"target": "y"}}, path),
    "data.path": lambda path: mlpkit.train({**DATA, "data": {"target": "y", "path": path}} if path is not None else DATA),
    "validation": lambda path: mlpkit.train({**DATA, "data": {"target": "y"}}, ROWS, validation=path),
    "resume": lambda path: mlpkit.train({**DATA, "data": {"target": "y"}}, ROWS, resume=path),
    "predict": lambda path: trained().predict(path),
    "evaluate": lambda path: trained().evaluate(path),
    "register_file": mlpkit.register_file,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.symlink("other", "loop")
    os.symlink("loop", "other")
    return tmp_path


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NONE)
def test_invalid_paths_are_errors_of_mlpkit(folder, call, name):
    if NONE[name] is None and call in ("validation", "resume"):
        return  # nothing is left out
    before = sorted(os.listdir())
    with pytest.raises(mlpkit.MLPKitError) as caught:
        CALLS[call](NONE[name])
    assert len(str(caught.value)) < 1500
    assert "internal" not in str(caught.value)
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("call", ["load", "save", "Spec.read", "train", "register_file"])
def test_a_descriptor_is_not_a_path(folder, call):
    descriptor = os.open(folder, os.O_RDONLY)
    with pytest.raises(mlpkit.MLPKitError, match="given as int, which is not a path"):
        CALLS[call](descriptor) if call != "train" else mlpkit.train(Spec.read(descriptor))
    os.fstat(descriptor)  # it is still open
    os.close(descriptor)


COMMANDS = {
    "check": ["check"],
    "train": ["train"],
    "init": ["init"],
    "predict": ["predict"],
    "info": ["info"],
    "data": ["train", "spec.json", "-d"],
    "output": ["train", "spec.json", "-o"],
    "predictions": ["predict", "model.h5", "t.csv", "-f", "-o"],
    "code": ["check", "spec.json", "-c"],
    "freeze": ["plugins", "freeze"],
}


@pytest.mark.parametrize("command", one_in(3, COMMANDS))
@pytest.mark.parametrize("name", [name for name, path in NONE.items() if isinstance(path, str)])
def test_the_command_line_reports_one_error(folder, capsys, command, name):
    trained().save("model.h5")
    Path("t.csv").write_text("x,y\n1,2\n3,4\n")
    Path("spec.json").write_text(
        '{"data": {"path": "t.csv", "target": "y"}, "network": {"layers": [{}]}, "loss": "mse"}'.replace("mse", DATA["loss"])
    )
    code = main([*COMMANDS[command], NONE[name]])
    said = capsys.readouterr().err
    if (command, name) == ("predictions", "a folder"):  # which gets a file for each file of data
        assert (code, sorted(path.name for path in Path(NONE[name]).iterdir())) == (0, ["_predictions.json", "t.csv"])
        return
    assert (code in (1, 2, 3), said.count("error: ") > 0, "Traceback" in said, "internal error" in said) == (True, True, False, False), said
    assert len(said) < 2500
    assert Path("loop").is_symlink()


def test_a_tilde_is_the_home_folder_everywhere(folder, monkeypatch, capsys):
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    Path("home/t.csv").write_text("x,y\n1,2\n3,4\n")
    Path("home/spec.json").write_text(Path("home/t.csv").read_text())
    assert read_table("~/t.csv").rows == 2
    spec = {**DATA, "data": {"path": "~/t.csv", "target": "y", "validation": "~/t.csv"}}
    model = mlpkit.train(spec)
    model.save("~/model.h5")
    assert Path("home/model.h5").is_file()
    mlpkit.load("~/model.h5").predict("~/t.csv")
    Path("home/spec.json").write_text(
        '{"data": {"path": "~/t.csv", "target": "y"}, "network": {"layers": [{}]}, "loss": "mean_squared_error"}'
    )
    assert Spec.read("~/spec.json").data.path == "~/t.csv"
    assert main(["check", "~/spec.json"]) == 0
    assert "the data were not checked" not in capsys.readouterr().err
    assert main(["predict", "~/model.h5", "~/t.csv", "-o", "~/p.csv"]) == 0
    assert Path("home/p.csv").is_file()
    assert not Path("~").exists()


def test_a_spec_has_a_size(folder, monkeypatch):
    monkeypatch.setattr("mlpkit.spec.reading.MOST_BYTES", 100)
    Path("spec.json").write_text(" " * 101)
    with pytest.raises(mlpkit.SpecError, match="more than"):
        Spec.read("spec.json")


@pytest.mark.parametrize("source", ["-", "/dev/stdin"])
def test_an_endless_pipe_is_read_up_to_the_limit_of_a_spec(source):
    code = "import sys; import mlpkit.spec.reading as text; text.MOST_BYTES = 10**5; from mlpkit.cli import main; "
    code += "sys.exit(main(['check', sys.argv[1]]))"
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    done = subprocess.run(
        [sys.executable, "-c", code, source], stdin=endless.stdout, capture_output=True, text=True, timeout=60, check=False
    )
    endless.stdout.close()
    endless.kill()
    endless.wait()
    assert (done.returncode, "more than" in done.stderr) == (2, True)


def test_a_spec_comes_through_a_pipe(folder, capsys):
    os.mkfifo("pipe")
    code = "import json; open('pipe', 'w').write(json.dumps({'network': {'layers': [{}]}, 'loss': 'mean_squared_error'}))"
    writer = subprocess.Popen([sys.executable, "-c", code])
    assert main(["check", "pipe"]) == 0
    writer.wait()


def test_a_model_without_a_name_is_no_name_in_front_of_the_error():
    with pytest.raises(mlpkit.ModelFileError) as caught:
        mlpkit.load("")
    assert caught.value.message == "the path of the model is empty"
