"""Test the code of the guide on the export to ONNX: it runs, and prints what the guide says."""

import re
import shutil

import numpy as np

import mlpkit

from ..modelfile.models import ROOT

SECTION = (ROOT / "models" / "README.md").read_text("utf-8").partition("## Export a model to ONNX")[2].partition("\n## ")[0]


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "models" / "penguins", tmp_path / "models" / "penguins")
    (code,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    names = {}
    exec(compile(code, "guide", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.startswith(re.search(r"# (\[.*?\])", code.splitlines()[-1])[1])
    model = mlpkit.load("models/penguins/model.h5")
    rows = {name: [None if value in ("",) else value for value in values[:, 0].tolist()] for name, values in names["inputs"].items()}
    np.testing.assert_allclose(names["probabilities"], model.predict_proba(rows), atol=5e-6)
