"""The section of models/README.md on explanations: its code runs, and its figures are those of the example."""

import re
import shutil
from pathlib import Path

import mlpkit
from mlpkit.cli import main

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("## Explain a model")[2].partition("\n## ")[0]


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODELS / "penguins" / "penguins.csv", tmp_path)
    shutil.copy(MODELS / "penguins" / "model.h5", tmp_path / "penguins.h5")
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("bill_length_mm")
    (command,) = re.findall(r"^\$ mlpkit (.*)$", SECTION, re.M)
    assert main(command.split()) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].partition(" on ")[2] in SECTION
    assert [line.split()[0] for line in out[1:4]] == ["bill_length_mm", "bill_depth_mm", "island"]
    assert mlpkit.importance.__doc__
