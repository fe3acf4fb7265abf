"""Dropout and noise: what they do to values, and their gradients for a given mask."""

import numpy as np
import pytest

import mlpkit
from mlpkit.engine.dropout import LOWEST, DropoutMask, InputNoise
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.spec import Spec
from mlpkit.spec.dropout import AlphaDropout, GaussianDropout

RATES = [0.1, 0.5, 0.8]
MANY = (2000, 100)


def applied(options, values, seed=0):
    mask, results = DropoutMask(options, values.shape, values.dtype, np.random.default_rng(seed)), np.empty_like(values)
    for function, arguments in mask.forward(values, results):
        function(*arguments)
    return mask.mask, results


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", RATES)
def test_alpha_dropout_is_that_of_its_paper(rate, dtype):
    """Appendix of 1706.02515: a (x d + alpha' (1 - d)) + b keeps mean 0 and variance 1."""
    values = np.random.default_rng(1).standard_normal(MANY).astype(dtype)
    mask, results = applied(AlphaDropout(rate=rate), values)
    a = ((1 - rate) * (1 + rate * LOWEST**2)) ** -0.5
    b = -a * rate * LOWEST
    kept = mask != 0
    np.testing.assert_allclose(results, a * np.where(kept, values, LOWEST) + b, rtol=1e-5, atol=1e-5)
    assert abs(kept.mean() - (1 - rate)) < 0.01
    assert (abs(results.mean()), abs(results.std() - 1)) < (0.02, 0.02)
    np.testing.assert_allclose(mask[kept], a, rtol=1e-6)
    assert pytest.approx(-1.0507009873554805 * 1.6732632423543772, abs=1e-15) == LOWEST


@pytest.mark.parametrize("rate", RATES)
def test_gaussian_dropout_multiplies_by_normal_numbers(rate):
    values = np.ones(MANY)
    mask, results = applied(GaussianDropout(rate=rate), values)
    np.testing.assert_array_equal(mask, results)
    assert abs(results.mean() - 1) < 0.02
    assert results.var() == pytest.approx(rate / (1 - rate), rel=0.02)


@pytest.mark.parametrize("dropout", [0.3, {"type": "alpha", "rate": 0.3}, {"type": "gaussian", "rate": 0.3}], ids=str)
def test_the_gradient_is_that_of_the_results(dropout):
    mask, _ = applied(Spec.model_validate(spec(dropout)).network.layers[0].dropout, np.ones((3, 4)))
    options = Spec.model_validate(spec(dropout)).network.layers[0].dropout
    values, step = np.random.default_rng(2).standard_normal((3, 4)), 1e-6
    above, below = (applied(options, values + sign * step)[1] for sign in (1, -1))
    np.testing.assert_allclose((above - below) / (2 * step), mask, rtol=1e-6, atol=1e-9)


def spec(dropout, **network):
    layers = [{"units": 4, "activation": "tanh", "dropout": dropout}, {"units": 1}]
    return {"dtype": "float64", "network": {**network, "layers": layers}, "loss": "mse", "training": {"epochs": 4, "batch_size": 8}}


def test_inputs_get_noise_and_then_dropout():
    inputs = np.full(MANY, 3.0)
    noisy = InputNoise(0.25, 0.5, (), MANY, np.dtype("float64"), np.random.default_rng(0)).fill(inputs)
    kept = noisy[noisy != 0] * 0.75
    assert abs((noisy == 0).mean() - 0.25) < 0.01
    assert (kept.mean(), kept.std()) == (pytest.approx(3.0, abs=0.01), pytest.approx(0.5, rel=0.02))
    assert (inputs == 3.0).all()


def test_the_gradient_of_the_first_weights_is_for_the_changed_inputs():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 1))
    checked = Spec.model_validate(
        {"dtype": "float64", "network": {"inputs": 3, "input_noise": 1.0, "layers": [{"units": 1}]}, "loss": "mse"}
    )
    network = Network(checked.network, "float64")
    network.initialize(rng)
    workspace = Workspace(network, checked.loss, 6, rng=np.random.default_rng(9))
    workspace.loss_and_gradient(x, y)
    changed = x + np.random.default_rng(9).standard_normal((6, 3))
    errors = changed @ network.layers[0].weight + network.layers[0].bias - y
    np.testing.assert_allclose(workspace.gradient.views["layers.0.weight"], changed.T @ errors * 2 / 6, rtol=1e-12)


CASES = {
    "alpha": spec({"type": "alpha", "rate": 0.2}),
    "gaussian": spec({"type": "gaussian", "rate": 0.2}),
    "of the inputs": spec(0.1, input_dropout=0.2, input_noise=0.1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_resumes_to_the_same_bits_and_predictions_have_no_noise(case, tmp_path):
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((30, 3)), rng.standard_normal(30)
    whole = mlpkit.train(CASES[case], x, y)
    model = mlpkit.Model(CASES[case], inputs=3, outputs=1)
    for epoch in mlpkit.epochs(model, x, y):
        if epoch.number == 2:
            break
    model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(CASES[case], x, y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
    np.testing.assert_array_equal(whole.predict(x), whole.predict(x))
    resumed.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5


WRONG = {
    "a rate of one": (1.0, "a number from 0 to below 1"),
    "a rate of 1.5": (1.5, "a number from 0 to below 1"),
    "true": (True, "a number from 0 to below 1"),
    "an unknown kind": ("beta", "'alpha' or 'gaussian'"),
    "no rate": ({"type": "alpha"}, "rate"),
    "an alpha of 1.5": ({"type": "alpha", "rate": 1.5}, "rate"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values_are_refused_at_their_place(case):
    value, message = WRONG[case]
    with pytest.raises(mlpkit.SpecError) as caught:
        Spec.model_validate(spec(value))
    assert "network.layers[0].dropout" in str(caught.value)
    assert message in str(caught.value)
