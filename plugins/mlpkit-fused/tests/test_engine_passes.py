"""Passes of the engine against those of NumPy, with one table of networks; and random networks."""

import numpy as np
import pytest
from mlpkit_fused.engine import FusedEngine

import mlpkit
from mlpkit.engine.dropout import DropoutMask
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace

CLOSE = {"float32": 2e-6, "float64": 1e-13}


class Bend(mlpkit.Elementwise):
    """z / (1 + z^2), of which the engine knows nothing."""

    def function(self, z):
        return z / (1 + z * z)

    def derivative(self, z, y):
        return (1 - z * z) / (1 + z * z) ** 2


class Cubic(mlpkit.Loss):
    """|away|^3, of which the engine knows nothing."""

    def value_and_grad(self, outputs, targets, losses, grad):
        away = outputs - targets
        losses[...] = (np.abs(away) ** 3).mean(axis=1)
        grad[...] = 3 * away * np.abs(away) / away.shape[1]


def layers(*hidden, last="linear", units=2):
    return [{"units": 5, "activation": "tanh", **each} for each in hidden] + [{"units": units, "activation": last}]


def net(*hidden, **options):
    return {"layers": layers(*hidden, **{name: options.pop(name) for name in ("last", "units") if name in options}), **options}


NETWORKS = {
    "one layer": net(),
    "two layers": net({}, {"activation": "relu"}),
    "no bias": net({"bias": False}, {"bias": False}),
    "batch": net({"normalization": "batch"}, {"normalization": "batch"}),
    "batch, one unit": net({"normalization": "batch", "units": 1}),
    "layer": net({"normalization": "layer"}, {}),
    "rms": net({"normalization": "rms"}, {"normalization": "rms"}),
    "dropout": net({"dropout": 0.3}, {"dropout": 0.5}),
    "alpha dropout": net({"activation": "selu", "dropout": {"type": "alpha", "rate": 0.2}}),
    "gaussian dropout": net({"dropout": {"type": "gaussian", "rate": 0.2}}, {"dropout": 0.1}),
    "residual": net({}, {"residual": 1}, {"residual": 2, "dropout": 0.2}),
    "residual from the inputs": net({"units": 4, "residual": 1}, {"units": 4, "residual": 2}),
    "gated": net({"activation": "swiglu"}, {"activation": "geglu", "normalization": "layer"}),
    "prelu": net({"activation": "prelu"}, {"activation": "prelu", "units": 3}),
    "input noise": net({}, input_noise=0.1, input_dropout=0.2),
    "input scale": net({}, input_scale=True),
    "frozen first": net({"trainable": False, "normalization": "batch"}, {}),
    "frozen second": net({}, {"trainable": False, "normalization": "batch"}, {}),
    "other activation": net({"activation": Bend}, {"activation": Bend, "dropout": 0.3}, {"activation": "relu"}),
    "other activation last": net({}, last=Bend),
    "pbld": net({}, embeddings=[{"type": "pbld", "inputs": [0, 2]}], input_scale=True),
    "no categories": net({}, embeddings=[{"type": "category", "inputs": [], "levels": []}, {"type": "pbld", "inputs": [1]}]),
    "no embedded inputs": net({}, embeddings=[{"type": "pbld", "inputs": []}]),
    "periodic": net({}, embeddings=[{"type": "periodic", "inputs": [1, 2, 3]}]),
    "bins": net({}, embeddings=[{"type": "piecewise_linear", "inputs": [3]}]),
    "residual from embeddings": net({"units": 10, "residual": 1}, embeddings=[{"type": "pbld", "inputs": [0, 2]}]),
    "categories": net(
        {}, embeddings=[{"type": "category", "inputs": [1, 3], "levels": [3, 2], "units": 2}, {"type": "pbld", "inputs": [0]}]
    ),
}
LOSSES = {
    "mean_squared_error": ("linear", 3),
    "mean_absolute_error": ("linear", 3),
    "huber": ("linear", 1),
    "log_cosh": ("linear", 2),
    "smooth_l1": ("linear", 2),
    "quantile": ("linear", 1),
    "binary_crossentropy": ("sigmoid", 2),
    "categorical_crossentropy": ("softmax", 4),
    "binary_focal_crossentropy": ("sigmoid", 2),
    "categorical_focal_crossentropy": ("softmax", 4),
    "categorical_hinge": ("softmax", 3),
}
ROWS = [2, 37, 300]


