"""The model: what a user holds. Train, predict, evaluate, save, load; in this process and in another."""

import copy
import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, Elementwise
from mlpkit.training.history import History

RNG = np.random.default_rng(8)
TABLE = pd.DataFrame(
    {
        "size": np.where(RNG.random(80) < 0.1, np.nan, RNG.normal(10, 3, 80)),
        "colour": RNG.choice(["red", "green", "blue"], 80),
        "old": RNG.random(80) < 0.5,
    }
)
TABLE["kind"] = np.where(TABLE["size"].fillna(10) > 10, "big", np.where(TABLE["colour"] == "red", "small red", "small"))
TABLE["price"] = TABLE["size"].fillna(10) * 100 + TABLE["old"] * 50
CLASSIFY = {
    "data": {"target": "kind", "inputs": ["size", "colour", "old"], "split": {"validation": 0.25}},
    "network": {"layers": [{"units": 12, "activation": "relu"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.02},
    "training": {"epochs": 60, "batch_size": 16},
    "metrics": ["accuracy", "log_loss"],
}
REGRESS = {
    **CLASSIFY,
    "data": {"target": "price", "inputs": ["size", "colour", "old"]},
    "network": {"layers": [{"units": 12, "activation": "relu"}, {"activation": "linear"}]},
    "loss": "mse",
    "metrics": ["r2"],
}


@pytest.fixture(scope="module")
def classifier():
    return mlpkit.train(CLASSIFY, TABLE)


def test_a_classifier_gives_back_labels_and_probabilities(classifier):
    assert (classifier.predict(TABLE) == TABLE["kind"]).mean() > 0.9
    assert list(classifier.classes) == ["big", "small", "small red"]
    probabilities = classifier.predict_proba(TABLE)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(classifier.classes[probabilities.argmax(axis=1)], classifier.predict(TABLE))


def test_a_regression_is_in_the_units_of_the_target():
    model = mlpkit.train(REGRESS, TABLE)
    assert model.evaluate(TABLE, metrics=["r2"])["r2"] > 0.95
    assert model.predict(TABLE).shape == (80,)
    assert abs(model.predict(TABLE).mean() - TABLE["price"].mean()) < 50
    with pytest.raises(mlpkit.DataError, match="predicts numbers"):
        model.predict_proba(TABLE)


def test_the_history_agrees_with_evaluate_on_the_same_rows():
    train, held_out = TABLE[:60], TABLE[60:]
    model = mlpkit.train({**REGRESS, "metrics": ["rmse", "mae", "r2"]}, train, validation=held_out)
    found = model.evaluate(held_out)
    assert found["loss"] == pytest.approx(model.history[-1].validation_loss, rel=1e-6)
    assert {name: found[name] for name in ("rmse", "mae", "r2")} == pytest.approx(dict(model.history[-1].metrics), rel=1e-6)


def test_rows_may_come_as_a_table_a_file_records_or_a_dictionary(classifier, tmp_path):
    expected = classifier.predict(TABLE)
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    columns = {name: TABLE[name].tolist() for name in reversed(TABLE.columns)}
    for rows in (tmp_path / "rows.csv", str(tmp_path / "rows.csv"), TABLE.to_dict("records"), columns):
        np.testing.assert_array_equal(classifier.predict(rows), expected)


def test_one_row_at_a_time(classifier):
    assert classifier.predict({"size": [14.0], "colour": ["blue"], "old": [True]}).tolist() == ["big"]


def test_evaluate_takes_targets_apart_and_other_metrics(classifier):
    whole = classifier.evaluate(TABLE)
    assert whole.keys() == {"loss", "accuracy", "log_loss"}
    assert whole["loss"] == pytest.approx(whole["log_loss"], rel=1e-5)
    assert classifier.evaluate(TABLE.drop(columns="kind"), TABLE["kind"]) == whole
    assert classifier.evaluate(TABLE, metrics=["accuracy"]).keys() == {"loss", "accuracy"}
    assert classifier.evaluate(TABLE, metrics="accuracy") == classifier.evaluate(TABLE, metrics=["accuracy"])
    with pytest.raises(mlpkit.SpecError, match="r2 do not fit the task"):
        classifier.evaluate(TABLE, metrics=["r2"])


def test_a_metric_for_another_task_is_refused_before_training():
    with pytest.raises(mlpkit.SpecError, match=r"metrics: .* r2 do not fit the task classification"):
        mlpkit.train({**CLASSIFY, "metrics": ["r2"]}, TABLE)


def test_weights_are_an_array_or_a_column():
    weights = RNG.uniform(0.1, 2, 80)
    by_array = mlpkit.train(REGRESS, TABLE, weights=weights)
    spec = {**REGRESS, "data": {**REGRESS["data"], "weight": "count"}}
    by_column = mlpkit.train(spec, TABLE.assign(count=weights))
    np.testing.assert_array_equal(by_array.network.parameters.vector, by_column.network.parameters.vector)
    assert not np.array_equal(by_array.network.parameters.vector, mlpkit.train(REGRESS, TABLE).network.parameters.vector)


def test_the_caller_owns_the_loop():
    model = mlpkit.Model({**REGRESS, "data": {}, "preprocessing": "none"}, inputs=2, outputs=1)
    x = RNG.standard_normal((30, 2))
    for epoch in mlpkit.epochs(model, x, x.sum(axis=1)):
        if epoch.number == 5:
            break
    assert [epoch.number for epoch in model.history] == [1, 2, 3, 4, 5]


def test_training_goes_on_from_the_weights_a_model_has():
    x = RNG.standard_normal((30, 2))
    model = mlpkit.Model({**REGRESS, "data": {}, "optimizer": {"type": "sgd", "learning_rate": 0.05}}, inputs=2, outputs=1)
    first = [epoch.loss for epoch in mlpkit.epochs(model, x, x[:, 0])]
    second = [epoch.loss for epoch in mlpkit.epochs(model, x, x[:, 0])]
    assert second[0] < first[0]
    assert [epoch.number for epoch in model.history] == list(range(1, len(first) + len(second) + 1))


def test_a_network_of_another_width_is_refused():
    model = mlpkit.Model({**REGRESS, "data": {}}, inputs=3, outputs=1)
    with pytest.raises(mlpkit.SpecError, match="encoded data have 2 columns"):
        mlpkit.epochs(model, RNG.standard_normal((30, 2)), RNG.standard_normal(30))


def test_y_of_one_column_is_y():
    x, y = RNG.standard_normal((40, 3)), RNG.standard_normal(40)
    flat, column = (mlpkit.train({**REGRESS, "data": {}}, x, target) for target in (y, y[:, None]))
    np.testing.assert_array_equal(flat.network.parameters.vector, column.network.parameters.vector)
    assert flat.predict(x).shape == column.predict(x).shape == (40,)
    assert flat.evaluate(x, y) == flat.evaluate(x, y[:, None])


def test_an_untrained_model_is_its_network():
    model = mlpkit.Model(CLASSIFY, inputs=4, outputs=3)
    np.testing.assert_allclose(model.predict(np.zeros((2, 4))), 1 / 3, rtol=1e-6)
    with pytest.raises(mlpkit.DataError, match="not been trained"):
        model.evaluate(np.zeros((2, 4)), [0, 1])
    with pytest.raises(mlpkit.DataError, match="not been trained"):
        model.predict_proba(np.zeros((2, 4)))
    for rows in (np.zeros((2, 5)), [0, 0, 0, 0], "rows.csv", {"a": [1]}):
        with pytest.raises(mlpkit.DataError, match=r"not been trained|the network takes \(rows, 4\)"):
            model.predict(rows)
    with pytest.raises(mlpkit.SpecError, match="units of the last layer"):
        mlpkit.Model(CLASSIFY, inputs=4)


# -- the file


def assert_equal(first, second):
    np.testing.assert_array_equal(first.network.parameters.vector, second.network.parameters.vector)
    np.testing.assert_array_equal(first.predict(TABLE), second.predict(TABLE))
    assert first.spec == second.spec
    assert [epoch[:5] for epoch in first.history] == [epoch[:5] for epoch in second.history]


@pytest.mark.parametrize("spec", [CLASSIFY, REGRESS, {**REGRESS, "dtype": "float64"}], ids=["classes", "numbers", "float64"])
def test_save_and_load(spec, tmp_path):
    model = mlpkit.train(spec, TABLE)
    model.metadata["note"] = {"für": [1, 2.5, None]}
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert_equal(model, loaded)
    assert loaded.metadata == model.metadata
    loaded.save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "model.h5").read_bytes()


def test_another_process_in_another_folder_predicts_the_same_bits(classifier, tmp_path):
    classifier.save(tmp_path / "model.h5")
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    code = "import mlpkit, numpy; numpy.save('p.npy', mlpkit.load('../model.h5').predict_proba('../rows.csv'))"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, check=True)
    np.testing.assert_array_equal(np.load(folder / "p.npy"), classifier.predict_proba(TABLE))


