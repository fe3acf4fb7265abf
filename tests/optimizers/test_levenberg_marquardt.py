"""Levenberg & Marquardt: the Jacobian against gradients and differences, the run against the paper's pseudo-code, and refusals."""

import numpy as np
import pytest

import mlpkit
from mlpkit.data.batches import batches_of
from mlpkit.data.dataset import Dataset
from mlpkit.engine.workspace import Workspace
from mlpkit.training.objective import Objective
from mlpkit.training.penalty import Penalty

RNG = np.random.default_rng(41)
X, Y, WEIGHTS = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2)), RNG.uniform(0.5, 1.5, 30)
WEIGHTS /= WEIGHTS.mean()
LAYERS = [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": "swiglu", "residual": 1}, {"units": 2}]


def model_of(layers=LAYERS, dtype="float64", **training):
    network = {"layers": layers}
    spec = {"dtype": dtype, "preprocessing": "none", "network": network, "loss": "mse", "optimizer": "levenberg_marquardt"}
    return mlpkit.Model({**spec, "training": {"epochs": 20, **training}}, inputs=3, outputs=2)


def problem_of(model, weights=WEIGHTS, size=8):
    """The objective in blocks of 8 rows, of which the last has fewer."""
    network, batches = model.network, batches_of(Dataset(X, Y, weights), size, False, False)
    first = Workspace(network, model.spec.loss, size)
    last = len(X) - (len(batches) - 1) * size
    workspaces = {size: first, last: Workspace(network, model.spec.loss, last, first.gradient)}
    return Objective(network, batches, workspaces, Penalty(network), None)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_jacobian_has_the_loss_the_gradient_and_the_differences(weights, frozen):
    layers = [{**layer, "trainable": not (frozen and at == 1)} for at, layer in enumerate(LAYERS)]
    model = model_of(layers)
    problem, x = problem_of(model, weights), model.network.parameters.trained.copy()
    residuals, jacobian = (array.copy() for array in problem.jacobian(x))
    loss, gradient = problem(x)
    assert residuals.dot(residuals) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(2 * jacobian.T.dot(residuals), gradient, rtol=1e-11, atol=1e-14)
    for at in range(0, len(x), 3):
        step = np.zeros_like(x)
        step[at] = 1e-6
        difference = (problem.jacobian(x + step)[0].copy() - problem.jacobian(x - step)[0]) / 2e-6
        np.testing.assert_allclose(jacobian[:, at], difference, rtol=1e-6, atol=1e-9)


def test_a_run_is_the_pseudo_code_of_hagan_and_menhaj():
    model, written = model_of(), model_of()
    problem, x, mu, losses = problem_of(written, None), written.network.parameters.trained.copy(), 0.001, []
    for _ in range(20):
        e, jacobian = (array.copy() for array in problem.jacobian(x))
        losses.append(e @ e)
        while True:
            tried = x - np.linalg.inv(jacobian.T @ jacobian + mu * np.eye(len(x))) @ jacobian.T @ e
            if problem(tried)[0] < e @ e:
                x, mu = tried, mu / 10
                break
            mu *= 10
    found = [epoch.loss for epoch in mlpkit.epochs(model, X, Y)]
    np.testing.assert_allclose(found[:10], losses[:10], rtol=1e-8)
    assert found[-1] < 0.2 * found[0]
    assert all(np.diff(found) < 0)
    single = [epoch.loss for epoch in mlpkit.epochs(model_of(dtype="float32"), X, Y)]
    np.testing.assert_allclose(single[:5], losses[:5], rtol=1e-3)


def test_a_linear_network_is_solved_in_a_few_epochs():
    model = model_of([{"units": 2}], epochs=50)
    epochs = list(mlpkit.epochs(model, X, Y))
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(30)]), Y, rcond=None)[0]
    np.testing.assert_allclose(model.network.layers[0].weight, expected[:3], rtol=1e-8)
    assert len(epochs) < 12  # it reports convergence


REFUSED = [
    (
        {"loss": "mean_absolute_error"},
        "loss: levenberg_marquardt minimizes a sum of squares, but mean_absolute_error declares no residuals",
    ),
    ({"layer": {"dropout": 0.1}}, "network.layers[0].dropout"),
    ({"layer": {"normalization": "batch"}}, "network.layers[0].normalization"),
    ({"layer": {"normalization": "layer"}}, "network.layers[0].normalization"),
    ({"layer": {"activation": "prelu"}}, "network.layers[0].activation"),
    ({"layer": {"l2": 0.1}}, "network.layers[0].l2"),
    ({"optimizer": {"type": "levenberg_marquardt", "learning_rate": 0.5}}, "optimizer.learning_rate"),
    ({"optimizer": {"type": "levenberg_marquardt", "factor": 1.0}}, "optimizer.factor"),
    ({"optimizer": {"type": "clipping", "inner": "levenberg_marquardt", "norm": 1.0}}, "cannot be wrapped"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=str)
def test_a_spec_that_does_not_fit_is_refused(changes, message):
    layers = [{"units": 3, **changes.get("layer", {})}, {"units": 1}]
    whole = {"network": {"layers": layers}, "loss": "mse", "optimizer": "levenberg_marquardt", **changes}
    whole.pop("layer", None)
    with pytest.raises(mlpkit.SpecError) as caught:
        mlpkit.Spec.model_validate(whole)
    assert message in str(caught.value)


@pytest.mark.parametrize(("units", "rows"), [(2000, 10), (1, 100_001)])
def test_too_many_parameters_or_rows_are_refused_before_training(units, rows):
    spec = {"network": {"layers": [{"units": units}, {"units": 1}]}, "loss": "mse", "optimizer": "levenberg_marquardt"}
    x = np.random.default_rng(0).standard_normal((rows, 3))
    with pytest.raises(mlpkit.SpecError, match=r"optimizer: levenberg_marquardt takes at most 5,000 parameters and 100,000 residuals"):
        mlpkit.train(spec, x, x[:, 0])
