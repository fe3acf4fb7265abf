"""Columns that are constant in training are encoded as 0 in all rows, in every reader of the file."""

from __future__ import annotations

import json
import warnings

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import ConstantColumnWarning, UnseenCategoryWarning
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

RNG = np.random.default_rng(11)
ROWS = 60
X = RNG.normal(size=ROWS)
TABLE = {
    "x": X,
    "five": np.full(ROWS, 5),
    "tenth": np.full(ROWS, 0.1),
    "gappy": np.where(np.arange(ROWS) % 3 == 0, np.nan, 7.0),
    "yes": np.full(ROWS, True),
    "word": ["same"] * ROWS,
    "y": 2 * X + 1,
}
CHANGED = {"five": [-1e300, 1e300, 0], "tenth": [0.2, np.nan, 1e40], "yes": [False, True, False], "word": ["other", None, "same"]}


def make(**parts):
    network = {"layers": [{"units": 4, "activation": "tanh"}, {}]}
    return Spec.model_validate({"network": network, "loss": "mse", "data": {"target": "y"}, "training": {"epochs": 2}, **parts})


def trained(**parts):
    with pytest.warns(ConstantColumnWarning) as caught:
        model = mlpkit.train(make(**parts), TABLE)
    [warning] = [one for one in caught if one.category is ConstantColumnWarning]
    assert "'five', 'tenth', 'gappy', 'yes', 'word=same'" in str(warning.message)
    assert warning.filename == __file__
    return model


def rows(**changed):
    return {name: values[:3] for name, values in TABLE.items() if name != "y"} | changed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("numbers", ["standardize", "none"])
def test_later_values_of_a_constant_column_change_no_prediction(dtype, numbers):
    model = trained(dtype=dtype, preprocessing={"numbers": numbers})
    expected = model.predict(rows())
    for name, values in CHANGED.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnseenCategoryWarning)  # of the word
            table = rows(**{name: np.array(values, dtype=object if name == "word" else None)})
            np.testing.assert_array_equal(model.predict(table), expected)
            records = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
            np.testing.assert_array_equal(model.predict(records), expected)
    zeros = model.input_encoder.zeros
    assert [model.input_encoder.feature_names[index] for index in zeros] == ["five", "tenth", "gappy", "yes", "word=same"]
    assert not model.input_encoder.encode(as_table(rows()), dtype)[:, zeros].any()
    assert model.spec.network.inputs == 7  # with "gappy is missing"


def test_a_value_beside_gaps_is_constant_and_the_gaps_are_not():
    model = trained()
    filled, gap = model.predict(rows(gappy=[8.0, 7.0, 1.0])), model.predict(rows(gappy=[np.nan] * 3))
    np.testing.assert_array_equal(filled, model.predict(rows(gappy=[7.0] * 3)))
    assert (filled != gap).all()


def test_a_loaded_model_and_one_trained_further_keep_their_zeros(tmp_path):
    model = trained()
    expected = model.predict(rows(five=[1, 2, 3]))
    model.save(tmp_path / "m.h5")
    loaded = mlpkit.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(loaded.predict(rows(five=[4, 5, 6])), expected)
    varied = TABLE | {"five": RNG.normal(size=ROWS)}
    for _ in mlpkit.epochs(loaded, varied):
        pass
    np.testing.assert_array_equal(loaded.predict(rows(five=[4, 5, 6])), loaded.predict(rows()))
    assert not loaded.network.layers[0].weight[loaded.input_encoder.zeros].any()


@pytest.mark.filterwarnings("ignore::mlpkit.ConstantColumnWarning")
def test_weights_of_constant_inputs_stay_0_with_noise_and_with_weights_of_another_model():
    network = {"input_noise": 0.5, "input_dropout": 0.1, "layers": [{"units": 4, "activation": "tanh"}, {}]}
    noisy = mlpkit.train(make(network=network), TABLE)
    gaps = {"gappy": TABLE["gappy"]}  # the indicator of missing values stays
    varied = {name: RNG.normal(size=ROWS) for name in TABLE if name not in ("word", "gappy")}
    other = mlpkit.train(make(), {**varied, "word": TABLE["word"], **gaps})
    taken = mlpkit.train(make(), TABLE, start_from=other)
    filled = mlpkit.train(make(), TABLE)
    filled.set_weights({"layers.0.weight": np.ones((7, 4))})
    for model in (noisy, taken, filled):
        weight, zeros = model.network.layers[0].weight, model.input_encoder.zeros
        assert len(zeros) == 5
        assert not weight[zeros].any()
        assert np.delete(weight, zeros, axis=0).all()


