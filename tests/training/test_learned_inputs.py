"""Embeddings, the scale of inputs and initial weights from data in whole models: columns, rates, files, resumed runs and errors."""

import tracemalloc
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.errors import ModelFileError, SpecError
from mlpkit.model.train import prepare_for
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.training.rate_factors import rate_factors
from mlpkit.training.run import Run

from ..sampling import one_in

ALL = [{"type": "pbld"}, {"type": "periodic", "columns": "a"}, {"type": "piecewise_linear", "columns": ["b", "a"]}]
RNG = np.random.default_rng(5)
ROWS = 60
TABLE = pd.DataFrame(
    {
        "a": RNG.standard_normal(ROWS),
        "ok": RNG.integers(0, 2, ROWS).astype(bool),
        "city": RNG.choice(["x", "y", "z"], ROWS),
        "b": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.exponential(size=ROWS)),
        "day": pd.date_range("2024-01-01", periods=ROWS).astype(str),
    }
)
TABLE["y"] = np.sin(3 * TABLE["a"]) + (TABLE["city"] == "x")


def spec_of(embeddings=ALL, training=None, optimizer="adam", layer=None, **network):
    return {
        "data": {"target": "y", "split": {"validation": 0.25}},
        "preprocessing": {"columns": {"day": "date"}},
        "network": {
            "embeddings": embeddings,
            "layers": [{"units": 6, "activation": "tanh", "dropout": 0.1, **(layer or {})}, {"units": 1}],
            **network,
        },
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": 3, "batch_size": 16, **(training or {})},
    }


FULL = {"input_scale": True, "initialize_from_data": True}
RATES = {"learning_rate_factors": {"weights": "fan_in", "biases": 0.1, "embeddings": 0.1, "input_scale": 6.0}}


def test_the_inputs_of_embeddings_are_those_of_their_columns():
    model = mlpkit.train(spec_of(), TABLE)
    names = model.input_encoder.feature_names
    pbld, periodic, piecewise = ([names[index] for index in each.inputs] for each in model.spec.network.embeddings)
    assert periodic == ["a"]
    assert piecewise == ["b", "a"]
    assert pbld == ["a", "b", *(name for name in names if name.startswith("day") and "missing" not in name)]
    assert model.network.layers[0].weight.shape[0] == len(names) + 3 * len(pbld) + 8 + 2 * 4


def test_the_edges_of_bins_are_quantiles_of_the_training_rows():
    spec = Spec.model_validate(spec_of([{"type": "piecewise_linear", "bins": 4}]))
    prepared = prepare(spec, TABLE)
    model = mlpkit.Model.for_data(spec, prepared)
    for edges, index in zip(model.network.embeddings[0]["edges"], model.spec.network.embeddings[0].inputs, strict=True):
        values = prepared.train.inputs[:, index].astype(np.float64)
        if len(set(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))) == 5:
            np.testing.assert_allclose(edges, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]), rtol=1e-6)
        assert (np.diff(edges) > 0).all()


def test_equal_quantiles_become_one_edge():
    x = np.repeat([[0.0], [1.0]], [50, 5], axis=0)
    spec = {"network": {"embeddings": [{"type": "piecewise_linear", "bins": 4}], "layers": [{"units": 1}]}, "loss": "mse"}
    spec |= {"preprocessing": {"numbers": "none"}, "training": {"epochs": 1}, "optimizer": {"type": "sgd", "learning_rate": 1e-9}}
    model = mlpkit.train(spec, x, x[:, 0])
    np.testing.assert_array_equal(model.network.embeddings[0]["edges"], [[0, 1, 2, 3, 4]])


