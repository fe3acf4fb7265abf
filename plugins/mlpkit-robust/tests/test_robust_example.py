"""Test the worked example of the README."""

import json
import runpy
import shutil
from pathlib import Path

import pytest

import mlpkit

EXAMPLE = Path(__file__).parents[1] / "example"


def error(seed, **changes):
    """Root of the mean squared error on the curve, of a network that was trained on rows with gross errors."""
    spec = json.loads((EXAMPLE / "spec.json").read_text())
    return mlpkit.train({**spec, "seed": seed, **changes}, EXAMPLE / "training.csv").evaluate(EXAMPLE / "curve.csv")["rmse"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_curve_where_the_built_ins_do_not(seed):
    robust, absolute, squared = error(seed), error(seed, loss="mean_absolute_error"), error(seed, loss="mean_squared_error")
    assert robust < 0.14 < absolute < 0.25
    assert squared > 1.5


def test_the_script_makes_the_data(tmp_path):
    shutil.copy(EXAMPLE / "make_data.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_data.py"), run_name="__main__")
    for path in EXAMPLE.glob("*.csv"):
        assert (tmp_path / path.name).read_text() == path.read_text()
