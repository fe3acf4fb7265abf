"""Layers that are not trained, and activations with parameters or twice as many pre-activations."""

import numpy as np
import pytest

import mlpkit
import mlpkit.testing
from mlpkit.engine.layer_buffers import BLOCK
from mlpkit.engine.layers import parameter_shapes
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Elementwise
from mlpkit.spec import Spec
from mlpkit.training.parameter_order import from_file_order, to_file_order

RNG = np.random.default_rng(31)
X, Y = RNG.standard_normal((48, 3)), RNG.standard_normal(48)


def spec(*layers, **changes):
    whole = {
        "dtype": "float64",
        "network": {"layers": [*layers, {"units": 1}]},
        "loss": "mse",
        "training": {"epochs": 5, "batch_size": 12},
    }
    return {**whole, **changes}


def frozen(**options):
    return {"units": 4, "activation": "tanh", "trainable": False, **options}


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_that_is_not_trained_stays_as_it_was(place, normalization):
    layers = [{"units": 4, "activation": "prelu", "normalization": normalization} for _ in range(3)]
    layers[place]["trainable"] = False
    model = mlpkit.Model(spec(*layers), inputs=3, outputs=1)
    before = {name: view.copy() for name, view in model.network.parameters.views.items()}
    list(mlpkit.epochs(model, X, Y))
    for name, view in model.network.parameters.views.items():
        assert np.array_equal(view, before[name]) == name.startswith(f"layers.{place}."), name


def gradient_of(network, batch):
    workspace = Workspace(network, Spec.model_validate(spec()).loss, len(batch[0]))
    workspace.loss_and_gradient(*batch)
    return {name: view.copy() for name, view in workspace.gradient.views.items()}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_gradients_of_the_other_layers_are_those_of_a_network_that_is_trained_whole(place):
    layers = [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "glu"}, {"units": 3, "activation": "prelu"}]
    batch = X, Y[:, None]
    networks = []
    for trainable in (True, False):
        made = [dict(layer) for layer in layers]
        made[place]["trainable"] = trainable
        network = Network(Spec.model_validate(spec(*made)).with_widths(3, 1).network, "float64")
        network.initialize(np.random.default_rng(5))
        networks.append(network)
    whole, partly = (gradient_of(network, batch) for network in networks)
    trained, _ = parameter_shapes(networks[1].spec)
    assert {name for name in whole if not name.startswith(f"layers.{place}.")} == set(trained)
    for name in trained:
        np.testing.assert_array_equal(partly[name], whole[name], err_msg=name)


def test_only_the_trained_head_of_the_vector_is_for_the_optimizer():
    network = mlpkit.Model(spec(frozen()), inputs=3, outputs=1).network
    assert len(network.parameters.trained) == 4 + 1
    assert [*network.parameters.views][:2] == ["layers.1.weight", "layers.1.bias"]


def test_a_network_without_a_trained_layer_is_refused():
    with pytest.raises(mlpkit.SpecError, match="no layer is trainable"):
        Spec.model_validate({"network": {"layers": [{"units": 1, "trainable": False}]}, "loss": "mse"})


def test_batch_normalization_that_is_not_trained_is_that_of_prediction():
    layers = [{"units": 4, "activation": "tanh", "normalization": "batch"}]
    model = mlpkit.train(spec(*layers), X, Y)
    kept = Spec.model_validate(spec(frozen(normalization="batch"))).with_widths(3, 1)
    network = Network(kept.network, "float64")
    for name, view in network.parameters.views.items():
        view[...] = model.network.parameters.views[name]
    encoded = RNG.standard_normal((7, 3))
    workspace = Workspace(network, kept.loss, 7)
    workspace.loss_and_gradient(encoded, np.zeros((7, 1)))
    np.testing.assert_allclose(workspace.layers[-1].outputs, model.network.predict(encoded), rtol=1e-12)


def test_the_order_in_a_file_is_by_kind_and_layer_whatever_is_trained():
    layers = [
        {"units": 2, "activation": "prelu", "normalization": "batch", "trainable": False},
        {"units": 3, "activation": "prelu", "normalization": "layer"},
    ]
    parameters = mlpkit.Model(spec(*layers), inputs=3, outputs=1).network.parameters
    for number, view in enumerate(parameters.views.values()):
        view[...] = number
    numbers = dict(enumerate(parameters.views))
    ordered = list(dict.fromkeys(numbers[int(value)] for value in to_file_order(parameters, parameters.vector)))
    assert ordered == [
        *("layers.0.weight", "layers.1.weight", "layers.2.weight", "layers.1.bias", "layers.2.bias"),
        *("layers.0.normalization.scale", "layers.0.normalization.shift"),
        *("layers.1.normalization.scale", "layers.1.normalization.shift"),
        *("layers.0.activation.slope", "layers.1.activation.slope"),
        *("layers.0.normalization.mean", "layers.0.normalization.variance"),
    ]
    again = np.empty_like(parameters.vector)
    from_file_order(parameters, to_file_order(parameters, parameters.vector), again)
    np.testing.assert_array_equal(again, parameters.vector)


def test_gradients_of_activation_parameters_do_not_depend_on_threads(monkeypatch):
    rows = 3 * BLOCK + 17
    network = Network(Spec.model_validate(spec({"units": 6, "activation": "prelu"})).with_widths(3, 1).network, "float32")
    network.initialize(np.random.default_rng(1))
    inputs, targets = RNG.standard_normal((rows, 3)).astype("float32"), RNG.standard_normal((rows, 1)).astype("float32")
    found = []
    for threads, many in ((1, 2**19), (1, 1), (2, 1), (3, 1)):
        monkeypatch.setattr("mlpkit.engine.layer_buffers.MANY", many)
        workspace = Workspace(network, Spec.model_validate(spec()).loss, rows)
        workspace.set_threads(threads)
        workspace.loss_and_gradient(inputs, targets)
        found.append(workspace.gradient.trained.copy())
    assert all(np.array_equal(found[0], other) for other in found[1:])


class BentSquare(Elementwise):
    """scale z + bend z^2, with one bend for all units."""

    shared = ("bend",)

    @property
    def parameters(self):
        return {"scale": 1.0, "bend": 0.1}

    def function(self, z, scale, bend):
        return scale * z + bend * z * z

    def derivative(self, z, y, scale, bend):
        return scale + 2 * bend * z

    def parameter_derivatives(self, z, y, scale, bend):
        return z, z * z


def test_two_formulas_and_their_parameters_train_save_and_load(tmp_path):
    model = mlpkit.train(spec({"units": 4, "activation": BentSquare}, optimizer={"type": "adam", "learning_rate": 0.05}), X, Y)
    views = model.network.parameters.views
    assert views["layers.0.activation.scale"].shape == (4,)
    assert views["layers.0.activation.bend"].shape == (1,)
    assert views["layers.0.activation.bend"] != 0.1
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5", plugins=[BentSquare])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(mlpkit.load_arrays(tmp_path / "model.h5")["layers.0.activation.bend"], views["layers.0.activation.bend"])


def test_a_trained_activation_passes_the_kit():
    report = mlpkit.testing.check_plugin(BentSquare())
    assert report.ok, str(report)


def test_initial_values_that_the_dtype_cannot_hold_are_refused():
    layers = [{"units": 2, "activation": {"type": "prelu", "initial": 1e60}}, {"units": 1}]
    with pytest.raises(mlpkit.SpecError, match=r"network\.layers\[0\]: NaN or infinity among the initial parameters"):
        mlpkit.Model({"dtype": "float32", "network": {"layers": layers}, "loss": "mse"}, inputs=2, outputs=1)
