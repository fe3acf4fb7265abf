"""The checks of engines pass those that are close to NumPy, and find each way to be further away."""

import numpy as np
import pytest

import mlpkit
from mlpkit.testing import check_plugin
from mlpkit.testing.check_run import run_check
from mlpkit.testing.engine_cases import engine_cases
from mlpkit.testing.engines import CHECKS


class Delegated(mlpkit.Engine):
    """The passes of NumPy."""

    def training(self, workspace):
        return workspace.loss_and_gradient

    def prediction(self, forward):
        return forward.run


class Written(mlpkit.Engine):
    """Networks of tanh and linear layers with the squared error, written anew, with sums in another order."""

    def training(self, workspace):
        if not self.takes([buffers.layer for buffers in workspace.layers], workspace.loss) or workspace.inputs or workspace.learned:
            return None
        layers, gradient, rows = workspace.network.layers, workspace.gradient.views, workspace.rows

        def both(inputs, targets, weights):
            outputs = [inputs[::-1]]
            for layer in layers:
                outputs.append(self.after(layer, outputs[-1]))
            away = outputs[-1] - targets[::-1]
            weights = np.ones(rows, away.dtype) if weights is None else weights[::-1]
            grad = away * (weights * (2 / rows / away.shape[1]))[:, None]
            for index in range(len(layers) - 1, -1, -1):
                if index < len(layers) - 1:
                    grad = grad * (1 - outputs[index + 1] ** 2)
                gradient[f"layers.{index}.weight"][...] = outputs[index].T @ grad
                gradient[f"layers.{index}.bias"][...] = grad.sum(axis=0)
                grad = grad @ layers[index].weight.T
            return float(weights @ (away**2).mean(axis=1))

        return both

    def prediction(self, forward):
        layers = [buffers.layer for buffers in forward.layers]
        if not self.takes(layers) or forward.learned:
            return None

        def run(inputs, outputs):
            for layer in layers:
                inputs = self.after(layer, inputs)
            forward.z[...] = outputs[...] = inputs

        return run

    @staticmethod
    def after(layer, inputs):
        z = inputs @ layer.weight + layer.bias
        return np.tanh(z) if type(layer.activation).__name__ == "Tanh" else z

    @staticmethod
    def takes(layers, loss=None):
        plain = {"units", "activation", "weight_initializer", "bias_initializer"}
        names = [type(layer.activation).__name__ for layer in layers]
        return (
            names == ["Tanh"] * (len(names) - 1) + ["Linear"]
            and type(loss).__name__ in ("MeanSquaredError", "NoneType")
            and all(layer.spec.model_fields_set <= plain for layer in layers)
        )


class Absent(Delegated):
    """Nothing, because nothing was built."""

    def status(self):
        return "built without a C compiler"


class Idle(Delegated):
    """Nothing at all."""

    def training(self, workspace):
        return None

    prediction = training


def test_an_engine_that_is_written_anew_passes():
    report = check_plugin(Written())
    assert report.ok, str(report)
    assert {check.name for check in report.checks if check.status == "passed"} >= CHECKS.keys() - {"randomness"}


def test_the_passes_of_numpy_pass():
    report = check_plugin(Delegated())
    assert report.ok, str(report)
    assert {check.name for check in report.checks if check.status == "passed"} >= CHECKS.keys()


@pytest.mark.parametrize(
    ("engine", "reason"), [(Absent(), "it is not active: built without a C compiler"), (Idle(), "it takes none of the networks")], ids=repr
)
def test_an_engine_that_takes_nothing_is_not_checked(engine, reason):
    report = check_plugin(engine)
    assert report.ok
    found = {check.name: check for check in report.checks if check.name in CHECKS}
    assert {check.status for check in found.values()} == {"skipped"}
    assert all(reason in check.reason or "same finding" in check.reason for check in found.values())


def test_the_cases_have_each_builtin_and_each_option():
    names = [case.name for case in engine_cases("float32")]
    assert len(names) == len(set(names))
    for kind, word in (("activations", "activation"), ("losses", "loss")):
        assert {f"the {word} {name}" for name in mlpkit.plugin.REGISTRIES[kind].builtins} <= set(names)


class Planted(Delegated):
    """The passes of NumPy, with a fault."""

    fault: str

    def training(self, workspace):
        return FAULTS[self.fault][0](workspace) or workspace.loss_and_gradient

    def prediction(self, forward):
        return FAULTS[self.fault][1](forward) or forward.run


