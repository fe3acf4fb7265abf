"""The snake activation: found by its entry point, right in value and derivative, and good for what it is meant for."""

import numpy as np
import pytest
from mlpkit_snake import Snake

import mlpkit


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


def error_beyond_the_training_range(activation, seed):
    """Root of the mean squared error on a sine, in the three periods after those that a network was trained on."""
    x = np.linspace(-20, 20, 400)[:, None]
    beyond = np.linspace(20, 40, 200)[:, None]
    initializer = {"type": "random_normal", "stddev": 0.1}
    spec = {
        "seed": seed,
        "dtype": "float64",
        "preprocessing": "none",
        "network": {"layers": [{"units": 32, "activation": activation, "weight_initializer": initializer}, {"units": 1}]},
        "loss": "mse",
        "optimizer": {"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.03}},
        "training": {"epochs": 2000, "batch_size": 100},
    }
    model = mlpkit.train(spec, x, np.sin(x))
    return float(np.sqrt(np.mean((model.predict(beyond) - np.sin(beyond[:, 0])) ** 2)))


@pytest.mark.parametrize("seed", range(3))
def test_it_goes_on_with_a_sine_where_the_built_ins_cannot(seed):
    assert error_beyond_the_training_range(Snake(a=5), seed) < 0.3
    assert error_beyond_the_training_range("relu", seed) > 0.6
    assert error_beyond_the_training_range("tanh", seed) > 0.6


def test_a_saved_model_predicts_the_same(tmp_path):
    x = np.linspace(-3, 3, 50)[:, None]
    spec = {"network": {"layers": [{"units": 4, "activation": "snake"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 3}}
    model = mlpkit.train(spec, x, np.sin(x))
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(x), model.predict(x))