def test_initial_weights_of_a_hidden_layer_give_a_deviation_of_1_and_biases_lie_among_the_rows():
    layers = [{"units": 50, "activation": "relu"}, {"units": 40, "activation": "swiglu"}, {"units": 1}]
    spec = Spec.model_validate(spec_of(**FULL) | {"network": {"embeddings": ALL, **FULL, "layers": layers}, "dtype": "float64"})
    prepared = prepare(spec, TABLE)
    model = mlpkit.Model.for_data(spec, prepared)
    x = prepared.train.inputs
    for layer, (z, _) in zip(model.network.layers[:-1], model.network.by_layer(x), strict=False):
        np.testing.assert_allclose(z.var(axis=0).mean(), 1, rtol=1e-9)
        products = z - layer.bias
        assert (-layer.bias <= products.max(axis=0) + 1e-9).all()
        assert (-layer.bias >= products.min(axis=0) - 1e-9).all()
        assert np.unique(layer.bias).size == layer.bias.size
    plain = mlpkit.Model(model.spec, prepared.inputs.width, 1)
    np.testing.assert_array_equal(model.network.layers[-1].weight, plain.network.layers[-1].weight)
    np.testing.assert_array_equal(model.network.layers[-1].bias, 0)


def test_other_initial_biases_and_frozen_layers_stay():
    layers = [{"units": 3, "trainable": False}, {"units": 3, "bias_initializer": "ones"}, {"units": 1, "bias_initializer": "prior"}]
    spec = Spec.model_validate(spec_of() | {"network": {"initialize_from_data": True, "layers": layers}})
    prepared = prepare(spec, TABLE)
    model, plain = mlpkit.Model.for_data(spec, prepared), mlpkit.Model(spec, prepared.inputs.width, 1)
    np.testing.assert_array_equal(model.network.layers[0].weight, plain.network.layers[0].weight)
    np.testing.assert_array_equal(model.network.layers[0].bias, 0)
    np.testing.assert_array_equal(model.network.layers[1].bias, 1)
    assert not np.array_equal(model.network.layers[1].weight, plain.network.layers[1].weight)


def test_weights_that_the_user_has_set_are_not_changed_from_data():
    spec = Spec.model_validate(
        spec_of([], initialize_from_data=True, training={"epochs": 1}, optimizer={"type": "sgd", "learning_rate": 1e-30})
    )
    prepared = prepare(spec, TABLE)
    model = mlpkit.Model(spec, prepared.inputs.width, 1)
    before = np.full_like(model.network.layers[0].weight, 0.5)
    model.set_weights({"layers.0.weight": before})
    list(mlpkit.epochs(model, TABLE))
    before[prepared.inputs.zeros] = 0
    np.testing.assert_array_equal(model.network.layers[0].weight, before)
    other = mlpkit.train(spec_of(**FULL), TABLE)
    taken = mlpkit.train(spec_of(**FULL, optimizer={"type": "sgd", "learning_rate": 1e-30}), TABLE, start_from=other)
    for name, value in other.get_weights().items():
        np.testing.assert_array_equal(taken.get_weights()[name], value, err_msg=name)


@pytest.mark.parametrize("optimizer", one_in(5, ["adam", "sgd", "muon", "schedule_free_adamw", "lbfgs"]))
def test_stopped_anywhere_and_resumed_with_the_same_bytes(tmp_path, optimizer):
    steady = (
        {"layer": {"dropout": 0}} if optimizer == "lbfgs" else {"training": RATES | {"weight_decay": 0 if "adamw" in optimizer else 0.01}}
    )
    spec = spec_of(**FULL, optimizer=optimizer, **steady)
    mlpkit.train(spec, TABLE).save(tmp_path / "whole.h5")
    for steps in range(0, 9, 2):
        model = mlpkit.Model.for_data(Spec.model_validate(spec), prepare(Spec.model_validate(spec), TABLE))
        asked = iter(range(100))
        for _ in model.epochs(prepare_for(model, TABLE, resume=False), stop=lambda: next(asked) == steps):  # noqa: B023
            pass
        if model.training_state is None:  # a full-batch optimizer takes few steps
            continue
        model.save(tmp_path / "part.h5", training_state=True)
        mlpkit.train(spec, TABLE, resume=tmp_path / "part.h5").save(tmp_path / "resumed.h5")
        assert (tmp_path / "resumed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_file_holds_all_of_it(tmp_path):
    model = mlpkit.train(spec_of(**FULL, training=RATES), TABLE)
    model.save(tmp_path / "m.h5")
    loaded = mlpkit.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "m.h5", mmap=True).predict(TABLE), model.predict(TABLE))
    assert mlpkit.inspect(tmp_path / "m.h5")["spec_schema"] == 6
    assert loaded.spec == model.spec
    arrays = mlpkit.load_arrays(tmp_path / "m.h5")
    assert {"layers.0.input_scale", "embeddings.0.frequency", "embeddings.2.edges"} <= arrays.keys()
    plain = mlpkit.train(spec_of([]), TABLE)
    plain.save(tmp_path / "plain.h5")
    assert mlpkit.inspect(tmp_path / "plain.h5")["spec_schema"] < 6


