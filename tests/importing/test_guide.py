"""Test the code of the guide on weights of other libraries: its blocks run in order."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "models" / "README.md"
SECTION = GUIDE.read_text("utf-8").partition("## Bring weights from other libraries")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_blocks_of_the_guide_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert len(BLOCKS) >= 2
    assert capsys.readouterr().out
    assert (tmp_path / "rent.h5").exists()
