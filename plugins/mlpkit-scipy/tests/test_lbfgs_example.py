"""Test the worked example of the README."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
from mlpkit_scipy import LBFGS

import mlpkit

EXAMPLE = Path(__file__).parents[1] / "example"
SPEC = json.loads((EXAMPLE / "spec.json").read_text())
PASSES = 20_000  # of Adam, a hundred times those of L-BFGS


class Counting(LBFGS):
    """L-BFGS, and how often it passed over the rows."""

    def minimize(self, w, problem, *state, lr, t):
        def counted(x):
            passes.append(None)
            return problem(x)

        passes = []
        converged = super().minimize(w, counted, *state, lr=lr, t=t)
        Counting.passes = len(passes)
        return converged


def error(seed, **changes):
    """Root of the mean squared error, in hPa."""
    return mlpkit.train({**SPEC, "seed": seed, **changes}, EXAMPLE / "steam.csv").evaluate(EXAMPLE / "steam.csv")["rmse"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_it_is_further_than_adam_in_a_hundredth_of_the_passes(seed):
    options = {name: value for name, value in SPEC["optimizer"].items() if name != "type"}
    reached = error(seed, optimizer=Counting(**options))
    assert reached == error(seed)
    assert Counting.passes <= PASSES / 100
    assert reached < 0.1
    for rate, batch_size in [(0.03, None), (0.01, 20)]:
        adam = {"type": "adam", "learning_rate": {"type": "cosine", "initial": rate}}
        assert error(seed, optimizer=adam, training={"epochs": PASSES, "batch_size": batch_size}) > 0.1


def test_the_script_makes_the_data(tmp_path):
    shutil.copy(EXAMPLE / "make_data.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_data.py"), run_name="__main__")
    assert (tmp_path / "steam.csv").read_text() == (EXAMPLE / "steam.csv").read_text()