def none(_):
    return None


def scaled(share):
    """The gradient of the last layer is larger by a share."""

    def training(workspace):
        def both(*rows):
            loss = workspace.loss_and_gradient(*rows)
            for view in list(workspace.gradient.views.values())[: workspace.network.parameters.trained_tensors]:
                view *= 1 + share
            return loss

        return both

    return training


def other_loss(workspace):
    return lambda *rows: workspace.loss_and_gradient(*rows) * (1 + 1e-5)


def without_weights(workspace):
    return lambda inputs, targets, weights: workspace.loss_and_gradient(inputs, targets)


def stale(workspace):
    """The weights of the beginning."""
    first = workspace.network.parameters.trained.copy()

    def both(*rows):
        present = workspace.network.parameters.trained.copy()
        workspace.network.parameters.trained[...] = first
        loss = workspace.loss_and_gradient(*rows)
        workspace.network.parameters.trained[...] = present
        return loss

    return both


def without_averages(workspace):
    fixed = workspace.network.parameters.vector[len(workspace.network.parameters.trained) :]

    def both(*rows):
        before = fixed.copy()
        loss = workspace.loss_and_gradient(*rows)
        fixed[...] = before
        return loss

    return both


def without_fading(workspace):
    workspace.fade_to = lambda share: None


class Drawn:
    """A generator of the engine's own."""

    def __init__(self, again):
        self.rng, self.again = np.random.default_rng(8), again

    def random(self, dtype, out):
        (np.random.default_rng(8) if self.again else self.rng).random(dtype=dtype, out=out)


def own_generator(again):
    """Random numbers that the state of the run does not know: the same ones again in each step, or from a generator of its own."""

    def training(workspace):
        for layer in workspace.layers:
            if layer.dropout is not None and type(layer.dropout.options) is float:
                layer.dropout.rng = Drawn(again)

    return training


class Biased:
    """A generator whose first column is dropped more often."""

    def __init__(self, rng):
        self.rng = rng

    def random(self, dtype, out):
        self.rng.random(dtype=dtype, out=out)
        out[:, 0] *= 0.8


def another_rate(workspace):
    for layer in workspace.layers:
        if layer.dropout is not None and type(layer.dropout.options) is float:
            layer.dropout.rng = Biased(layer.dropout.rng)


def other_masks(workspace):
    """Masks that are not those of the pass."""

    def both(*rows):
        loss = workspace.loss_and_gradient(*rows)
        for layer in workspace.layers:
            if layer.dropout is not None:
                layer.dropout.mask[...] = layer.dropout.mask[::-1].copy()
        return loss

    return both


def contiguous_alone(workspace):
    def both(inputs, targets, weights):
        if not inputs.flags.c_contiguous:
            raise ValueError("not contiguous")
        return workspace.loss_and_gradient(inputs, targets, weights)

    return both


def other_outputs(forward):
    def run(inputs, outputs):
        forward.run(inputs, outputs)
        outputs *= 1 + 1e-5

    return run


def without_z(forward):
    def run(inputs, outputs):
        forward.run(inputs, outputs)
        forward.z.fill(0.0)

    return run


def stale_outputs(forward):
    kept = []

    def run(inputs, outputs):
        forward.run(inputs, outputs)
        kept.append(outputs.copy())
        outputs[...] = kept[0]

    return run


FAULTS = {  # changes of training and prediction, and the checks that find them
    "gradient": (scaled(1e-5), none, ["training"]),
    "large": (scaled(1e-3), none, ["training", "differences"]),
    "loss": (other_loss, none, ["training"]),
    "weights": (without_weights, none, ["training"]),
    "stale": (stale, none, ["training", "differences"]),
    "averages": (without_averages, none, ["training"]),
    "fading": (without_fading, none, ["training"]),
    "the same masks": (own_generator(again=True), none, ["randomness"]),
    "own generator": (own_generator(again=False), none, ["randomness"]),
    "another rate": (another_rate, none, ["randomness"]),
    "other masks": (other_masks, none, ["training"]),
    "contiguous": (contiguous_alone, none, ["training"]),
    "outputs": (none, other_outputs, ["prediction"]),
    "z": (none, without_z, ["prediction"]),
    "stale outputs": (none, stale_outputs, ["prediction"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    for name in FAULTS[fault][-1]:
        check = run_check(name, CHECKS[name], Planted(fault=fault))
        assert check.status == "failed", name
        assert check.reason
