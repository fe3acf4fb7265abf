"""Numbers of the inputs are limited to their range in the training rows, if the spec says so."""

import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import DataError, ModelFileError
from mlpkit.modelfile import reader, writer
from mlpkit.preprocessing.prepare import prepare

RNG = np.random.default_rng(8)
ROWS = 80
DAYS = np.datetime64("2024-01-01") + np.arange(ROWS)
TABLE = {
    "a": RNG.normal(size=ROWS),
    "b": np.where(np.arange(ROWS) % 9 == 0, np.nan, RNG.lognormal(size=ROWS)),
    "flag": np.arange(ROWS) % 2 == 0,
    "day": DAYS.astype(str),
    "city": np.array(["x", "y", "z"])[np.arange(ROWS) % 3],
    "same": np.full(ROWS, 2.5),
    "y": RNG.normal(size=ROWS),
}
SCALINGS = [
    "none",
    "standardize",
    {"type": "robust", "clip": "smooth"},
    "quantile",
    {"type": "bins", "count": 3},
    {"type": "min_max", "clip": 0.5},
]
WILD = {"a": [1e6, -1e6, 0.1], "b": [-5.0, np.nan, 1e30], "flag": [True] * 3, "day": ["1990-01-01", "2090-12-31", "2024-02-01"]}
WILD |= {"city": ["x", "w", "z"], "same": [9.0, 2.5, -9.0]}


def spec(clip=True, numbers="standardize", **parts):
    preprocessing = {"numbers": numbers, "clip_inputs": clip, "columns": {"day": "date"}}
    network = {"layers": [{"units": 6, "activation": "tanh"}, {}]}
    base = {"network": network, "loss": "mse", "optimizer": "adam", "data": {"target": "y"}, "training": {"epochs": 3, "batch_size": 16}}
    return {**base, "preprocessing": preprocessing, **parts}


def trained(clip=True, numbers="standardize"):
    with pytest.warns(mlpkit.errors.ConstantColumnWarning):
        return mlpkit.train(spec(clip, numbers), TABLE)


def quietly(model, rows):
    """Predictions for rows of which some have a new category."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.errors.DataWarning)
        return model.predict(rows)


def limited(rows):
    """The rows with numbers and days within those of the table."""
    found = {name: np.array(values) for name, values in rows.items()}
    for name in ("a", "b"):
        found[name] = np.clip(found[name], np.nanmin(TABLE[name]), np.nanmax(TABLE[name]))
    return found


@pytest.mark.parametrize("numbers", SCALINGS, ids=str)
def test_wild_values_count_as_the_ends_of_the_range_and_training_is_the_same(numbers):
    plain, model = trained(False, numbers), trained(True, numbers)
    np.testing.assert_array_equal(plain.network.parameters.vector, model.network.parameters.vector)
    np.testing.assert_array_equal(plain.predict(TABLE), model.predict(TABLE))
    found = quietly(model, WILD)
    np.testing.assert_array_equal(found, quietly(model, limited(WILD)))
    assert (found != quietly(plain, WILD)).any()
    single = [quietly(model, [{name: values[row] for name, values in WILD.items()}])[0] for row in range(3)]
    np.testing.assert_allclose(single, found, rtol=1e-6)


def test_a_later_day_counts_as_the_last_one_in_every_part_of_the_date():
    model, rows = trained(), {name: [values[0]] * 2 for name, values in TABLE.items()}
    encoded = model.input_encoder.encode(as_table(rows | {"day": [str(DAYS[-1]), "2090-12-31"]}), "float64")
    assert np.abs(encoded).max() < 10


@pytest.mark.parametrize("numbers", ["none", "robust"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_on_disk_are_limited_alike(tmp_path, dtype, numbers):
    x, y = RNG.normal(size=(200, 3)), RNG.normal(size=200)
    np.save(tmp_path / "train.npy", x)
    np.save(tmp_path / "wild.npy", 30 * x)
    own = spec(numbers=numbers, data={"in_memory": False}, dtype=dtype)
    own["preprocessing"].pop("columns")
    model = mlpkit.train(own, tmp_path / "train.npy", y)
    limits = x.min(axis=0), x.max(axis=0)
    np.testing.assert_array_equal(model.input_encoder.numbers.limits, limits)
    expected = model.predict(np.clip(30 * x, *limits))
    np.testing.assert_array_equal(model.predict(30 * x), expected)
    np.testing.assert_array_equal(model.predict(tmp_path / "wild.npy"), expected)
    encoders = model.input_encoder, model.target_encoder
    stored = prepare(model.spec, tmp_path / "wild.npy", y, encoders=encoders).train.inputs
    np.testing.assert_array_equal(stored[:], model.input_encoder.encode(as_table(30 * x), dtype))


def test_infinity_is_an_error_as_before():
    with pytest.raises(DataError, match="'a'"):
        trained().predict({**WILD, "a": [np.inf, 0.0, 0.0]})


def test_the_limits_are_saved_and_older_models_have_none(tmp_path):
    model = trained()
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(quietly(loaded, WILD), quietly(model, WILD))
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 7
    trained(False).save(tmp_path / "plain.h5")
    assert mlpkit.inspect(tmp_path / "plain.h5")["spec_schema"] == 5
    assert not {"inputs/lower", "inputs/upper"} & reader.read(tmp_path / "plain.h5").arrays.keys()


DAMAGES = {
    "one of the two": lambda arrays: arrays.pop("inputs/upper"),
    "another length": lambda arrays: arrays.update({"inputs/lower": np.zeros(3)}),
    "integers": lambda arrays: arrays.update({"inputs/lower": arrays["inputs/lower"].astype(np.int64)}),
    "infinity": lambda arrays: arrays.update({"inputs/upper": arrays["inputs/upper"] + np.inf}),
    "the wrong order": lambda arrays: arrays.update({"inputs/lower": arrays["inputs/upper"] + 1}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_limits_are_refused(name, tmp_path):
    trained().save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    DAMAGES[name](contents.arrays)
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the inputs is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")
