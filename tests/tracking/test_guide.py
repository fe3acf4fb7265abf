"""Test the code of the guide on following a run: its blocks run, MLflow and Weights & Biases with placeholders for their modules."""

import contextlib
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mlpkit
from mlpkit.cli import main

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("## Follow a run")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)


class Calls:
    """Records the calls of a module, with the signatures of the functions that the guide uses."""

    def __init__(self):
        self.metrics, self.texts, self.files, self.open = {}, {}, [], False

    @contextlib.contextmanager
    def run(self, **_):
        self.open = True
        yield self
        self.open = False

    def log_metrics(self, metrics, step):
        assert self.open
        assert all(isinstance(value, float) for value in metrics.values())
        self.metrics[step] = dict(metrics)

    def log(self, data, step):
        self.log_metrics(data, step)

    def log_dict(self, dictionary, artifact_file):
        self.texts[artifact_file] = json.dumps(dictionary)

    def log_artifact(self, local_path, name=None, type=None):
        assert Path(local_path).exists()
        self.files.append((local_path, name, type))


@pytest.fixture
def modules(monkeypatch):
    """Placeholders for `mlflow` and `wandb`."""
    calls = {name: Calls() for name in ("mlflow", "wandb")}
    for name, recorded in calls.items():
        module = ModuleType(name)
        module.start_run = module.init = recorded.run
        module.log_metrics, module.log_dict, module.log_artifact = recorded.log_metrics, recorded.log_dict, recorded.log_artifact
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_the_blocks_of_the_guide_run(tmp_path, monkeypatch, modules, capsys):
    for name in ("penguins.csv", "spec.json"):
        shutil.copy(MODELS / "penguins" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    spec = json.loads(Path("spec.json").read_text())
    spec["training"] |= {"epochs": 2}
    Path("spec.json").write_text(json.dumps(spec))
    names = {}
    for block in BLOCKS:
        exec(compile(block, "models/README.md", "exec"), names)
    assert len(BLOCKS) == 3
    for name, keys in (("mlflow", {"loss", "validation_loss", "accuracy", "log_loss"}), ("wandb", {"loss", "r2"})):
        assert {step: metrics.keys() for step, metrics in modules[name].metrics.items()} == {1: keys, 2: keys}
        assert [file for file, *_ in modules[name].files] == ["model.h5"]
    assert json.loads(modules["mlflow"].texts["spec.json"])["training"]["epochs"] == 2
    assert Path("run.jsonl").read_text().count("\n") == 2
    assert "epoch 2/2  loss" in capsys.readouterr().err
    assert len(list(Path("runs/first").iterdir())) == 1
    assert isinstance(names["model"], mlpkit.Model)


def test_the_commands_of_the_guide_run(tmp_path, monkeypatch):
    for name in ("penguins.csv", "spec.json"):
        shutil.copy(MODELS / "penguins" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^\$ mlpkit (train.*)$", SECTION, re.M)
    assert main([*command.split(), "--epochs", "2", "-q"]) == 0
    assert Path("run.csv").exists()
    assert list(Path("runs/first").iterdir())
