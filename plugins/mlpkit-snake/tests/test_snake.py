"""The snake activation: found by its entry point, right in value and derivative, and good for what it is meant for."""

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlpkit_snake import Snake

import mlpkit
from mlpkit.testing import parametrize_with_checks

EXAMPLE = Path(__file__).parents[1] / "example"


@parametrize_with_checks([Snake()])
def test_contract(check):
    check()


@pytest.mark.slow
@parametrize_with_checks([Snake(a=10.0)])
def test_contract_of_another_frequency(check):
    check()


def test_it_is_found_by_its_entry_point():
    (info,) = [info for info in mlpkit.plugins("activations") if info.name == "snake"]
    assert info.full_name == "mlpkit-snake:snake"
    spec = mlpkit.Spec.model_validate({"network": {"layers": [{"units": 1, "activation": {"type": "snake", "a": 2}}]}, "loss": "mse"})
    assert spec.network.layers[0].activation == Snake(a=2.0)
    assert spec.to_dict()["network"]["layers"][0]["activation"] == {"type": "mlpkit-snake:snake", "a": 2.0}


@pytest.mark.parametrize("a", [0.5, 1.0, 10.0])
def test_value_and_derivative(a):
    snake, z, step = Snake(a=a), np.linspace(-5, 5, 201), 1e-6
    np.testing.assert_allclose(snake.function(z), z + (1 - np.cos(2 * a * z)) / (2 * a), rtol=1e-12, atol=1e-14)
    differences = (snake.function(z + step) - snake.function(z - step)) / (2 * step)
    np.testing.assert_allclose(snake.derivative(z, snake.function(z)), differences, rtol=1e-6, atol=1e-8)


def test_float32_stays_float32():
    z = np.linspace(-5, 5, 11, dtype=np.float32)
    y = Snake().function(z)
    assert y.dtype == Snake().derivative(z, y).dtype == np.float32


@pytest.mark.parametrize("a", [0, -1, float("nan")])
def test_the_frequency_must_be_positive(a):
    with pytest.raises(ValueError, match="a"):
        Snake(a=a)


def error_beyond_the_training_range(seed, **changes):
    """Root of the mean squared error of the worked example, in the three periods after those that it is trained on."""
    spec = json.loads((EXAMPLE / "spec.json").read_text())
    spec["seed"] = seed
    spec["network"]["layers"][0].update(changes)
    return mlpkit.train(spec, EXAMPLE / "training.csv").evaluate(EXAMPLE / "beyond.csv")["rmse"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_goes_on_with_a_sine_where_the_built_ins_cannot(seed):
    assert error_beyond_the_training_range(seed) < 0.2
    assert error_beyond_the_training_range(seed, activation="relu") > 0.6
    assert error_beyond_the_training_range(seed, activation="tanh") > 0.6


def test_the_script_makes_the_data(tmp_path):
    shutil.copy(EXAMPLE / "make_data.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_data.py"), run_name="__main__")
    for path in EXAMPLE.glob("*.csv"):
        assert (tmp_path / path.name).read_text() == path.read_text()


def test_a_saved_model_predicts_the_same(tmp_path):
    x = np.linspace(-3, 3, 50)[:, None]
    spec = {"network": {"layers": [{"units": 4, "activation": "snake"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 3}}
    model = mlpkit.train(spec, x, np.sin(x))
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(x), model.predict(x))