def test_one_row_gets_the_same_prediction_as_among_many():
    model = mlpkit.train(spec_of(**FULL) | {"dtype": "float64"}, TABLE)
    many = model.predict(TABLE)
    ones = [model.predict(TABLE.iloc[[index]])[0] for index in range(5)]
    records = [model.predict(TABLE.iloc[[index]].to_dict("records"))[0] for index in range(5)]
    np.testing.assert_allclose(ones, many[:5], rtol=1e-12)
    np.testing.assert_allclose(records, many[:5], rtol=1e-12)


def test_embeddings_and_scale_are_frozen_with_the_first_layer():
    model = mlpkit.train(spec_of(layer={"trainable": False}, input_scale=True), TABLE)
    start = mlpkit.Model.for_data(model.spec, prepare(model.spec, TABLE))
    same = {name for name, value in model.get_weights().items() if np.array_equal(value, start.get_weights()[name])}
    assert same == {name for name in start.get_weights() if layer_and_role(name)[0] == 0}


def test_every_parameter_learns():
    model = mlpkit.train(spec_of(input_scale=True), TABLE)
    start = mlpkit.Model.for_data(model.spec, prepare(model.spec, TABLE))
    same = {name for name, value in model.get_weights().items() if np.array_equal(value, start.get_weights()[name])}
    assert same == {"embeddings.2.edges"}


def test_rate_factors():
    spec = Spec.model_validate(spec_of(training=RATES, input_scale=True, layer={"learning_rate_factor": 0.5})).with_widths(20, 1, SOME)
    net = Network(spec.network, "float64")
    factors = rate_factors(net, spec)
    width = net.spec.first_width
    expected = {"weight": 0.5 / width**0.5, "bias": 0.05, "input_scale": 3.0}
    for name, part in net.parameters.slices.items():
        if name == "embeddings.2.edges":
            assert part.start >= len(factors)
            continue
        layer, role = layer_and_role(name)
        factor = 0.05 if role.startswith("embeddings") else expected[role] if layer == 0 else {"weight": 1 / 6**0.5, "bias": 0.1}[role]
        np.testing.assert_allclose(factors[part], factor, rtol=1e-15, err_msg=name)
    assert rate_factors(Network(spec.network, "float64"), Spec.model_validate(spec_of())) is not None
    assert rate_factors(net, spec.model_copy(update={"training": Spec.model_validate(spec_of()).training})) is not None  # of the layer


SOME = tuple(
    each.model_copy(update={"inputs": inputs})
    for each, inputs in zip(Spec.model_validate(spec_of()).network.embeddings, ((0, 1, 2), (0,), (1, 0)), strict=True)
)


def test_only_weights_decay():
    spec = spec_of(
        input_scale=True, optimizer={"type": "sgd", "learning_rate": 1e-30}, training={"weight_decay": 1e29, **RATES, "epochs": 1}
    )
    spec["training"]["batch_size"] = None
    model = mlpkit.train(spec | {"dtype": "float64"}, TABLE)
    start = mlpkit.Model.for_data(model.spec, prepare(model.spec, TABLE))
    first, last = start.get_weights(), model.get_weights()
    norms = {name: (np.linalg.norm(last[name]), np.linalg.norm(first[name])) for name in first if not np.allclose(first[name], last[name])}
    shrunk = {name: 1 - after / before for name, (after, before) in norms.items()}
    layers, embedded = {"layers.0.weight": 0.1, "layers.1.weight": 0.1}, {f"embeddings.{index}.weight": 0.01 for index in range(3)}
    assert shrunk == pytest.approx(layers | embedded)


