"""Backpropagation of random networks against central differences, in float64: every activation, loss and depth that fit."""

import numpy as np
import pytest

from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES
from mlpkit.spec import Spec

from ..sampling import one_in

ACTIVATIONS = sorted(REGISTRIES["activations"].builtins)
LOSSES = sorted(REGISTRIES["losses"].builtins)
SMOOTH = ["linear", "sigmoid", "tanh", "glu", "softmax"]  # a kink between two differences would spoil them
ENDS = [("softmax", "categorical_crossentropy"), ("linear", "mean_squared_error"), ("sigmoid", "binary_crossentropy")]
TOWER = (4, "exponential")  # exp(exp(exp(z))) overflows
STEEP = {("exponential", "exponential"), ("exponential", "sine")}  # differences of exp(exp(exp(z))) and sin(exp(exp(z))) are not exact
ROWS, INPUTS, HIDDEN, OUTPUTS = 7, 5, 4, 3
STEP = 1e-6


def fitting(loss):
    """The last activations that the spec accepts with a loss."""
    for last in ACTIVATIONS:
        try:
            Spec.model_validate({"network": {"layers": [{"units": OUTPUTS, "activation": last}]}, "loss": loss})
        except SpecError:
            continue
        yield last


def make_targets(loss, rng):
    if loss.targets == "classes":
        return rng.integers(0, OUTPUTS, ROWS)
    if loss.targets == "binary":
        return rng.integers(0, 2, (ROWS, OUTPUTS)) * 1.0
    numbers = rng.standard_normal((ROWS, OUTPUTS))
    return numbers if loss.target_sign in ("any", "nonzero") else np.abs(numbers)


def alone(loss):
    """The class of a loss that does not know what it is joint with."""
    return type(loss.__name__, (loss,), {"__module__": __name__, "joint_with": None})


def central_differences(workspace, vector, batch):
    """The gradient of the mean loss by the elements of a vector of parameters."""
    differences = np.empty_like(vector)
    for index, value in enumerate(vector):
        vector[index] = value + STEP
        above = workspace.loss_and_gradient(*batch)
        vector[index] = value - STEP
        below = workspace.loss_and_gradient(*batch)
        vector[index] = value
        differences[index] = (above - below) / (2 * STEP) / len(batch[0])
    return differences


def gradient_error(depth, hidden, last, loss, normalization, weighted, joint=True):
    """Relative distance between the gradient and its central differences."""
    rng = np.random.default_rng([depth, ACTIVATIONS.index(hidden), ACTIVATIONS.index(last), LOSSES.index(loss)])
    layers = [{"units": HIDDEN, "activation": hidden, "normalization": normalization}] * (depth - 1)
    units = OUTPUTS * REGISTRIES["losses"].get(loss)().outputs_per_target
    network = {"inputs": INPUTS, "layers": [*layers, {"units": units, "activation": last}]}
    spec = Spec.model_validate({"network": network, "loss": loss})
    net = Network(spec.network, "float64")
    net.initialize(rng)
    vector = net.parameters.trained
    vector += 0.1 * rng.standard_normal(len(vector))
    batch = rng.standard_normal((ROWS, INPUTS)), make_targets(spec.loss, rng), rng.uniform(0.2, 2, ROWS) if weighted else None
    workspace = Workspace(net, spec.loss if joint else alone(type(spec.loss))(), ROWS)
    with np.errstate(over="ignore"):  # as in training: a fused cross-entropy may overflow first, and is then computed in another way
        workspace.loss_and_gradient(*batch)
        gradient = workspace.gradient.trained.copy()
        differences = central_differences(workspace, vector, batch)
    return np.linalg.norm(gradient - differences) / max(np.linalg.norm(differences), 1e-3)


@pytest.mark.parametrize("loss", one_in(4, LOSSES))
@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_gradient_of_each_loss_with_each_last_activation(loss, depth):
    errors = {(last, weighted): gradient_error(depth, "tanh", last, loss, None, weighted) for last in fitting(loss) for weighted in (0, 1)}
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize(
    ("depth", "hidden"), one_in(6, [(depth, name) for depth in (2, 3, 4) for name in ACTIVATIONS if (depth, name) != TOWER])
)
def test_gradient_of_each_hidden_activation(hidden, depth):
    errors = [gradient_error(depth, hidden, last, loss, None, weighted) for last, loss in ENDS for weighted in (False, True)]
    assert max(errors) < 1e-6, errors


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_each_combination(loss):
    pairs = [(hidden, last) for hidden in SMOOTH for last in fitting(loss) if last in {*SMOOTH, "continuation_ratio"}]
    errors = {(hidden, last): gradient_error(3, hidden, last, loss, None, True) for hidden, last in pairs}
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("normalization", ["batch", "layer", "rms"])
@pytest.mark.parametrize("hidden", one_in(4, ACTIVATIONS))
def test_gradient_through_normalization(normalization, hidden):
    assert gradient_error(3, hidden, "softmax", "categorical_crossentropy", normalization, True) < 1e-6


@pytest.mark.parametrize(("loss", "last"), [("binary_crossentropy", "sigmoid"), ("categorical_crossentropy", "softmax")])
def test_gradient_without_the_joint_form(loss, last):
    assert gradient_error(3, "tanh", last, loss, None, True, joint=False) < 1e-6


def test_a_wrong_derivative_is_found(monkeypatch):
    monkeypatch.setattr("mlpkit.activations.Tanh.backward", lambda self, z, out, grad: np.multiply(grad, 1 - out, out=grad))
    assert gradient_error(3, "tanh", "linear", "mean_squared_error", None, False) > 1e-3
