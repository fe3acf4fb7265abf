"""Embedded columns: numbers of levels against a dictionary and scikit-learn's OrdinalEncoder, in memory, row by row and on disk."""

import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder

import mlpkit
from mlpkit.data.disk import table as disk_table
from mlpkit.data.frames import as_table
from mlpkit.data.table import Table
from mlpkit.errors import DataError, SpecError, UnseenCategoryWarning
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.embedded_inputs import with_inputs
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Preprocessing, Spec

CITIES = ["Oslo", "Bonn", None, "Rome", "Bonn", "Oslo", "Nice", None, "Bonn"]
ALL = {"type": "embed", "fewest": 1}


def fit(data, missing=("", "NA"), weights=None, **options):
    table = data if isinstance(data, Table) else Table(data)
    return InputEncoder.fit(Preprocessing(**options), table, table.names, missing, weights)


def codes(encoder, data, dtype="float64"):
    encoded = encoder.encode(data if isinstance(data, Table) else Table(data), dtype)
    return encoded[:, sorted(encoder.levels)]


CASES = {  # column, treatment, code of each value, number of levels
    "each value": (CITIES, ALL, {"Bonn": 0, "Nice": 1, "Oslo": 2, "Rome": 3, None: 4}, 5),
    "values of two rows": (CITIES, "embed", {"Bonn": 0, "Oslo": 1, None: 2, "Nice": 3, "Rome": 3}, 3),
    "values of three rows": (CITIES, {"type": "embed", "fewest": 3}, {"Bonn": 0, "Oslo": 1, None: 1, "Nice": 1, "Rome": 1}, 1),
    "nothing missing": (["b", "a", "b"], ALL, {"a": 0, "b": 1}, 2),
    "texts for missing": (["b", "NA", "b", None, ""], "embed", {"b": 0, "NA": 1, None: 1, "": 1}, 2),
    "integers": ([10115, 9, 10115, 9, 7], "embed", {9: 1, 10115: 0, 7: 2}, 2),
    "floats": ([1.5, 2.0, np.nan, 1.5], ALL, {1.5: 0, 2.0: 1}, 3),
    "booleans": ([True, False, True], ALL, {False: 0, True: 1}, 2),
    "one value": (["a", "a"], ALL, {"a": 0}, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_codes_are_those_of_a_dictionary(name):
    values, treatment, code_of, levels = CASES[name]
    encoder = fit({"x": values}, columns={"x": treatment})
    assert encoder.levels == {0: levels}
    assert encoder.width == 1
    assert encoder.feature_names == ("x",)
    wanted = [code_of.get(value, levels - 1) for value in values]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert codes(encoder, {"x": values}).ravel().tolist() == wanted


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_are_those_of_scikit_learn(dtype):
    rng = np.random.default_rng(1)
    data = {"text": [f"t{n}" for n in rng.integers(0, 90, 500)], "zip": rng.integers(0, 5000, 500)}
    encoder = fit(data, columns=dict.fromkeys(data, ALL))
    columns = np.column_stack([np.asarray(values).astype(str).astype(object) for values in data.values()])
    wanted = OrdinalEncoder(dtype=np.float64).fit_transform(columns)
    found = codes(encoder, data, dtype)
    assert found.dtype == dtype
    assert np.array_equal(found, wanted)


def test_codes_are_exact_up_to_the_most_levels():
    values = np.arange(100_000)
    encoder = fit({"id": values}, columns={"id": ALL})
    order = np.argsort(np.argsort(values.astype(str)))
    assert np.array_equal(codes(encoder, {"id": values}, "float32").ravel(), order)
    with pytest.raises(DataError, match="100001 different texts in 100001 rows, more than 100000"):
        fit({"id": np.arange(100_001)}, columns={"id": ALL})


def test_one_hot_and_scaled_columns_stand_beside_them():
    data = {"city": CITIES, "n": np.arange(9.0), "colour": ["red", "blue", "red"] * 3, "zip": [1, 2, 3] * 3}
    encoder = fit(data, columns={"city": "embed", "zip": "embed"})
    assert encoder.feature_names == ("n", "city", "colour=blue", "colour=red", "zip")
    assert encoder.levels == {1: 3, 4: 3}
    assert encoder.order == tuple(data)
    found = encoder.encode(Table(data), "float64")
    assert np.array_equal(found[:, [1, 4]].T, [[1, 0, 2, 3, 0, 1, 3, 2, 0], [0, 1, 2] * 3])
    assert np.array_equal(found[:, 3], [1, 0, 1] * 3)


def test_a_value_that_is_new_shares_the_vector_of_rare_ones_with_a_warning():
    encoder = fit({"x": CITIES}, columns={"x": "embed"})
    with pytest.warns(UnseenCategoryWarning, match="the column 'x' has values that were not seen in training: share one vector") as caught:
        assert codes(encoder, {"x": ["Paris", "Bonn", "Nice", None]}).ravel().tolist() == [3, 0, 3, 2]
    assert "'Paris' in 'x' (1)" in caught[0].message.details


def test_a_missing_value_is_unseen_if_training_had_none():
    encoder = fit({"x": ["a", "b", "a", "b"]}, columns={"x": "embed"})
    with pytest.warns(UnseenCategoryWarning, match="share one vector"):
        assert codes(encoder, {"x": ["b", None]}).ravel().tolist() == [1, 2]
    encoder = fit({"x": ["a", "b"]}, columns={"x": ALL}, missing="")
    assert encoder.levels == {0: 2}


def test_missing_none_refuses_missing_values():
    with pytest.raises(DataError, match=r"'x' has a missing value in row 2, and preprocessing\.missing is 'none'"):
        InputEncoder.fit(Preprocessing(missing="none", columns={"x": "embed"}), Table({"x": CITIES}), ("x",), ())


def test_a_constant_column_is_level_0_in_every_row():
    encoder = fit({"x": ["a", "a", "a"], "n": [1, 2, 3]}, columns={"x": "embed"})
    assert encoder.zeros == [1]
    with pytest.warns(UnseenCategoryWarning):
        assert codes(encoder, {"x": ["b", "a", "a"], "n": [1, 2, 3]}).ravel().tolist() == [0, 0, 0]
    assert fit({"x": ["a", "a", "b"]}, columns={"x": "embed"}).zeros == []  # b trains the shared vector


ERRORS = {
    "no frequent value": ({"x": ["a", "b", "c"]}, "'x' has no value in 2 or more training rows"),
    "no value": ({"x": [None, ""]}, "'x' has no value in the training rows"),
    "several values per row": (Table({"x": np.zeros((4, 3))}), "3 values per row"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_columns_that_cannot_be_embedded(name):
    data, message = ERRORS[name]
    with pytest.raises(DataError, match=message):
        fit(data, columns={"x": "embed"})


def test_too_many_one_hot_categories_are_advised_to_be_embedded():
    with pytest.raises(DataError) as caught:
        fit({"x": [f"t{n % 1001}" for n in range(3003)]})
    assert '"x": "embed"' in caught.value.help


@pytest.mark.parametrize(
    "rows",
    [
        [{"city": "Bonn", "n": 1.5}, {"city": "Nice", "n": 0.5}],
        {"city": ["Bonn", "Nice"], "n": [1.5, 0.5]},
        pd.DataFrame({"n": [1.5, 0.5], "city": pd.Categorical(["Bonn", "Nice"])}),
    ],
)
def test_rows_frames_and_the_fast_path_give_the_same_codes(rows):
    frame = pd.DataFrame({"city": CITIES, "n": np.arange(9.0)}).astype({"city": "category"})
    encoder = fit(as_table(frame), columns={"city": "embed", "n": "none"})
    assert encoder.encode(as_table(rows), "float32").tolist() == [[1.5, 0], [0.5, 3]]
    if not isinstance(rows, pd.DataFrame):
        assert encoder.plain.encode(rows, "float32").tolist() == [[1.5, 0], [0.5, 3]]
        assert encoder.plain.encode([{"city": "Paris", "n": 1.0}], "float32") is None  # left to the table, which warns


def test_the_state_gives_the_same_encoder():
    encoder = fit({"x": CITIES, "n": np.arange(9.0)}, columns={"x": "embed"})
    again = InputEncoder.from_state(encoder.to_state(), encoder.arrays())
    assert again.columns == encoder.columns
    assert again.levels == encoder.levels
    assert again.to_state() == encoder.to_state()


BROKEN = {
    "no level": {"categories": [], "rare": []},
    "a rare level": {"rare": ["Bonn"]},
    "one-hot": {"treatment": "one_hot"},
    "a number": {"kind": "number"},
    "clipped": {"clip": 2.0},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_does_not_fit_is_refused(name):
    state = fit({"x": CITIES}, columns={"x": "embed"}).to_state()
    state["columns"][0].update(BROKEN[name])
    with pytest.raises(mlpkit.ModelFileError, match="preprocessing of the inputs is not valid"):
        InputEncoder.from_state(state, {})


# -- the embeddings of a spec


def spec(columns, *embeddings, **rest):
    return {
        "data": {"target": "y"},
        "preprocessing": {"columns": columns},
        "network": {"embeddings": list(embeddings), "layers": [{"units": 4, "activation": "tanh"}, {"units": 1}]},
        "loss": "mse",
        "training": {"epochs": 2, "batch_size": 8},
        **rest,
    }


WRONG = {
    "no entry": (spec({"a": "embed"}), r"columns\.a: 'a' is to be embedded.*add \{\"type\": \"category\"\} to network\.embeddings"),
    "only numbers": (spec({"a": ALL}, {"type": "pbld"}), r"add \{\"type\": \"category\"\} to network\.embeddings"),
    "not in the entry": (
        spec({"a": "embed", "b": "embed"}, {"type": "category", "columns": ["b"]}),
        "'a' is to be embedded, but no embedding takes it.*add it to the \"columns\"",
    ),
    "two entries": (
        spec({"a": "embed"}, {"type": "category"}, {"type": "category", "columns": ["a"]}),
        "'a' is embedded by the entry 0 too",
    ),
    "no such column": (spec({"a": "embed"}, {"type": "category", "columns": ["a", "b"]}), "'b' has not the treatment 'embed'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_specs_whose_columns_are_not_embedded_once(name):
    wrong, message = WRONG[name]
    with pytest.raises(SpecError, match=message):
        Spec.model_validate(wrong)


def test_inputs_and_levels_follow_from_the_columns():
    data = {"a": ["x", "y"] * 4, "n": np.arange(8), "b": [1, 2, 3, 3] * 2, "c": ["p", "q", None, "p"] * 2}
    encoder = fit(data, columns=dict.fromkeys("abc", "embed"))
    one = Spec.model_validate(spec(dict.fromkeys("abc", "embed"), {"type": "category"}))
    (found,) = with_inputs(one.network.embeddings, encoder)
    assert (found.inputs, found.levels) == ((1, 2, 3), (2, 3, 3))
    two = Spec.model_validate(spec(dict.fromkeys("abc", "embed"), *({"type": "category", "columns": [*names]} for names in ("cb", "a"))))
    assert [(each.inputs, each.levels) for each in with_inputs(two.network.embeddings, encoder)] == [((3, 2), (3, 3)), ((1,), (2,))]


def test_an_entry_without_columns_does_nothing(tmp_path):
    rows = {"a": np.arange(20.0), "y": np.arange(20.0)}
    plain, entry = (mlpkit.train(spec({}, *each), rows) for each in ((), ({"type": "category"},)))
    assert entry.predict(rows).tolist() == plain.predict(rows).tolist()
    assert entry.spec.network.embeddings[0].inputs == ()
    entry.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").predict(rows).tolist() == entry.predict(rows).tolist()


# -- on disk


ROWS = 400
RNG = np.random.default_rng(2)
STORED = {
    "n": RNG.standard_normal(ROWS).astype(np.float32),
    "zip": RNG.integers(1000, 1040, ROWS),
    "half": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.integers(0, 5, ROWS)),
    "flag": RNG.random(ROWS) < 0.5,
    "city": np.array([f"c{n}" for n in RNG.integers(0, 30, ROWS)], dtype=object),
}
TREATED = {"zip": {"type": "embed", "fewest": 8}, **dict.fromkeys(("half", "flag", "city"), "embed")}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(disk_table, "BLOCK", 1000)


def stored(folder, columns=STORED, **changes):
    with h5py.File(folder / "rows.h5", "w") as file:
        for name, values in {**columns, **changes, "y": np.arange(ROWS, dtype=np.float64)}.items():
            file[name] = values.astype("S") if values.dtype == object else values
    return folder / "rows.h5"


def on_disk(path, in_memory, columns=TREATED, **options):
    embeddings = {"type": "category", "units": 3}, {"type": "pbld", "frequencies": 2}
    written = spec(columns, *embeddings, data={"target": "y", "path": str(path), "in_memory": in_memory, **options}, dtype="float64")
    written["data"]["split"] = {"validation": 0.25}
    return written


@pytest.mark.parametrize("columns", [{**TREATED, "n": "none"}, {**TREATED, "n": "ignore"}])
def test_rows_on_disk_are_encoded_as_in_memory(columns, small_blocks, tmp_path):
    path = stored(tmp_path)
    disk, memory = (prepare(Spec.model_validate(on_disk(path, in_memory, columns))) for in_memory in (False, True))
    assert disk.inputs.to_state() == memory.inputs.to_state()
    for part in ("train", "validation"):
        one, other = getattr(disk, part).inputs, getattr(memory, part).inputs
        assert type(one).__name__ == "StoredInputs"
        assert np.array_equal(np.concatenate([one[0:7], one[7 : len(one)]]), other)


def test_a_run_on_disk_is_a_run_in_memory_and_resumes_to_the_same_bytes(small_blocks, tmp_path):
    path = stored(tmp_path)
    models, columns = [], {**TREATED, "n": "none"}
    for in_memory in (False, True):
        whole, part = on_disk(path, in_memory, columns), on_disk(path, in_memory, columns)
        whole["training"] |= {"epochs": 4, "keep_state": True, "shuffle": False}  # on disk, blocks of rows are shuffled
        part["training"] |= {"epochs": 2, "keep_state": True, "shuffle": False}
        mlpkit.train(part).save(tmp_path / "part.h5")
        mlpkit.train(whole, resume=tmp_path / "part.h5").save(tmp_path / "resumed.h5")
        model = mlpkit.train(whole)
        model.save(tmp_path / "whole.h5")
        assert (tmp_path / "resumed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
        models.append(model)
    assert np.array_equal(models[0].predict(STORED), models[1].predict(STORED))
    assert models[0].evaluate(path)["loss"] == models[1].evaluate(path)["loss"]


def test_changed_categories_on_disk_are_found_when_a_run_is_resumed(small_blocks, tmp_path):
    path = stored(tmp_path)
    written = on_disk(path, False)
    written["training"]["keep_state"] = True
    mlpkit.train(written).save(tmp_path / "part.h5")
    cities = STORED["city"].copy()
    cities[[10, 11]] = cities[[11, 10]]
    stored(tmp_path, city=cities)
    written["training"]["epochs"] = 3
    with pytest.raises(mlpkit.DataError, match="'city' is not the same in the"):
        mlpkit.train(written, resume=tmp_path / "part.h5")


def test_unseen_and_missing_values_on_disk(small_blocks, tmp_path):
    path = stored(tmp_path)
    new = STORED["city"].copy()
    new[-1] = "new"
    (tmp_path / "other").mkdir()
    other = stored(tmp_path / "other", city=new)
    written = on_disk(path, False, validation=str(other))
    del written["data"]["split"]
    with pytest.warns(UnseenCategoryWarning, match="'city' has values that were not seen in training: share one vector"):
        prepare(Spec.model_validate(written))
    written = on_disk(path, False)
    written["preprocessing"]["missing"] = "none"
    with pytest.raises(DataError, match="'half' has a missing value in row"):
        prepare(Spec.model_validate(written))


def test_texts_in_an_npy_file_may_stay_on_disk(small_blocks, tmp_path):
    rows = np.empty(ROWS, [("n", "<f4"), ("city", "S3"), ("zip", "<i4"), ("name", "U3"), ("y", "<f8")])
    rows["n"], rows["city"], rows["zip"], rows["y"] = STORED["n"], STORED["city"].astype("S"), STORED["zip"], np.arange(ROWS)
    rows["name"] = [f"é{index % 7}" for index in range(ROWS)]
    np.save(tmp_path / "rows.npy", rows)
    columns = {**dict.fromkeys(("city", "zip", "name"), "embed"), "n": "none"}
    disk, memory = (prepare(Spec.model_validate(on_disk(tmp_path / "rows.npy", in_memory, columns))) for in_memory in (False, True))
    assert disk.inputs.to_state() == memory.inputs.to_state()
    assert np.array_equal(disk.train.inputs[0 : len(disk.train.inputs)], memory.train.inputs)


def test_an_ignored_column_on_disk_is_one_of_the_inputs(tmp_path):
    with pytest.raises(SpecError, match="'other' is not one of the inputs"):
        prepare(Spec.model_validate(on_disk(stored(tmp_path), False, {**TREATED, "other": "ignore"})))
