"""Recipes of the guide for Dask, Ray and Spark, as far as they need none of them; `dask_ray_spark_recipes.py` runs them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlpkit

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("### With Dask, Ray or Spark")[2].partition("\n## ")[0]
BLOCKS = dict(re.findall(r"^<!-- ([\w .:]+) -->\n```python\n(.*?)^```$", SECTION, re.M | re.S))


def test_there_is_a_recipe_for_each():
    assert list(BLOCKS) == ["file: scoring.py", "dask", "ray", "spark"]
    for name, code in BLOCKS.items():
        compile(code, name, "exec")


def test_a_process_maps_the_model_once_and_predicts_as_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODELS / "penguins" / "model.h5", "penguins.h5")
    exec(compile(BLOCKS["file: scoring.py"], "models/README.md", "exec"), names := {})
    assert names["model"]() is names["model"]()
    rows = pd.read_csv(MODELS / "penguins" / "penguins.csv")
    found = names["predict"](rows)
    assert found["predicted"].tolist() == mlpkit.load("penguins.h5").predict(rows).tolist()
    assert list(found.columns) == [*rows.columns, "predicted"]
    with pytest.raises(ValueError, match="read-only"):
        names["model"]().network.parameters.vector += np.float32(1)