def test_a_step_allocates_nothing_that_grows():
    embeddings = [{"type": kind, "inputs": [0, 2]} for kind in ("pbld", "periodic", "piecewise_linear")]
    embeddings.append({"type": "category", "inputs": [3], "levels": [10]})
    network = {"inputs": 4, "embeddings": embeddings, "input_scale": True, "layers": [{"units": 8, "activation": "relu"}, {"units": 1}]}
    spec = Spec.model_validate({"network": network, "loss": "mse", "training": {"batch_size": 8000, **RATES}})
    rng = np.random.default_rng(0)
    net = Network(spec.network, "float32")
    net.initialize(rng)
    x = rng.standard_normal((20_000, 4)).astype(np.float32)
    x[:, 3] = rng.integers(0, 10, 20_000)
    with closing(Run(net, spec, Dataset(x, x[:, :1], None), None, None, None, done=0)) as run:
        run.next_epoch()
        tracemalloc.start()
        try:
            run.next_epoch()
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 300_000, "the values of one embedding have at least 192,000 bytes, its features 1,024,000"


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([{"type": "pbld", "columns": "city"}], "'city' is no column of numbers"),
        ([{"type": "pbld", "columns": ["a", "nothing"]}], "'nothing' is no column of numbers"),
        ([{"type": "pbld", "inputs": [0]}], "the columns are the encoded inputs"),
        ([{"type": "pbld", "inputs": [99]}], "there is no input 99"),
        ([{"type": "pbld", "frequencies": 0}], "greater than or equal to 1"),
        ([{"type": "pbld", "scale": 0}], "greater than 0"),
        ([{"type": "plr"}], "should be 'pbld', 'periodic', 'piecewise_linear' or 'category'"),
        ("pbld", "should be a list"),
    ],
)
def test_refused_before_training(embeddings, message):
    with pytest.raises(SpecError, match=message):
        mlpkit.train(spec_of(embeddings), TABLE)


def test_refused_with_what_does_not_fit():
    with pytest.raises(SpecError, match="fits weights and biases of layers alone"):
        mlpkit.train(spec_of(optimizer="levenberg_marquardt", layer={"dropout": 0}), TABLE)
    with pytest.raises(SpecError, match="chooses its own steps"):
        mlpkit.train(spec_of(optimizer="lbfgs", layer={"dropout": 0}, training=RATES), TABLE)
    with pytest.raises(SpecError, match="not known without data"):
        mlpkit.Model(spec_of(), inputs=3)


def test_a_model_without_data_embeds_all_inputs():
    model = mlpkit.Model({**spec_of([{"type": "pbld"}, "periodic"]), "preprocessing": {}}, inputs=3)
    assert [each.inputs for each in model.spec.network.embeddings] == [(0, 1, 2)] * 2
    x = RNG.standard_normal((20, 3))
    list(mlpkit.epochs(model, x, x[:, 0]))
    assert model.predict(x).shape == (20,)


def test_a_resumed_run_keeps_its_embeddings(tmp_path):
    model = mlpkit.train(spec_of() | {"training": {"epochs": 1, "keep_state": True}}, TABLE)
    model.save(tmp_path / "m.h5")
    other = spec_of([{"type": "pbld", "units": 4}, *ALL[1:]]) | {"training": {"epochs": 2}}
    with pytest.raises(SpecError, match="'units' is 4, but the run to resume has 3"):
        mlpkit.train(other, TABLE, resume=tmp_path / "m.h5")


def test_tensors_of_an_embedding_that_do_not_fit_are_refused(tmp_path):
    import h5py

    mlpkit.train(spec_of(), TABLE).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file["tensors/embeddings.0/phase"]
    with pytest.raises(ModelFileError):
        mlpkit.load(tmp_path / "m.h5")
