"""Weights by name, a run that begins with those of another model, and the outputs of hidden layers."""

import json

import numpy as np
import pytest

import mlpkit

RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal(30)
LAYERS = [
    {"units": 5, "activation": "prelu", "normalization": "batch"},
    {"units": 4, "activation": "glu", "residual": None},
    {"units": 4, "activation": "tanh", "residual": 1},
]


def spec(*layers, **changes):
    whole = {"dtype": "float64", "network": {"layers": [*(layers or LAYERS), {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}
    return {**whole, **changes}


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(spec(), X, Y)


# -- by name


def test_weights_are_copies_in_the_order_of_the_layers(model):
    weights = model.get_weights()
    assert [int(name.split(".")[1]) for name in weights] == sorted(int(name.split(".")[1]) for name in weights)
    assert set(weights) == set(model.network.parameters.views)
    weights["layers.0.weight"][...] = 0.0
    assert model.network.layers[0].weight.any()


def test_weights_of_one_model_make_another_predict_the_same(model):
    other = mlpkit.train(spec(seed=9), X, Y)
    assert not np.array_equal(other.predict(X), model.predict(X))
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_some_weights_are_set_in_any_number_type(model, tmp_path):
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5", mmap=True)  # whose arrays are read-only
    loaded.set_weights({"layers.3.bias": [7], "layers.3.weight": np.ones((4, 1), np.float32)})
    assert (loaded.network.layers[3].bias.tolist(), loaded.network.layers[3].weight.sum()) == ([7.0], 4.0)
    np.testing.assert_array_equal(loaded.network.layers[0].weight, model.network.layers[0].weight)


WRONG = {
    "an unknown name": ({"layers.9.weight": [1.0]}, r"no weight 'layers\.9\.weight'"),
    "another shape": ({"layers.3.bias": [1.0, 2.0]}, r"has shape \(1,\), but these are numbers of shape \(2,\)"),
    "texts": ({"layers.3.bias": ["a"]}, "but these are values of type"),
    "NaN": ({"layers.3.bias": [np.nan]}, "would be NaN or infinite in float64"),
    "infinity": ({"layers.3.bias": [np.inf]}, "would be NaN or infinite in float64"),
    "rows of different lengths": ({"layers.3.bias": [[1.0], [1.0, 2.0]]}, r"is no array: .*\n.*pass an array of shape \(1,\)"),
    "a good and a wrong one": ({"layers.3.weight": np.zeros((4, 1)), "layers.3.bias": [np.nan]}, "would be NaN"),
}


def test_weights_are_a_dictionary(model):
    with pytest.raises(mlpkit.DataError, match="weights are given as int"):
        model.set_weights(3)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_weights_change_nothing(model, case):
    weights, message = WRONG[case]
    before = model.get_weights()
    with pytest.raises(mlpkit.DataError, match=message):
        model.set_weights(weights)
    for name, value in model.get_weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_weights_are_not_set_in_a_run():
    model = mlpkit.Model(spec(), inputs=3, outputs=1)
    run = mlpkit.epochs(model, X, Y)
    next(run)
    run.close()
    model.set_weights({"layers.3.bias": [1.0]})

    def during():
        with pytest.raises(mlpkit.TrainingError):
            model.set_weights({"layers.3.bias": [1.0]})
        return True

    list(mlpkit.epochs(model, X, Y, stop=during))


# -- from another model


def starts(first, second, **options):
    seen = []
    mlpkit.train(second, X, Y, start_from=first, on_start=lambda start: seen.append((start.taken, start.model.get_weights())), **options)
    return seen[0]


def test_a_run_begins_with_the_weights_that_fit(model, tmp_path):
    model.save(tmp_path / "model.h5")
    wider = spec({**LAYERS[0]}, {**LAYERS[1], "units": 6}, {"units": 6, "activation": "tanh", "residual": 1}, seed=5)
    for source in (model, tmp_path / "model.h5", str(tmp_path / "model.h5")):
        taken, weights = starts(source, wider)
        assert {name.split(".")[1] for name in taken.names} == {"0", "3"}
        assert "layers.3.bias" in taken.names
        assert "layers.3.weight" in taken.new
        assert sorted([*taken.names, *taken.new]) == sorted(weights)
        for name in taken.names:
            np.testing.assert_array_equal(weights[name], model.get_weights()[name])


def test_frozen_layers_keep_the_weights_of_the_other_model(model):
    frozen = spec(*({**layer, "trainable": False} for layer in LAYERS), seed=3)
    tuned = mlpkit.train(frozen, X, np.sin(Y), start_from=model)
    for name, value in tuned.get_weights().items():
        same = np.array_equal(value, model.get_weights()[name])
        assert same == (not name.startswith("layers.3.")), name


def test_a_run_from_a_model_is_that_of_its_weights(model):
    plain = mlpkit.Model(spec(seed=8), inputs=3, outputs=1)
    plain.set_weights(model.get_weights())
    list(mlpkit.epochs(plain, X, Y))
    np.testing.assert_array_equal(
        mlpkit.train(spec(seed=8), X, Y, start_from=model).get_weights()["layers.0.weight"], plain.get_weights()["layers.0.weight"]
    )


def test_nothing_that_fits_is_an_error(model, tmp_path):
    with pytest.raises(mlpkit.DataError, match="no weight of the other model has the name and shape"):
        mlpkit.train(
            {**spec(), "network": {"layers": [{"units": 9, "activation": "relu"}, {"units": 2}]}}, X, np.stack([Y, Y], 1), start_from=model
        )
    with pytest.raises(mlpkit.ModelFileError):
        mlpkit.train(spec(), X, Y, start_from=tmp_path / "none.h5")
    with pytest.raises(TypeError, match="either resume or start_from"):
        mlpkit.train(spec(), X, Y, start_from=model, resume=tmp_path / "none.h5")


def test_the_command_begins_with_a_model_and_names_the_weights(tmp_path, monkeypatch, capfd):
    from mlpkit.cli import main

    monkeypatch.chdir(tmp_path)
    rows = "\n".join(["a,b,y", *(f"{a:.3f},{b:.3f},{a * b:.3f}" for a, b in RNG.standard_normal((20, 2)))])
    (tmp_path / "t.csv").write_text(rows + "\n")
    layers = [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"}, {"units": 1}]
    whole = {"data": {"path": "t.csv", "target": "y"}, "network": {"layers": layers}, "loss": "mse", "training": {"epochs": 1}}
    (tmp_path / "spec.json").write_text(json.dumps(whole))
    assert main(["train", "spec.json", "-q"]) == 0
    layers[1]["units"] = 5
    (tmp_path / "spec.json").write_text(json.dumps(whole))
    assert main(["train", "spec.json", "--from", "model.h5", "-o", "tuned.h5", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)["start_from"]
    assert told == {
        "model": "model.h5",
        "taken": ["layers.0.weight", "layers.0.bias", "layers.2.bias"],
        "new": ["layers.1.weight", "layers.1.bias", "layers.2.weight"],
    }
    assert main(["train", "spec.json", "--from", "model.h5", "-o", "tuned.h5", "--force"]) == 0
    assert "layers.0.weight, layers.0.bias, layers.2.bias; new: layers.1.weight" in capfd.readouterr().err
    assert main(["train", "spec.json", "--from", "model.h5", "--resume", "tuned.h5"]) == 2
    assert "--from" in capfd.readouterr().err
    assert main(["train", "spec.json", "--from", "model.h5", "-o", "model.h5"]) == 2
    assert "model.h5" in capfd.readouterr().err


# -- hidden layers


@pytest.mark.parametrize("rows", [1, 30, 2500])
def test_outputs_of_a_hidden_layer_are_those_of_the_forward_pass(model, rows):
    x = np.resize(X, (rows, 3))
    hidden = model.transform(x)
    assert hidden.shape == (rows, 4)
    last = model.network.layers[-1]
    outputs = hidden @ last.weight + last.bias
    encoder = model.target_encoder
    np.testing.assert_allclose((outputs * encoder.scale + encoder.center)[:, 0], model.predict(x), rtol=1e-12)
    np.testing.assert_array_equal(model.transform(x, layer=2), hidden)
    assert model.transform(x, layer=0).shape == (rows, 5)


def test_layers_that_are_not_there_are_refused(model):
    for layer in (4, -5, "first", True, 1.0):
        with pytest.raises(mlpkit.DataError, match="there is no layer"):
            model.transform(X, layer=layer)
    single = mlpkit.train({"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}, X, Y)
    with pytest.raises(mlpkit.DataError, match="there is no layer -2") as caught:
        single.transform(X)
    assert "the only layer is the output layer" in caught.value.help
