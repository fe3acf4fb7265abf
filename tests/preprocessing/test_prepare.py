"""Preparation of a spec and its data as encoded rows."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlpkit
from mlpkit.errors import DataError, SpecError, UnseenCategoryWarning
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.labelled import encode_labelled
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

SPECIES = ["a", "b", "c"]
RNG = np.random.default_rng(7)
ROWS = 60
TABLE = {
    "length": RNG.normal(size=ROWS).round(4),
    "width": RNG.normal(size=ROWS).round(4),
    "site": [["north", "south"][index % 2] for index in range(ROWS)],
    "species": [SPECIES[index % 3] for index in range(ROWS)],
}
X, Y = np.column_stack([TABLE["length"], TABLE["width"]]), np.array(TABLE["species"])


def make(data=None, loss="categorical_crossentropy", activation="softmax", folder="", **parts):
    layers = [{"units": 2}, {"activation": activation}]
    return Spec.model_validate({"network": {"layers": layers}, "loss": loss, "data": data or {}, **parts}, folder=folder)


def regression(data=None, **parts):
    return make(data, "mse", "linear", **parts)


def same(first, second):
    for name in ("train", "validation"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.inputs, other.inputs)
            np.testing.assert_array_equal(one.targets, other.targets)


def to_csv(table, path, separator=","):
    pd.DataFrame(table).to_csv(path, index=False, sep=separator)


def to_hdf5(table, path):
    with h5py.File(path, "w") as file:
        for name, values in table.items():
            file[name] = values


FILES = {
    "csv": ("t.csv", to_csv),
    "semicolons": ("t.txt", lambda table, path: to_csv(table, path, ";")),
    "tsv": ("t.tsv", lambda table, path: to_csv(table, path, "\t")),
    "npz": ("t.npz", lambda table, path: np.savez(path, **table)),
    "hdf5": ("t.h5", to_hdf5),
}
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table, "dictionary": dict}
DATA = {"target": "species", "split": {"validation": 0.25}}


@pytest.mark.parametrize(("name", "write"), FILES.values(), ids=FILES)
def test_every_file_prepares_the_same_rows(tmp_path, name, write):
    write(TABLE, tmp_path / name)
    expected = prepare(make(DATA), TABLE)
    same(prepare(make({**DATA, "path": name}, folder=tmp_path)), expected)
    same(prepare(make(DATA), str(tmp_path / name)), expected)
    same(prepare(make({**DATA, "path": "none.csv"}), tmp_path / name), expected)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_every_frame_prepares_the_same_rows(frame):
    same(prepare(make(DATA), frame(TABLE)), prepare(make(DATA), TABLE))


def test_stdin(monkeypatch, tmp_path):
    to_csv(TABLE, tmp_path / "t.csv")
    content = (tmp_path / "t.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    same(prepare(make({**DATA, "path": "-"}, folder=tmp_path)), prepare(make(DATA), TABLE))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_data_for_the_engine(dtype):
    prepared = prepare(make(DATA, dtype=dtype), TABLE)
    assert prepared.train.inputs.shape == (45, 4)
    assert prepared.validation.inputs.shape == (15, 4)
    assert prepared.train.inputs.dtype == dtype
    assert prepared.train.inputs.flags.c_contiguous
    assert prepared.train.targets.dtype == np.intp
    assert np.bincount(prepared.validation.targets).tolist() == [5, 5, 5]
    assert prepared.train.weights is None
    values, weights = prepared.measured
    np.testing.assert_array_equal(values, prepared.validation.targets)
    assert weights is None


def test_everything_is_fitted_on_the_training_rows_alone():
    spec = regression({"split": {"validation": 0.5}}, dtype="float64")
    table, y = np.arange(20.0)[:, None], np.arange(20.0) ** 2
    prepared = prepare(spec, table, y)
    np.testing.assert_allclose([prepared.train.inputs.mean(), prepared.train.inputs.std()], [0, 1], atol=1e-12)
    np.testing.assert_allclose([prepared.train.targets.mean(), prepared.train.targets.std()], [0, 1], atol=1e-12)
    assert abs(prepared.validation.inputs.mean()) > 1e-3
    parts = [prepared.target.decode(part.targets) for part in (prepared.train, prepared.validation)]
    np.testing.assert_allclose(sorted(np.concatenate(parts)), y)
    np.testing.assert_allclose(prepared.values[:, 0], parts[1])


SHAPES = {"flat": lambda y: y, "column": lambda y: y[:, None], "list": lambda y: y.tolist(), "series": lambda y: pd.Series(y, name="z")}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("spec", "y"), [(make(), Y), (regression(), X[:, 0])], ids=["classes", "numbers"])
def test_a_column_and_a_flat_array_mean_the_same(spec, y, shape):
    same(prepare(spec, X, shape(y)), prepare(spec, X, y))


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_targets_are_never_broadcast(rows, targets, column):
    y = np.arange(float(targets))
    spec = regression(preprocessing="none")
    if rows != targets:
        with pytest.raises(DataError, match=f"the inputs have {rows} rows?, but there are {targets} targets"):
            prepare(spec, X[:rows], y[:, None] if column else y)
    elif rows > 1:
        assert prepare(spec, X[:rows], y).train.targets.shape == (rows, 1)


def test_inputs_can_be_named():
    prepared = prepare(make({"target": "species", "inputs": ["width", "site"]}), TABLE)
    assert prepared.inputs.feature_names == ("width", "site=north", "site=south")
    named = prepare(make({"inputs": ["p", "q"]}), X, Y)
    assert named.inputs.feature_names == ("p", "q")
    np.testing.assert_array_equal(named.inputs.encode(prepare_table({"q": X[:, 1], "p": X[:, 0]}), "float32"), named.train.inputs)


def prepare_table(columns):
    from mlpkit.data.frames import as_table

    return as_table(columns)


def test_inputs_are_all_columns_that_are_for_nothing_else():
    table = TABLE | {"w": np.ones(ROWS), "part": ["train"] * 40 + ["val"] * 20}
    prepared = prepare(make({"target": "species", "weight": "w", "split": {"column": "part"}}), table)
    assert [column.name for column in prepared.inputs.columns] == ["length", "width", "site"]


def test_a_target_given_apart_is_not_an_input():
    frame = pd.DataFrame(TABLE)
    assert "species=a" not in prepare(make(), frame, frame["species"]).inputs.feature_names
    assert "y" in prepare(regression(), {"y": X[:, 0]}, X[:, 1]).inputs.feature_names


def test_targets_are_taken_by_name():
    y = pd.DataFrame({"u": X[:, 0], "v": 10 * X[:, 1]})
    spec = regression(dtype="float64")
    expected = prepare(spec, X, y, validation=(X, y))
    swapped = prepare(spec, X, y, validation=(X, y[["v", "u"]]))
    same(swapped, expected)
    labelled = encode_labelled(spec, expected.inputs, expected.target, X, y[["v", "u"]])
    np.testing.assert_array_equal(labelled.values, y.to_numpy())


def test_an_arrow_null_is_not_a_class():
    y = pa.chunked_array([pa.array([None, *Y[1:].tolist()]).dictionary_encode()])
    with pytest.raises(DataError, match="a missing value: row 0"):
        prepare(make(), X, y)


def test_long_labels_of_a_file_are_distinct_at_evaluation(tmp_path):
    content = "a,y\n" + "".join(f"{row % 5},{2**53 + row % 3}\n" for row in range(30))
    spec = csv_spec(tmp_path, content)
    prepared = prepare(spec)
    assert prepared.values.tolist() == [row % 3 for row in range(30)]


def test_rows_to_evaluate_need_no_other_arrays(tmp_path):
    np.savez(tmp_path / "train.npz", X=X, y=Y)
    np.savez(tmp_path / "later.npz", X=X, y=Y, note=np.array(["p", "q"]))
    spec = make({"path": "train.npz", "target": "y"}, folder=tmp_path)
    prepared = prepare(spec)
    labelled = encode_labelled(spec, prepared.inputs, prepared.target, tmp_path / "later.npz")
    np.testing.assert_array_equal(labelled.data.inputs, prepared.train.inputs)


def test_the_format_of_the_spec_is_that_of_every_file_it_fits(tmp_path):
    for name in ("train.dat", "valid.dat"):
        with (tmp_path / name).open("wb") as file:
            np.savez(file, X=X, y=Y, note=np.array(["p", "q"]))
    data = {"path": "train.dat", "format": "npz", "inputs": "X", "target": "y"}
    expected = prepare(make(data, folder=tmp_path), validation=tmp_path / "valid.dat")
    assert len(expected.validation.targets) == ROWS
    same(prepare(make(data), tmp_path / "train.dat", validation=str(tmp_path / "valid.dat")), expected)
    same(prepare(make({**data, "validation": "valid.dat"}, folder=tmp_path)), expected)
    model = mlpkit.train(make(data, folder=tmp_path, training={"epochs": 1}))
    np.testing.assert_array_equal(model.predict(tmp_path / "valid.dat"), model.predict(X))


def test_the_state_of_numpy_does_not_matter():
    table = {"a": [1e-310, 2.0, 3.0, 4.0], "y": [1e-310, 1.0, 2.0, 1e-300]}
    weights = [1e-300, 1.0, 1.0, 1.0]
    expected = prepare(regression({"target": "y"}), table, weights=weights)
    tiny = np.full((1, 1), 1e-40, np.float32)
    with np.errstate(all="raise"):
        found = prepare(regression({"target": "y"}), table, weights=weights)
        scores = found.target.scores(tiny)
    same(found, expected)
    np.testing.assert_array_equal(found.train.weights, expected.train.weights)
    assert np.isfinite(scores).all()


def test_arrays_of_other_lengths_can_be_left_out(tmp_path):
    np.savez(tmp_path / "t.npz", X=X, y=Y, note=np.array(["p", "q"]))
    prepared = prepare(make({"path": "t.npz", "inputs": "X", "target": "y"}, folder=tmp_path))
    same(prepared, prepare(make(), X, Y))


# -- splits


def test_the_split_has_a_generator_of_its_own():
    first = prepare(make(DATA, seed=1), TABLE)
    same(prepare(make(DATA, seed=1), TABLE), first)
    other = prepare(make(DATA, seed=2), TABLE)
    assert (first.validation.inputs != other.validation.inputs).any()
    same(prepare(make({**DATA, "split": {"validation": 0.25, "seed": 1}}, seed=2), TABLE), first)


def test_a_column_splits():
    parts = ["train", "validation", "test"] * (ROWS // 3)
    spec = regression({"target": "length", "split": {"column": "part"}}, dtype="float64")
    prepared = prepare(spec, {"length": X[:, 0], "width": X[:, 1], "part": parts})
    np.testing.assert_allclose(prepared.target.decode(prepared.train.targets), X[::3, 0])
    np.testing.assert_allclose(prepared.target.decode(prepared.validation.targets), X[1::3, 0])


def test_validation_from_a_file_or_the_call(tmp_path):
    train, held_out = pd.DataFrame(TABLE)[:40], pd.DataFrame(TABLE)[40:]
    train.to_csv(tmp_path / "train.csv", index=False)
    held_out.to_csv(tmp_path / "valid.csv", index=False)
    expected = prepare(make({"path": "train.csv", "target": "species", "validation": "valid.csv"}, folder=tmp_path))
    assert (len(expected.train.targets), len(expected.validation.targets)) == (40, 20)
    same(prepare(make({"target": "species"}), train, validation=held_out), expected)
    same(prepare(make({"target": "species"}), train, validation=tmp_path / "valid.csv"), expected)
    inputs = ["length", "width", "site"]
    pairs = (train[inputs], train["species"]), (held_out[inputs], held_out["species"])
    same(prepare(make(), *pairs[0], validation=pairs[1]), expected)
    same(prepare(make({"split": {"validation": 0.5}}), *pairs[0], validation=pairs[1]), expected)


def test_unseen_categories_of_validation_rows_are_counted():
    table = {"a": ["p", "q", "p", "q"], "y": [1.0, 2.0, 3.0, 4.0]}
    with pytest.warns(UnseenCategoryWarning, match="'a' has values that were not seen"):
        prepare(regression({"target": "y"}), table, validation={"a": ["r"], "y": [1.0]})


# -- weights


def test_weights_have_mean_one_over_the_training_rows():
    weights = np.arange(1.0, ROWS + 1)
    parts = ["train"] * 40 + ["validation"] * 20
    table = TABLE | {"w": weights, "part": parts}
    spec = make({"target": "species", "weight": "w", "split": {"column": "part"}})
    prepared = prepare(spec, table)
    assert prepared.train.weights.dtype == np.float32
    np.testing.assert_allclose(prepared.train.weights, weights[:40] / weights[:40].mean(), rtol=1e-6)
    np.testing.assert_allclose(prepared.validation.weights, weights[40:] / weights[:40].mean(), rtol=1e-6)
    handed = prepare(make({"target": "species", "split": {"column": "part"}}), TABLE | {"part": parts}, weights=weights[:, None].tolist())
    np.testing.assert_array_equal(handed.train.weights, prepared.train.weights)
    assert prepared.measured[1] is None
    weighted = prepare(make(spec.data.model_dump(exclude_none=True), training={"weighted_metrics": True}), table)
    assert weighted.measured[1] is weighted.validation.weights


BAD_WEIGHTS = {
    "too few": ([1.0] * 5, "60 rows, but 5 weights"),
    "two columns": (np.ones((ROWS, 2)), "one weight|names for"),
    "negative": ([1.0] * 59 + [-1.0], "the weight in row 59 is -1"),
    "missing": ([1.0, None] * 30, "the weight in row 1 is missing"),
    "infinite": ([1.0, np.inf] * 30, "inf in row 1"),
    "too large": (np.full(ROWS, 1e308), "weights of the training rows are too large"),
    "too small": (np.full(ROWS, 5e-324), "weights of the training rows are too large or too small"),
    "all zero": (np.zeros(ROWS), "the weights of all training rows are 0"),
    "texts": (["much"] * ROWS, "row 0 has 'much'"),
}


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_invalid_weights(weights, message):
    with pytest.raises(DataError, match=message) as caught:
        prepare(make({"target": "species"}), TABLE, weights=weights)
    assert caught.value.help


def test_validation_weights_far_from_the_others():
    spec = make({"target": "species"})
    with pytest.raises(DataError, match="too large relative to the mean"):
        prepare(spec, TABLE, validation=(TABLE, TABLE["species"], np.full(ROWS, 1e300)))


def test_the_weight_column_is_needed_only_beside_the_target_column():
    spec = make({"target": "species", "weight": "w"})
    with pytest.raises(DataError, match="no column 'w'"):
        prepare(spec, TABLE)
    assert prepare(spec, X, Y).train.weights is None


# -- going on, and evaluating


def test_fitted_encoders_stay_as_they_are():
    first = prepare(regression(), X[:30], X[:30, 0])
    second = prepare(regression(), X[30:] + 5, X[30:, 0], encoders=(first.inputs, first.target))
    assert second.inputs is first.inputs
    assert second.target is first.target
    np.testing.assert_allclose(second.target.decode(second.train.targets), X[30:, 0], atol=1e-6)
    assert second.train.inputs.mean() > 2


def test_rows_to_evaluate(tmp_path):
    spec = make({"target": "species", "weight": "w"})
    table = TABLE | {"w": np.arange(1.0, ROWS + 1)}
    prepared = prepare(spec, table)
    labelled = encode_labelled(spec, prepared.inputs, prepared.target, table, weighted=True)
    np.testing.assert_array_equal(labelled.data.inputs, prepared.train.inputs)
    np.testing.assert_array_equal(labelled.data.targets, prepared.train.targets)
    np.testing.assert_array_equal(labelled.values, prepared.train.targets)
    assert encode_labelled(spec, prepared.inputs, prepared.target, table).data.weights is None
    np.testing.assert_array_equal(labelled.data.weights, prepared.train.weights)
    to_csv(table, tmp_path / "t.csv")
    from_file = encode_labelled(spec, prepared.inputs, prepared.target, tmp_path / "t.csv")
    np.testing.assert_array_equal(from_file.data.inputs, prepared.train.inputs)
    inputs = {name: TABLE[name] for name in ("site", "width", "length")}
    handed = encode_labelled(spec, prepared.inputs, prepared.target, inputs, TABLE["species"], table["w"])
    np.testing.assert_array_equal(handed.data.targets, prepared.train.targets)
    with pytest.raises(DataError, match="weights of all given rows are 0"):
        encode_labelled(spec, prepared.inputs, prepared.target, inputs, TABLE["species"], np.zeros(ROWS))


# -- what bad data get


def csv_spec(tmp_path, content, loss="classes", **data):
    (tmp_path / "t.csv").write_text(content)
    data = {"path": "t.csv", "target": "y", **data}
    return make(data, folder=tmp_path) if loss == "classes" else regression(data, folder=tmp_path)


BAD_FILES = {
    "header only": ("a,y\n", {}, "no rows"),
    "target missing": ("a,b\n1,p\n2,q\n", {}, "no column 'y'"),
    "input missing": ("a,y\n1,p\n2,q\n", {"inputs": ["a", "c"]}, "no column 'c'"),
    "weight missing": ("a,y\n1,p\n2,q\n", {"weight": "w"}, "no column 'w'"),
    "split missing": ("a,y\n1,p\n2,q\n", {"split": {"column": "part"}}, "no column 'part'"),
    "duplicate column": ("a,a,y\n1,1,p\n", {}, "several columns named 'a'"),
    "gaps in the target": (
        "a,y\n1,p\n2,\n3,NA\n4,q\n5,?\n6,\n",
        {},
        "'y' has 4 missing values: line 3 of .*, line 4 .*, line 6 .* and so on",
    ),
    "one class": ("a,y\n1,p\n2,p\n", {}, "only one class"),
    "constant target": ("a,y\n1,2\n2,2\n", {"loss": "numbers"}, "'y' is 2 in every training row"),
    "text in a number column": ("a,y\n" + "1,p\n" * 10 + "x,q\n", {}, "'a' holds numbers, but line 12 of .*t.csv has 'x'"),
    "text in a number target": ("a,y\n" + "1,2\n" * 10 + "1,x\n", {"loss": "numbers"}, "'y' holds numbers, but line 12 of .*t.csv has 'x'"),
    "infinite input": ("a,y\n1,p\ninf,q\n", {}, "'a' has inf in line 3"),
    "infinite target": ("a,y\n1,2\n2,inf\n", {"loss": "numbers"}, "'y' has inf in line 3"),
    "negative weight": ("a,w,y\n1,1,p\n2,-1,q\n", {"weight": "w"}, "the weight in line 3 of .*t.csv is -1"),
    "validation class": (
        "a,part,y\n1,train,p\n2,train,q\n3,val,r\n",
        {"split": {"column": "part"}},
        "'y' has the class 'r' in line 4 of .*t.csv, which is not in the training rows",
    ),
    "no validation rows": ("a,part,y\n1,train,p\n2,train,q\n", {"split": {"column": "part"}}, "marks no row for validation"),
    "too few to split": ("a,y\n1,p\n2,q\n", {"split": {"validation": 0.5}}, "cannot be split"),
    "dates": ("a,y\n2024-01-01,p\n2024-01-02,q\n", {}, "'a' has dates"),
    "validation file": ("a,y\n1,p\n2,q\n", {"validation": "none.csv"}, "there is no file .*none.csv"),
    "nothing but a target": ("y\np\nq\n", {}, "no input columns"),
}


@pytest.mark.parametrize(("content", "options", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(tmp_path, content, options, message):
    with pytest.raises(DataError, match=message) as caught:
        prepare(csv_spec(tmp_path, content, **options))
    assert caught.value.help


def test_no_data_and_no_target():
    with pytest.raises(SpecError, match="names no data") as caught:
        prepare(make())
    assert caught.value.problems[0].path == "data.path"
    with pytest.raises(SpecError, match="no column to predict") as caught:
        prepare(make(), TABLE)
    assert caught.value.problems[0].path == "data.target"
    assert "species" in caught.value.problems[0].help


BAD_CALLS = {
    "no rows": (np.zeros((0, 2)), np.zeros(0), None, "no rows"),
    "gaps in y": (X, [None, *Y[1:].tolist()], None, "'y' has a missing value: row 0"),
    "NaN in y": (X, [*[1.0] * 58, np.nan, np.nan], None, "'y' has 2 missing values: row 58, row 59"),
    "one part of validation": (X, Y, (X,), "validation has 1 parts"),
    "a list for validation": (X, Y, [X[:5], Y[:5]], "validation is a list"),
    "validation rows": (X, Y, (X[:5], Y[:4]), "the inputs have 5 rows, but there are 4 targets"),
    "validation classes": (X, Y, (X[:1], ["z"]), "class 'z' in row 0"),
    "validation columns": (X, Y, (X[:, :1], Y), "the data have 1 column, but the model was trained on 2"),
}


@pytest.mark.parametrize(("rows", "y", "validation", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls(rows, y, validation, message):
    with pytest.raises(DataError, match=message):
        prepare(make(), rows, y, validation=validation)


def test_a_text_that_counts_as_missing_can_be_a_class(tmp_path):
    content = "a,y\n1,none\n2,mild\n3,none\n"
    with pytest.raises(DataError, match="'y' has 2 missing values") as caught:
        prepare(csv_spec(tmp_path, content))
    assert "data.missing" in caught.value.help
    assert prepare(csv_spec(tmp_path, content, missing={"only": [""]})).target.classes.tolist() == ["mild", "none"]


def test_targets_are_converted_once(monkeypatch):
    tables, values = [], TargetEncoder.values
    monkeypatch.setattr(TargetEncoder, "values", lambda self, table: tables.append(table) or values(self, table))
    prepared = prepare(make(DATA), TABLE)
    assert len(tables) == 2  # training and validation rows
    encode_labelled(make(DATA), prepared.inputs, prepared.target, TABLE)
    assert len(tables) == 3


def test_states_are_plain_json():
    prepared = prepare(make(DATA), TABLE | {"age": [None, *range(ROWS - 1)]})
    for encoder in (prepared.inputs, prepared.target):
        state = encoder.to_state()
        assert json.loads(json.dumps(state, allow_nan=False)) == state


WRONG_DATA = {
    "line end": ({"separator": "\n"}, "data.separator"),
    "carriage return": ({"separator": "\r"}, "data.separator"),
    "quote": ({"separator": '"'}, "data.separator"),
    "NUL": ({"separator": "\0"}, "data.separator"),
    "split by the target": ({"target": "a", "split": {"column": "a"}}, "data.split.column"),
    "split by an input": ({"inputs": ["a", "b"], "split": {"column": "a"}}, "data.split.column"),
    "split by the weight": ({"weight": "a", "split": {"column": "a"}}, "data.split.column"),
}


@pytest.mark.parametrize(("data", "path"), WRONG_DATA.values(), ids=WRONG_DATA)
def test_data_that_contradict_themselves(data, path):
    with pytest.raises(SpecError) as caught:
        make(data)
    assert [problem.path for problem in caught.value.problems] == [path]
