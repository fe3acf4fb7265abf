"""Test the code of the guide on scikit-learn: its block runs."""

import re
import shutil
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("## Use the tools of scikit-learn")[2].partition("\n## ")[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mlpkit.errors.DataWarning")  # folds without a missing value
def test_the_block_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    shutil.copy(MODELS / "penguins" / "penguins.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) >= 5
    assert (tmp_path / "penguins.h5").exists()