def test_the_same_training_gives_the_same_bytes(tmp_path):
    for name in ("one.h5", "two.h5"):
        mlpkit.train(CLASSIFY, TABLE).save(tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


@pytest.mark.parametrize("through", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_a_copy_is_whole_and_its_own(classifier, through):
    copied = through(classifier)
    assert_equal(copied, classifier)
    before = classifier.predict_proba(TABLE)
    copied.network.parameters.vector[...] = 0
    np.testing.assert_allclose(copied.predict_proba(TABLE), 1 / 3, rtol=1e-6)
    np.testing.assert_array_equal(classifier.predict_proba(TABLE), before)


class Bent(Elementwise):
    """A plugin with no packaging."""

    slope: float = 0.5

    def function(self, z):
        return np.where(z > 0, z, self.slope * z)

    def derivative(self, z, y):
        return np.where(z > 0, 1.0, self.slope).astype(z.dtype)


def test_a_model_with_an_own_plugin(tmp_path):
    layers = [{"units": 4, "activation": Bent(slope=0.25)}, {"activation": "linear"}]
    model = mlpkit.train({**REGRESS, "network": {"layers": layers}}, TABLE)
    model.save(tmp_path / "model.h5")
    registry = REGISTRIES["activations"]
    own = registry._own.pop("bent")
    try:
        with pytest.raises(
            mlpkit.MissingPlugin, match=r"model\.h5: .* with 'bent', which is not installed\n.*--code test_model\.py .*plugins=\[Bent\]\)"
        ):
            mlpkit.load(tmp_path / "model.h5")
        assert mlpkit.inspect(tmp_path / "model.h5")["plugins"][0]["name"] == "bent"
    finally:
        registry._own["bent"] = own
    assert_equal(mlpkit.load(tmp_path / "model.h5", plugins=[Bent]), model)


def test_a_name_that_means_another_plugin_here_is_not_taken_for_it(tmp_path):
    """An own class called Snake is not the snake of the package mlpkit-snake."""

    class Snake(Bent):
        pass

    registry = REGISTRIES["activations"]
    layers = [{"units": 4, "activation": Snake}, {"activation": "linear"}]
    mlpkit.train({**REGRESS, "network": {"layers": layers}}, TABLE).save(tmp_path / "model.h5")
    registry._own.pop("snake")
    assert registry.find("snake").distribution == "mlpkit-snake"
    with pytest.raises(mlpkit.MissingPlugin, match="trained with 'snake', which is not installed"):
        mlpkit.load(tmp_path / "model.h5")


def test_a_missing_distribution_is_named_with_its_version(classifier, tmp_path, monkeypatch):
    from mlpkit.model import serialization

    member = serialization.StoredMember(classifier.network, History())
    parts = serialization.Stored(classifier.spec, (member,), classifier.input_encoder, classifier.target_encoder, {})
    contents = serialization.to_contents(parts)
    text = json.dumps(contents.spec).replace('"relu"', '"mlpkit-gone:gone"')
    contents.spec.clear()
    contents.spec.update(json.loads(text))
    contents.plugins.append(
        {
            "kind": "activations",
            "name": "mlpkit-gone:gone",
            "distribution": "mlpkit-gone",
            "version": "0.3",
            "target": "gone:Gone",
            "options": {},
        }
    )
    with pytest.raises(mlpkit.MissingPlugin, match=r"pip install mlpkit-gone  \(if you trust it; trained with 0\.3\)"):
        serialization.from_contents(contents, "model.h5")


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "dtype"])
def test_tensors_that_the_spec_does_not_need(classifier, change):
    from mlpkit.model import serialization

    member = serialization.StoredMember(classifier.network, History())
    parts = serialization.Stored(classifier.spec, (member,), classifier.input_encoder, classifier.target_encoder, {})
    contents = serialization.to_contents(parts)
    weight = contents.tensors["layers.0.weight"]
    if change == "missing":
        del contents.tensors["layers.0.weight"]
    elif change == "extra":
        contents.tensors["layers.9.weight"] = weight
    else:
        contents.tensors["layers.0.weight"] = weight.T if change == "shape" else weight.astype("f8")
    with pytest.raises(mlpkit.ModelFileError, match=r"the tensor layers\.\d\.weight is"):
        serialization.from_contents(contents, "model.h5")


