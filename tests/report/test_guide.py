"""The section of models/README.md on reports: its code runs."""

import re
import shutil
from pathlib import Path

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("## Report on a model")[2].partition("\n## ")[0]


def test_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODELS / "penguins" / "penguins.csv", tmp_path)
    shutil.copy(MODELS / "penguins" / "model.h5", tmp_path / "penguins.h5")
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    assert "Drift" in (tmp_path / "report.html").read_text("utf-8")
