"""A trained model is never lost: the name is taken in the meantime, the run fails, two runs write at once."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.files import atomic

LATE = """
import mlpkit, numpy as np, os
class Late(mlpkit.Elementwise):
    '''The identity; when it is called first, another program writes the output.'''
    def function(self, z):
        if not os.path.exists("{output}"):
            with open("{output}", "w") as stream: stream.write("of another program")
        return z
    def derivative(self, z, y):
        return 1 + 0 * z
"""


@pytest.fixture
def late(project):
    (project / "late.py").write_text(LATE.replace("{output}", "model.h5"))
    return ("train", "spec.json", "-c", "late.py", "-s", "network.layers.0.activation=late")


def test_a_name_that_is_taken_meanwhile_is_not_overwritten(late, run):
    done = run(*late, "--json")
    assert (done.code, Path("model.h5").read_text()) == (0, "of another program")
    assert "warning: model.h5 was written by another program in the meantime: the model is in model-2.h5" in done.err
    assert "saved model-2.h5; next: mlpkit evaluate model-2.h5 DATA" in done.err
    assert json.loads(done.out)["model"] == "model-2.h5"
    assert len(mlpkit.load("model-2.h5").history) == 3
    Path("model.h5").unlink()
    assert run(*late).code == 0
    assert Path("model-3.h5").exists()


def test_force_replaces_at_the_moment_of_writing_too(late, run):
    done = run(*late, "--force")
    assert (done.code, "in the meantime" in done.err) == (0, False)
    assert len(mlpkit.load("model.h5").history) == 3


def test_without_hard_links_the_file_is_created_exclusively_with_a_warning(late, run, monkeypatch):
    def none(*_):
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(atomic.os, "link", none)
    done = run(*late)
    assert (done.code, Path("model.h5").read_text()) == (0, "of another program")
    assert len(mlpkit.load("model-2.h5").history) == 3
    assert "has no hard links: a power cut during this save" in done.err
    assert not list(Path().glob(".*tmp"))


def test_outputs_written_by_others_in_the_meantime_are_kept(trained, run, monkeypatch):
    put = atomic.put

    def late(temporary, target, replace):
        target.write_text("of another program")
        put(temporary, target, replace)

    monkeypatch.setattr(atomic, "put", late)
    done = run("predict", "model.h5", "shapes.csv", "-o", "out.csv")
    assert (done.code, Path("out.csv").read_text()) == (1, "of another program")
    assert "out.csv was written by another program in the meantime" in done.err
    assert not list(Path().glob(".*tmp"))


@pytest.mark.parametrize("data", ["shards", "shards/*.csv", "~/shards", "~/shards/a.csv"])
@pytest.mark.parametrize("command", [["predict", "model.h5"], ["train", "spec.json", "-d"]])
def test_no_file_of_the_data_is_overwritten(command, data, trained, run, monkeypatch):
    monkeypatch.setenv("HOME", str(trained))
    monkeypatch.setenv("USERPROFILE", str(trained))
    shard = trained / "shards" / "a.csv"
    shard.parent.mkdir()
    (trained / "shapes.csv").rename(shard)
    before = shard.read_bytes()
    done = run(*command, data, "-o" if "predict" in command else "--log", "shards/a.csv", "--force")
    assert (done.code, "shards/a.csv is an input of the command" in done.err) == (2, True), done.err
    assert shard.read_bytes() == before


def test_a_run_that_diverges_saves_its_best_epoch(project, run):
    Path("jump.py").write_text(
        "import mlpkit\nclass Jump(mlpkit.Schedule):\n    def at(self, progress): return 0.05 if progress.epoch < 20 else 1e300\n"
    )
    spec = json.loads(Path("spec.json").read_text())
    for training in ({"epochs": 60}, {"epochs": 60, "early_stopping": {"patience": 50}}):
        spec["training"] = {**training, "batch_size": 16}
        spec["optimizer"] = {"type": "sgd", "learning_rate": {"type": "jump"}}
        spec["dtype"] = "float64"
        spec["network"]["layers"][0]["activation"] = "linear"
        Path("spec.json").write_text(json.dumps(spec))
        done = run("train", "spec.json", "-c", "jump.py", "-f")
        assert done.code == 1, done.err
        assert "error: the loss became" in done.err
        assert "saved model.h5: the weights of the best epoch before the failure" in done.err
        history = mlpkit.load("model.h5").history
        assert len(history) == 20
        best = min(history, key=lambda epoch: epoch.validation_loss)
        assert f"the model has the weights of epoch {best.number}, the best finished one" in done.err
        assert mlpkit.load("model.h5").evaluate("shapes.csv")["loss"] < 2


def test_a_run_that_breaks_in_its_first_epoch_writes_nothing(project, run):
    done = run("train", "spec.json", "-s", "optimizer={'type': 'sgd', 'learning_rate': 1e200}".replace("'", '"'))
    assert done.code == 1
    assert not Path("model.h5").exists()


def test_any_failure_saves_the_best_epoch(project, run):
    Path("broken.py").write_text(
        "import mlpkit\ncalls = []\nclass Broken(mlpkit.Elementwise):\n"
        "    def function(self, z):\n        calls.append(1)\n        if len(calls) == 61: raise RuntimeError('worn out')\n"
        "        return z\n"
        "    def derivative(self, z, y): return 1 + 0 * z\n"
    )
    done = run("train", "spec.json", "-c", "broken.py", "-s", "network.layers.0.activation=broken", "--epochs", "50")
    assert done.code == 3
    assert "worn out" in done.err
    assert "saved model.h5" in done.err
    assert 0 < len(mlpkit.load("model.h5", allow_surrogate=True).history) < 50


def test_a_failure_is_reported_if_nothing_can_be_saved(project, run):
    Path("broken.py").write_text(
        "import mlpkit\ncalls = []\nclass Broken(mlpkit.Elementwise):\n"
        "    def function(self, z):\n        calls.append(1)\n        if len(calls) > 60: raise RuntimeError('worn out')\n"
        "        return z\n    def derivative(self, z, y): return 1 + 0 * z\n"
    )
    done = run("train", "spec.json", "-c", "broken.py", "-s", "network.layers.0.activation=broken", "--epochs", "50")
    assert done.code == 3
    assert "warning: the trained weights cannot be saved: " in done.err
    assert "error: broken" in done.err or "failed in function: RuntimeError: worn out" in done.err


def test_two_runs_have_folders_of_checkpoints_of_their_own(project, run):
    options = ("-s", "training.checkpoint={}")
    assert run("train", "spec.json", *options, "-o", "one.h5").code == 0
    assert run("train", "spec.json", *options, "-o", "two.h5", "--seed", "5").code == 0
    assert {path.name for path in Path().glob("*.checkpoints")} == {"one.checkpoints", "two.checkpoints"}
    assert all(len(list(path.iterdir())) == 2 for path in Path().glob("*.checkpoints"))


def test_a_folder_in_use_is_refused_and_a_killed_run_blocks_nothing(project, start, run):
    line = ("train", "spec.json", "-s", "training.checkpoint={}", "--progress", "json")
    process = start(*line, "--epochs", "1000000")
    for text in process.stderr:
        if b'"epoch": 3' in text:
            break
    before = sorted(Path("model.checkpoints").iterdir())
    done = run(*line[:-2], "--force", "--seed", "9")
    assert done.code == 1
    assert "error: the folder model.checkpoints is in use: another run writes its checkpoints there" in done.err
    assert before
    process.kill()
    process.communicate(timeout=600)
    assert run(*line[:-2], "--force", "--seed", "9").code == 0


def test_a_forked_child_does_not_keep_the_folder(project):
    code = """
import os, signal, sys, mlpkit
from mlpkit.spec import Spec
spec = Spec.read("spec.json")
spec = Spec.model_validate({**spec.to_dict(), "training": {"epochs": 5, "batch_size": 16, "checkpoint": {"folder": "points"}}}, folder=".")
model, loop = None, None
from mlpkit.model.model import Model
from mlpkit.preprocessing.prepare import prepare
prepared = prepare(spec)
loop = Model.for_data(spec, prepared).epochs(prepared)
next(loop)
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.write(writing, b"!")
    signal.pause()
    os._exit(0)
os.read(reading, 1)  # the child runs, and so has left the fork
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.wait(600)
    try:
        spec = {**json.loads(Path("spec.json").read_text()), "training": {"epochs": 5, "batch_size": 16}}
        mlpkit.train(spec, checkpoints="points", resume="points")  # not in use
    finally:
        os.kill(child, 9)
    assert np.isfinite(mlpkit.load(sorted(Path("points").iterdir())[-1]).history[-1].loss)