def test_a_spec_for_a_giant_allocates_nothing(classifier):
    from mlpkit.model import serialization

    member = serialization.StoredMember(classifier.network, History())
    parts = serialization.Stored(classifier.spec, (member,), classifier.input_encoder, classifier.target_encoder, {})
    contents = serialization.to_contents(parts)
    contents.spec["network"]["layers"][0]["units"] = 10**9
    with pytest.raises(mlpkit.ModelFileError, match="1000000000"):
        serialization.from_contents(contents, "model.h5")


def test_a_model_that_another_thread_trains_is_not_saved_half_way(tmp_path):
    entered, go_on = threading.Event(), threading.Event()

    class Waiting(mlpkit.Elementwise):
        def function(self, z):
            entered.set()
            assert go_on.wait(60)
            return z

        def derivative(self, z, y):
            return np.ones_like(z)

    spec = {"network": {"layers": [{"units": 3, "activation": Waiting()}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}
    model = mlpkit.Model(spec, inputs=2)
    x = np.random.default_rng(0).standard_normal((20, 2))
    training = threading.Thread(target=lambda: list(mlpkit.epochs(model, x, x[:, 0])))
    training.start()
    try:
        assert entered.wait(60)
        with pytest.raises(mlpkit.TrainingError, match=r"(?s)is being trained in another thread.*save between two epochs"):
            model.save(tmp_path / "model.h5")
        assert not list(tmp_path.iterdir())
    finally:
        go_on.set()
        training.join()
    model.save(tmp_path / "model.h5")
    loop = mlpkit.epochs(model, x, x[:, 0])
    next(loop)
    model.save(tmp_path / "between.h5", training_state=True)
    loop.close()