def test_a_reader_that_knows_nothing_of_constants_predicts_the_same(tmp_path):
    """As models/README.md reads a file: values, indicators and choices times weights."""
    model = trained()
    model.save(tmp_path / "m.h5")
    row = {"x": 0.5, "five": 6.0, "tenth": None, "gappy": 3.0, "yes": False, "word": "same"}
    with h5py.File(tmp_path / "m.h5") as file:
        manifest = json.loads(bytes(file["manifest"][()]))["preprocessing"]
        fitted = {name: array[()] for name, array in file["preprocess/inputs"].items()}
        target = {name: array[()] for name, array in file["preprocess/target"].items()}
        layers = [{part: array[()] for part, array in layer.items()} for layer in file["tensors"].values()]
    columns = manifest["inputs"]["columns"]
    values = np.array([row[column["name"]] for column in columns if column["kind"] != "category"], dtype=float)
    gaps = np.isnan(values)
    numbers = (np.where(gaps, fitted["fill"], values) - fitted["center"]) / fitted["scale"]
    choices = [row[column["name"]] == category for column in columns for category in column["categories"]]
    hidden = np.tanh(np.concatenate([numbers, gaps[fitted["gaps"]], choices]) @ layers[0]["weight"] + layers[0]["bias"])
    read = (hidden @ layers[1]["weight"] + layers[1]["bias"]) * target["scale"] + target["center"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict([row]), read, rtol=1e-6)


def test_columns_constant_in_the_training_part_alone_are_constant():
    part = np.where(np.arange(ROWS) < 40, "train", "validation")
    table = {"x": X, "late": np.where(np.arange(ROWS) < 40, 1.0, X), "part": part, "y": TABLE["y"]}
    spec = make(data={"target": "y", "split": {"column": "part"}})
    with pytest.warns(ConstantColumnWarning, match="'late'"):
        prepared = prepare(spec, table)
    assert not prepared.validation.inputs[:, 1].any()


def test_on_disk_as_in_memory(tmp_path):
    values = np.column_stack([X, np.full(ROWS, 3.0), np.where(np.arange(ROWS) % 2, np.nan, 4.0)])
    np.save(tmp_path / "x.npy", values)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    encoded = []
    for source, in_memory in ((values, True), (stored, False)):
        for numbers in ("standardize", "none"):
            spec = make(data={"in_memory": in_memory}, preprocessing={"numbers": numbers})
            with pytest.warns(ConstantColumnWarning, match="'x1', 'x2'"):
                prepared = prepare(spec, source, TABLE["y"])
            encoded.append(prepared.train.inputs[:])
            assert not encoded[-1][:, [1, 2]].any()
            assert encoded[-1][:, 3].any()
    for one, other in zip(encoded[:2], encoded[2:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_a_model_that_learned_before_a_column_varied_is_not_worse():
    y = TABLE["y"]
    spec = make(training={"epochs": 200}, optimizer={"type": "adam", "learning_rate": 0.02})
    for seed in range(3):
        with pytest.warns(ConstantColumnWarning):
            model = mlpkit.train({**spec.to_dict(), "seed": seed}, {"x": X, "set": np.full(ROWS, 20.0), "y": y})
        assert model.evaluate({"x": X, "set": RNG.normal(20, 5, ROWS), "y": y}, metrics="r2")["r2"] > 0.98


def test_encoders_of_earlier_files_encode_as_before():
    table = as_table({"word": ["same", "same"], "x": [1.0, 2.0], "five": [5.0, 5.0]})
    encoder = InputEncoder.fit(make().preprocessing, table, table.names, ())
    state = encoder.to_state()
    assert state.pop("zeros") == [1, 2]
    earlier = InputEncoder.from_state(state, encoder.arrays())
    later = as_table({"word": ["same"], "x": [1.0], "five": [6.0]})
    assert encoder.encode(later, "float64").tolist() == [[-1, 0, 0]]
    assert earlier.encode(later, "float64").tolist() == [[-1, 1, 1]]


@pytest.mark.parametrize("zeros", [[-1], [9], [1.5], ["a"], [1]])
def test_zeros_of_an_untrusted_file_are_checked(zeros):
    table = as_table({"gappy": [1.0, np.nan], "word": ["a", "b"]})
    encoder = InputEncoder.fit(make().preprocessing, table, table.names, ())
    with pytest.raises(mlpkit.ModelFileError, match="preprocessing of the inputs is not valid"):
        InputEncoder.from_state({**encoder.to_state(), "zeros": zeros}, encoder.arrays())