def model_of(network, loss="mean_squared_error", dtype="float64", **spec):
    found = mlpkit.Model({"dtype": dtype, "preprocessing": "none", "network": network, "loss": loss, **spec}, inputs=4)
    rng = np.random.default_rng(5)
    for name, view in found.network.parameters.views.items():
        if not name.endswith(("variance", "edges")):
            view += 0.2 * rng.standard_normal(view.shape)
    return found


def batch(model, rows, weighted=False):
    rng, dtype, units = np.random.default_rng(rows), model.network.dtype, model.network.units
    inputs = rng.standard_normal((rows, 4)).astype(dtype)
    inputs[:, [1, 3]] = rng.choice([0, 1, 2, 3, -1, 0.5, np.nan if units < 0 else 7], (rows, 2))
    targets = {
        "numbers": rng.standard_normal((rows, units // model.spec.loss.outputs_per_target)).astype(dtype),
        "binary": rng.integers(0, 2, (rows, units)).astype(dtype),
        "classes": rng.integers(0, units, rows),
    }[model.spec.loss.targets]
    return inputs, targets, rng.uniform(0.5, 2.0, rows).astype(dtype) if weighted else None


def compare(model, inputs, targets, weights, monkeypatch):
    """Check loss, gradient and running averages. NumPy gets the masks of the engine."""
    loss, network, rows = model.spec.loss, model.network, len(inputs)
    before = network.parameters.vector.copy()
    ours = Workspace(network, loss, rows, rng=np.random.default_rng(3))
    ours.use(FusedEngine())
    assert ours.engine_pass is not None
    found = ours.loss_and_gradient(inputs, targets, weights), ours.gradient.vector.copy(), network.parameters.vector.copy()
    network.parameters.vector[...] = before
    with monkeypatch.context() as patch:
        patch.setattr(DropoutMask, "_draw", lambda self: None)
        theirs = Workspace(network, loss, rows, rng=np.random.default_rng(3))
    for mine, other in zip(theirs.layers, ours.layers, strict=True):
        if mine.dropout is not None:
            mine.dropout.mask[...] = other.dropout.mask
    if ours.inputs is not None:
        theirs.inputs.fill = lambda _: np.copyto(theirs.inputs.inputs, ours.inputs.inputs) or theirs.inputs.inputs
    wanted = theirs.loss_and_gradient(inputs, targets, weights), theirs.gradient.vector, network.parameters.vector
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=CLOSE[network.dtype.name] * np.abs(other).max())
    network.parameters.vector[...] = before


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("network", NETWORKS)
def test_passes_are_close_to_those_of_numpy(network, dtype, monkeypatch):
    model = model_of(NETWORKS[network], dtype=dtype)
    for rows in ROWS:
        compare(model, *batch(model, rows, weighted=rows == 37), monkeypatch)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("loss", [*LOSSES, Cubic])
def test_losses_are_close_to_those_of_numpy(loss, dtype, monkeypatch):
    last, units = LOSSES.get(loss, ("linear", 2))
    model = model_of(net({}, last=last, units=units), loss, dtype)
    for rows in (1, *ROWS):
        compare(model, *batch(model, rows, weighted=rows == 37), monkeypatch)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_several_quantiles_of_two_targets(count, monkeypatch):
    quantiles = np.linspace(0.1, 0.9, count).tolist()
    model = model_of(net({}, units=2 * count), {"type": "quantile", "quantiles": quantiles})
    compare(model, *batch(model, 37, weighted=True), monkeypatch)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "categorical_focal_crossentropy"])
