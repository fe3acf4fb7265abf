"""A model whose activation is missing, on the command line: what to install, or the table to predict through."""

import numpy as np
import pytest

import mlpkit


@pytest.fixture
def model(folder, alone):
    """A model with an outside activation, which is then not there."""
    layers = [{"units": 8, "activation": {"type": "snake", "a": 2.0}}, {"units": 1}]
    x = np.linspace(-2, 2, 60)
    spec = {"network": {"layers": layers}, "loss": "mse", "data": {"target": "y"}, "training": {"epochs": 5}}
    mlpkit.train(spec, {"x": x, "y": np.sin(3 * x)}).save(folder / "model.h5")
    (folder / "rows.csv").write_text("x,y\n0.5,1\n1,0.1\n" + "900,0\n" * 5000)
    alone()
    return "model.h5"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_missing_activation_says_what_to_do(model, run, command):
    done = run(command, model, "rows.csv")
    assert (done.code, done.out) == (3, "")
    assert "pip install mlpkit-snake  (trained with 0.1.0), or predict through the table of it in the file, right to" in done.err
    assert "--allow-surrogate" in done.err


def test_it_predicts_through_the_table_and_says_each_thing_once(model, run):
    done = run("predict", model, "rows.csv", "--allow-surrogate", "--batch-size", "1000")
    assert done.code == 0
    assert len(done.out.splitlines()) == 5003
    assert done.err.count("predicts through the table of mlpkit-snake:snake, right to") == 1
    assert done.err.count("some scores are beyond the table") == 1
    assert "rmse" in run("evaluate", model, "rows.csv", "--allow-surrogate").out


def test_info_needs_no_plugin_and_tells_of_the_table(model, run):
    done = run("info", model)
    assert done.code == 0
    assert "mlpkit-snake:snake of mlpkit-snake 0.1.0" in done.out
    assert "of mlpkit-snake:snake: right to" in done.out
    assert "not verified, since a plugin cannot be used" in run("info", model, "--verify").out
