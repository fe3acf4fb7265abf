"""L-BFGS: what SciPy finds, on plain functions and in the training of a network."""

import os
import subprocess
import sys

import numpy as np
import pytest
from mlpkit_scipy import LBFGS
from scipy.optimize import minimize, rosen, rosen_der

import mlpkit
from mlpkit.errors import SpecError
from mlpkit.testing import parametrize_with_checks

START = np.array([1.3, 0.7, 0.8, 1.9])


class Rosenbrock:
    """A curved valley with its minimum, 0, at ones; it rounds to a dtype, and the gradient is one array, as mlpkit's is."""

    def __init__(self, dtype="float64"):
        self.grad = np.empty(len(START), dtype)
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        x = x.astype(self.grad.dtype)
        self.grad[...] = rosen_der(x)
        return float(rosen(x)), self.grad


class Wall:
    """x - log(x), which is not a number from 0 down; its minimum is at 1."""

    def __init__(self, beyond):
        self.beyond = beyond

    def __call__(self, x):
        if x[0] <= 0:
            return self.beyond, np.array([self.beyond])
        return float(x[0] - np.log(x[0])), 1 - 1 / x


@parametrize_with_checks([LBFGS(iterations=3, memory=2)])
def test_contract(check):
    check()


def test_it_is_found_by_its_entry_point():
    (info,) = [info for info in mlpkit.plugins("optimizers") if info.name == "lbfgs"]
    assert info.full_name == "mlpkit-scipy:lbfgs"
    spec = mlpkit.Spec.model_validate({"network": {"layers": [{"units": 1}]}, "loss": "mse", "optimizer": {"type": "lbfgs", "memory": 5}})
    assert spec.optimizer == LBFGS(memory=5)


# -- on plain functions


@pytest.mark.parametrize("memory", [2, 10])
@pytest.mark.parametrize("iterations", [1, 7, 100])
def test_it_is_scipys_own_to_the_last_bit(memory, iterations):
    options = {"maxiter": iterations, "maxcor": memory, "gtol": 1e-8, "ftol": 0.0}
    expected = minimize(rosen, START, jac=rosen_der, method="L-BFGS-B", options=options)
    w, problem = START.copy(), Rosenbrock()
    converged = LBFGS(memory=memory, iterations=iterations).minimize(w, problem, lr=1.0, t=1)
    np.testing.assert_array_equal(w, expected.x)
    assert problem.calls == expected.nfev
    assert converged == (iterations == 100)


def test_it_goes_on_to_the_minimum_and_says_so():
    w, calls = START.copy(), 0
    while not LBFGS(iterations=5).minimize(w, Rosenbrock(), lr=1.0, t=1):
        calls += 1
    assert calls > 2
    np.testing.assert_allclose(w, 1, rtol=1e-7)


def test_in_float32_it_ends_in_rounding():
    w = START.astype(np.float32)
    calls = [LBFGS(iterations=10).minimize(w, Rosenbrock("float32"), lr=1.0, t=t) for t in range(1, 31)]
    assert any(calls)
    assert calls == sorted(calls)
    assert w.dtype == np.float32
    np.testing.assert_allclose(w, 1, atol=1e-3)


def test_at_the_minimum_nothing_moves():
    w, problem = np.ones(4), Rosenbrock()
    assert LBFGS().minimize(w, problem, lr=1.0, t=1)
    np.testing.assert_array_equal(w, np.ones(4))
    assert problem.calls == 1


@pytest.mark.parametrize("beyond", [np.inf, np.nan])
@pytest.mark.parametrize("start", [0.3, 5.0, 100.0])
def test_a_line_search_that_overflows_turns_back(beyond, start):
    w = np.array([start])
    assert LBFGS().minimize(w, Wall(beyond), lr=1.0, t=1)
    np.testing.assert_allclose(w, 1, rtol=1e-7)


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt])
def test_an_error_of_the_problem_leaves_the_parameters_alone(raised):
    problem = Rosenbrock()

    def interrupted(x):
        if problem.calls == 5:
            raise raised
        return problem(x)

    w = START.copy()
    with pytest.raises(raised):
        LBFGS().minimize(w, interrupted, lr=1.0, t=1)
    np.testing.assert_array_equal(w, START)


MANY = """
import numpy as np
from mlpkit_scipy import LBFGS

rng = np.random.default_rng(0)
curvature, centre = rng.uniform(0.1, 10, 50_000), rng.standard_normal(50_000)
def problem(x):
    away = x - centre
    return float(np.sum(curvature * away**2 / 2 + np.cos(3 * away))), curvature * away - 3 * np.sin(3 * away)
w = np.zeros(50_000)
LBFGS(iterations=15).minimize(w, problem, lr=1.0, t=1)
print(w.tobytes().hex())
"""


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit():
    """Vectors of more than 10,000 numbers are those that OpenBLAS adds up on several threads."""
    found = {
        subprocess.run(
            [sys.executable, "-c", MANY], env={**os.environ, "OPENBLAS_NUM_THREADS": threads}, capture_output=True, text=True, check=True
        ).stdout
        for threads in "12"
    }
    assert len(found) == 1


# -- options


def test_a_learning_rate_is_refused():
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse"}
    for rate in (0.1, {"type": "cosine", "initial": 1.0}):
        with pytest.raises(SpecError, match="must be 1, or left out, since a line search finds the length of each step"):
            mlpkit.Spec.model_validate({**spec, "optimizer": {"type": "lbfgs", "learning_rate": rate}})
    assert mlpkit.Spec.model_validate({**spec, "optimizer": {"type": "lbfgs", "learning_rate": 1}}).optimizer == LBFGS()