def test_targets_may_be_distributions_or_classes_in_one_run(loss, monkeypatch):
    model = model_of(net({}, last="softmax", units=3), loss)
    inputs, classes, _ = batch(model, 20)
    compare(model, inputs, classes, None, monkeypatch)
    compare(model, inputs, np.random.default_rng(1).dirichlet(np.ones(3), 20), None, monkeypatch)


def test_losses_with_weighted_targets(monkeypatch):
    model = model_of(net({}, units=2))
    workspace = Workspace(model.network, mlpkit.losses.MeanSquaredError(), 5)
    assert workspace.loss is not None
    inputs, targets, _ = batch(model, 5)
    from mlpkit.engine.weighted_targets import WeightedTargets

    loss = WeightedTargets(model.spec.loss, np.array([0.25, 0.75]))
    ours, theirs = Workspace(model.network, loss, 5), Workspace(model.network, loss, 5)
    ours.use(FusedEngine())
    assert ours.loss_and_gradient(inputs, targets) == pytest.approx(theirs.loss_and_gradient(inputs, targets), rel=1e-13)
    np.testing.assert_allclose(ours.gradient.vector, theirs.gradient.vector, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("network", NETWORKS)
def test_predictions_are_close_to_those_of_numpy(network):
    for dtype, close in CLOSE.items():
        model = model_of(NETWORKS[network], dtype=dtype)
        inputs, _, _ = batch(model, 300)
        ours, theirs = model.network.using(FusedEngine()).forward(inputs), model.network.forward(inputs)
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=close * np.abs(other).max())


def random_network(rng):
    """Widths from 1 to 70, any activation, normalization, dropout and embedding."""
    names = [info.name for info in mlpkit.plugins("activations") if info.distribution == "mlpkit" and info.name != "parametric"]

    def layer(units):
        found = {"units": units, "activation": str(rng.choice(names)), "bias": bool(rng.random() < 0.8)}
        found |= {"normalization": str(rng.choice(["batch", "layer", "rms"]))} if rng.random() < 0.5 else {}
        found |= {"dropout": 0.3} if rng.random() < 0.3 else {}
        return found | ({"trainable": False} if rng.random() < 0.1 else {})

    hidden = [layer(int(rng.integers(1, 70))) for _ in range(rng.integers(0, 4))]
    if len(hidden) > 1 and rng.random() < 0.5:
        hidden[-1] |= {"units": hidden[-2]["units"], "residual": 1}
    kinds = [{"type": "pbld"}, {"type": "periodic", "frequencies": 3}, {"type": "piecewise_linear", "bins": 5}]
    embeddings = [{**kinds[rng.integers(3)], "inputs": sorted(rng.choice(4, 2, replace=False).tolist())}] if rng.random() < 0.4 else []
    return {
        "layers": [*hidden, {"units": int(rng.integers(1, 12)), "activation": "linear"}],
        "embeddings": embeddings,
        "input_scale": bool(rng.random() < 0.3),
    }


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    model = model_of(random_network(rng), dtype="float64")
    compare(model, *batch(model, int(rng.integers(2, 70)), weighted=seed % 3 == 0), monkeypatch)


@pytest.mark.parametrize("part", ["layers.0.weight", "embeddings.0.weight"])
def test_numpy_predicts_from_parameters_in_a_file_at_odd_addresses(part):
    network, inputs = model_of(NETWORKS["pbld"]).network, np.ones((3, 4))
    tensors = dict(network.parameters.views)
    place = np.frombuffer(bytearray(tensors[part].nbytes + 1), np.uint8)[1:].view(np.float64).reshape(tensors[part].shape)
    place[...] = tensors[part]
    mapped = Network.mapped(network.spec, "float64", {**tensors, part: place})
    with pytest.warns(mlpkit.EngineWarning, match="NumPy computes instead"):
        np.testing.assert_array_equal(mapped.using(FusedEngine()).predict(inputs), network.predict(inputs))