@pytest.mark.parametrize("option", ["iterations", "memory", "line_search", "gradient_tolerance"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=option):
        LBFGS(**{option: -1})


def test_scipy_is_imported_when_it_is_needed():
    code = "import sys, mlpkit; mlpkit.Spec.model_validate({'network': {'layers': [{'units': 1}]}, 'loss': 'mse', 'optimizer': 'lbfgs'})"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('scipy' in sys.modules)"], check=True)


# -- in training


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(200, 3))
    return x, np.sin(x[:, 0]) + x[:, 1] ** 2


def spec_with(epochs=8, dtype="float64", layers=None, **options):
    return {
        "dtype": dtype,
        "preprocessing": "none",
        "network": {"layers": layers or [{"units": 5, "activation": "tanh"}, {"units": 1}]},
        "loss": "mse",
        "optimizer": {"type": "lbfgs", **options},
        "training": {"epochs": epochs},
    }


def vector(model):
    return model.network.parameters.vector


def test_a_linear_network_comes_to_the_least_squares(data):
    x, y = data
    model = mlpkit.train(spec_with(layers=[{"units": 1}]), x, y)
    assert len(model.history) == 1
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)
    np.testing.assert_allclose(vector(model), expected, rtol=1e-6)


def test_a_network_comes_to_where_scipy_takes_its_formula(data):
    x, y = data
    spec = spec_with(epochs=1, iterations=15)

    def loss(vector):
        hidden, last = vector[:20].reshape(4, 5), vector[20:]
        return np.mean((np.tanh(x @ hidden[:3] + hidden[3]) @ last[:5] + last[5] - y) ** 2)

    def gradient(vector):
        steps = 1e-6 * np.eye(len(vector))
        return np.array([(loss(vector + step) - loss(vector - step)) / 2e-6 for step in steps])

    start = vector(mlpkit.Model(spec, inputs=3, outputs=1)).copy()
    expected = minimize(loss, start, jac=gradient, method="L-BFGS-B", options={"maxiter": 15, "ftol": 0.0})
    model = mlpkit.train(spec, x, y)
    assert loss(vector(model)) == pytest.approx(expected.fun, rel=1e-5)
    np.testing.assert_allclose(vector(model), expected.x, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("after", [1, 3])
def test_a_run_that_goes_on_has_the_same_bits(data, tmp_path, dtype, after):
    spec = spec_with(dtype=dtype, iterations=6)
    spec["training"]["early_stopping"] = {"patience": 2}
    validation = data[0][:50] + 0.1, data[1][:50]
    unbroken = mlpkit.train(spec, *data, validation=validation)
    model = mlpkit.Model(spec, inputs=3, outputs=1)
    for epoch in mlpkit.epochs(model, *data, validation=validation):
        if epoch.number == after:
            break
    model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec, *data, validation=validation, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(vector(resumed), vector(unbroken))
    assert [epoch[:4] for epoch in resumed.history] == [epoch[:4] for epoch in unbroken.history]


def test_early_stopping_keeps_the_best_epoch(data):
    """Of few rows with noise, which the network soon learns by heart."""
    rng = np.random.default_rng(1)
    x, y = data[0][:40], data[1][:40] + rng.standard_normal(40)
    spec = spec_with(epochs=100, layers=[{"units": 30, "activation": "tanh"}, {"units": 1}], iterations=5)
    spec["training"]["early_stopping"] = {"patience": 3}
    model = mlpkit.train(spec, x, y, validation=data)
    losses = [epoch.validation_loss for epoch in model.history]
    assert len(losses) == int(np.argmin(losses)) + 4 < 100
    assert model.evaluate(*data)["loss"] == pytest.approx(min(losses))


def test_a_run_is_over_when_nothing_is_left_to_gain(data):
    model = mlpkit.train(spec_with(epochs=1000, layers=[{"units": 1}], iterations=3), *data)
    assert 1 < len(model.history) < 50


def test_a_saved_model_predicts_the_same(data, tmp_path):
    model = mlpkit.train(spec_with(epochs=2, dtype="float32"), *data)
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(data[0]), model.predict(data[0]))


def test_the_objective_has_the_weights_of_targets(data):
    """A run comes to where SciPy takes the weighted mean of two targets, which share five hidden units."""
    x, y = data
    both, shares = np.column_stack([y, np.sin(3 * x[:, 0])]), np.array([0.2, 0.8])
    layers = [{"units": 5, "activation": "tanh"}, {"activation": "linear"}]
    spec = {**spec_with(epochs=1, layers=layers, iterations=10), "data": {"target_weights": {"y1": 4}}}

    def loss(vector):
        hidden, last = vector[:20].reshape(4, 5), vector[20:].reshape(6, 2)
        return np.mean((np.tanh(x @ hidden[:3] + hidden[3]) @ last[:5] + last[5] - both) ** 2 @ shares)

    def gradient(vector):
        steps = 1e-6 * np.eye(len(vector))
        return np.array([(loss(vector + step) - loss(vector - step)) / 2e-6 for step in steps])

    model = mlpkit.Model(spec, inputs=3, outputs=2)
    expected = minimize(loss, vector(model).copy(), jac=gradient, method="L-BFGS-B", options={"maxiter": 10, "ftol": 0.0})
    model = mlpkit.train(spec, x, both)
    assert loss(vector(model)) == pytest.approx(expected.fun, rel=1e-5)
    assert model.evaluate(x, both)["loss"] == pytest.approx(loss(vector(model)), rel=1e-12)
