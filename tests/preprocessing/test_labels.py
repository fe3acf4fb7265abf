"""Labels are returned in the type given; a categorical type or the spec determines the classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.data.table import Table
from mlpkit.errors import ConstantColumnWarning, DataError, LeftOutWarning, SpecError, UnseenCategoryWarning
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.labels import class_numbers, find_classes
from mlpkit.preprocessing.prepare import prepare

RNG = np.random.default_rng(4)


def make(loss="categorical_crossentropy", activation="softmax", target_type="auto", data=None, **parts):
    network = {"layers": [{"units": 4, "activation": "tanh"}, {"activation": activation}]}
    data = {"target_type": target_type, **(data or {})}
    return {"network": network, "loss": loss, "data": data, "training": {"epochs": 1}, **parts}


AS_WRITTEN = [
    ["1E1", "20"],
    ["1e1", "10"],
    ["-0", "0"],
    ["1.50", "2"],
    ["007", "7"],
    ["+1", "2"],
    ["1_0", "10"],
    ["1.0", "2"],
    ["1.0", "2.00"],
    ["-0.0", "0.0"],
    ["1", "1.0"],
    ["a", "1"],
    ["٣", "3"],
    ["True", "False"],
    ["1e400", "1"],
]


@pytest.mark.parametrize("labels", AS_WRITTEN, ids=map(repr, AS_WRITTEN))
def test_labels_of_a_file_come_back_as_they_were(tmp_path, labels):
    lines = "".join(f"{row % 5},{labels[row % 2]}\n" for row in range(20))
    (tmp_path / "t.csv").write_text("x,y\n" + lines)
    fraction = any("." in label and float(label) % 1 for label in labels if label.replace(".", "").isdigit())
    spec = make(target_type="class" if fraction else "auto", data={"path": str(tmp_path / "t.csv"), "target": "y"})
    model = mlpkit.train(spec)
    assert sorted(map(str, model.classes.tolist())) == sorted(labels)
    assert set(map(str, model.predict(tmp_path / "t.csv").tolist())) <= set(labels)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(["1", "2", "10"], [1, 2, 10]), (["-3", "0", "4"], [-3, 0, 4]), (["1.0", "2.0"], [1.0, 2.0]), (["0.0", "10.0"], [0.0, 10.0])],
)
def test_labels_that_python_writes_so_are_numbers(labels, classes):
    found = find_classes(Table({"y": labels}, text_file=True), "y")
    assert found.tolist() == classes
    assert {type(label) for label in found.tolist()} == {type(label) for label in classes}


TYPES = {
    "many whole numbers": ("class", np.arange(1500), "i", 1500),
    "fractions": ("class", [0.5, 1.5, 2.25, 0.5], "f", 3),
    "fractions as text": ("text", [0.5, 1.5, 2.25, 0.5], "U", 3),
    "whole numbers as text": ("text", [1, 2, 3, 1], "U", 3),
    "flags as text": ("text", [True, False, True], "U", 2),
    "dates as text": ("text", np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), "U", 2),
    "fractions of a file": ("class", Table({"y": ["0.5", "1.5", "0.5"]}, text_file=True), "f", 2),
    "whole numbers of a file as text": ("text", Table({"y": ["1", "2", "2"]}, text_file=True), "U", 2),
    "percentages as text": ("text", Table({"y": [f"{row}%" for row in range(101)]}, text_file=True), "U", 101),
}


@pytest.mark.parametrize(("target_type", "y", "kind", "count"), TYPES.values(), ids=TYPES)
def test_the_spec_sets_the_type_of_classes(target_type, y, kind, count):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(mlpkit.Spec.model_validate(make(target_type=target_type)), table)
    assert (encoder.classes.dtype.kind, len(encoder.classes)) == (kind, count)
    np.testing.assert_array_equal(encoder.values(table), class_numbers(table, "y", encoder.classes))
    copy = TargetEncoder.from_state(encoder.to_state(), encoder.arrays())
    np.testing.assert_array_equal(copy.classes, encoder.classes)


def test_more_than_a_thousand_whole_numbers_are_classes():
    y = np.arange(3000) % 1200 * 7
    x = np.column_stack([y, y % 5]).astype(float)
    model = mlpkit.train(make(), x, y)
    assert len(model.classes) == 1200
    assert model.predict(x[:5]).dtype == np.int64


def test_numbers_are_not_classes_if_the_spec_sets_target_type():
    with pytest.raises(SpecError, match=r"data.target_type: it is 'number', but categorical_crossentropy takes classes"):
        mlpkit.train(make(target_type="number"), np.eye(3), [1, 2, 3])
    with pytest.raises(SpecError, match=r"data.target_type: it is 'class', but the target has several columns"):
        mlpkit.train(make("mse", "linear", "class"), np.eye(3), np.eye(3))
    with pytest.raises(SpecError, match="2 classes, which need softmax"):
        mlpkit.train(make("mse", "linear", "class"), np.eye(3), [0.5, 1.5, 0.5])


# -- declared types

CODES = RNG.integers(1, 13, 300)
ODD = CODES * 5 % 13 % 2  # no order of the codes says it


def declared(values, kind):
    if kind == "pandas":
        return pd.DataFrame({"code": pd.Series(values, dtype="category")})
    if kind == "arrow":
        return pa.table({"code": pa.array(values.tolist()).dictionary_encode()})
    if kind == "pandas of arrow":
        return pd.DataFrame({"code": pd.arrays.ArrowExtensionArray(pa.array(values.tolist()).dictionary_encode())})
    texts = [str(value) for value in values]
    kind = pl.Categorical if kind == "categorical" else pl.Enum(sorted(set(texts)))
    return pl.DataFrame({"code": pl.Series(texts).cast(kind)})


KINDS = ["pandas", "arrow", "pandas of arrow", "categorical", "enum"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_declared_category_of_numbers_is_one(kind):
    spec = make(optimizer={"type": "adam", "learning_rate": 0.05}) | {"training": {"epochs": 60}}
    model = mlpkit.train(spec, declared(CODES, kind), ODD)
    assert model.input_encoder.columns[0].kind == "category"
    assert model.input_encoder.width == 12
    assert model.evaluate(declared(CODES, kind), ODD, metrics="accuracy")["accuracy"] == 1.0
    np.testing.assert_array_equal(model.predict([{"code": int(code)} for code in CODES]), ODD)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gap", [False, True])
def test_a_declared_target_is_a_class_of_its_own_type(kind, gap):
    if gap:
        values = pa.array([None, *CODES[1:].tolist()]).dictionary_encode()
        y = values if kind == "arrow" else pd.Series(CODES, dtype="category").where(np.arange(300) > 0)
        if kind in ("categorical", "enum"):
            texts = [None, *map(str, CODES[1:])]
            y = pl.Series(texts).cast(pl.Categorical if kind == "categorical" else pl.Enum(sorted(set(texts[1:]))))
        if kind == "pandas of arrow":
            y = pd.Series(pd.arrays.ArrowExtensionArray(values))
    else:
        frame = declared(CODES, kind)
        y = frame.column("code") if kind == "arrow" else frame["code"]
    x = np.column_stack([CODES, CODES**2]).astype(float)
    model = mlpkit.train(make("mse", "softmax", data={"missing_target": "drop"}), x, y)
    expected = [str(code) for code in range(1, 13)] if kind in ("categorical", "enum") else list(range(1, 13))
    assert model.classes.tolist() == sorted(expected)
    assert {type(label) for label in model.predict(x).tolist()} == {type(expected[0])}
    with pytest.raises(SpecError, match="12 classes, which need softmax"):
        mlpkit.train(make("mse", "linear", data={"missing_target": "drop"}), x, y)


def test_a_categorical_target_may_be_a_number_if_the_spec_sets_it():
    y = pd.Series(CODES, dtype="category")
    model = mlpkit.train(make("mse", "linear", "number"), CODES[:, None].astype(float), y)
    assert model.target_encoder.task == "regression"
    assert model.evaluate(CODES[:, None].astype(float), y)["loss"] >= 0


# -- what training lacks


@pytest.mark.parametrize("seed", range(8))
def test_a_label_without_training_rows_is_a_warning(seed):
    x = np.random.default_rng(seed).normal(size=(40, 3))
    y = np.column_stack([x[:, 0] > 0, np.arange(40) == 39]).astype(int)
    part = np.where(np.arange(40) < 30, "train", "validation")
    table = {"x": x[:, 0], "z": x[:, 1], "p": y[:, 0], "q": y[:, 1], "part": part}
    spec = make("bce", "sigmoid", data={"target": ["p", "q"], "split": {"column": "part"}})
    with pytest.warns(ConstantColumnWarning, match=r"constant .* 'q' \(0\)"):
        model = mlpkit.train(spec, table)
    assert model.predict(table).shape == (40, 2)


@pytest.mark.parametrize("target", ["auto", "standardize", "robust", "none"])
def test_a_constant_target_among_several_is_a_warning(target):
    x = RNG.normal(size=(30, 2))
    with pytest.warns(ConstantColumnWarning, match=r"'y1' \(7\)"):
        model = mlpkit.train(make("mse", "linear", preprocessing={"target": target}), x, np.column_stack([x[:, 0], np.full(30, 7.0)]))
    assert np.isfinite(model.predict(x)).all()


def test_validation_rows_of_an_unseen_class_are_left_out_and_counted():
    table = {"a": [*range(9)], "y": list("pqpqpqrpr"), "part": ["train"] * 6 + ["validation"] * 3}
    spec = mlpkit.Spec.model_validate(make(data={"target": "y", "split": {"column": "part"}}))
    with pytest.warns(LeftOutWarning, match="2 validation rows left out, whose class is not in the training rows"):
        prepared = prepare(spec, table)
    assert prepared.values.tolist() == [0]
    table["y"][7] = "r"
    with pytest.raises(DataError, match="has the class 'r' in row 6, which is not in the training rows"):
        prepare(spec, table)


def test_a_category_that_training_lacks_is_a_warning():
    table = {"a": ["u", "v", "u", "v", "w"], "y": [1.0, 2.0, 3.0, 4.0, 5.0], "part": ["train"] * 4 + ["validation"]}
    with pytest.warns(UnseenCategoryWarning):
        mlpkit.train(make("mse", "linear", data={"target": "y", "split": {"column": "part"}}), table)


# -- types that leaked


def test_half_precision_labels_are_classes():
    y = np.array([1, 2, 60000, 1] * 5, np.float16)
    assert mlpkit.train(make(), RNG.normal(size=(20, 2)), y).classes.tolist() == [1, 2, 60000 - 0.0]


def test_whole_numbers_of_128_bits_are_numbers():
    frame = pl.DataFrame({"a": pl.Series(range(20), dtype=pl.Int128), "b": pl.Series([2**70, *range(19)], dtype=pl.Int128)})
    model = mlpkit.train(make("mse", "linear"), frame, np.arange(20.0))
    assert [column.kind for column in model.input_encoder.columns] == ["number"] * 2


def test_a_struct_is_no_number():
    frame = pl.DataFrame({"a": [{"u": 1, "v": 2}] * 20})
    with pytest.raises(DataError, match="'a' has several fields in each row") as caught:
        mlpkit.train(make("mse", "linear"), frame, np.arange(20.0))
    assert "unnest" in caught.value.help
    with pytest.raises(DataError, match="'a'"):
        mlpkit.train(make("mse", "linear"), pa.table({"a": pa.array([{"u": 1}] * 20)}), np.arange(20.0))


# -- ten thousand classes


class Counted(str):
    """A label that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)

    def __lt__(self, other):
        Counted.compared += 1
        return str.__lt__(self, other)


def comparisons(classes):
    Counted.compared = 0
    labels = [Counted(f"c{number:06d}") for number in range(classes)] * 2
    encoder = TargetEncoder.fit(mlpkit.Spec.model_validate(make()), Table({"y": labels}))
    encoder.values(Table({"y": labels}))
    return Counted.compared


def test_comparisons_of_labels_grow_with_their_number():
    few, many = comparisons(2_500), comparisons(10_000)
    assert many < 6 * few + 1000


def test_indicators_of_many_classes_take_their_own_memory_alone():
    table = Table({"y": np.arange(20_000)})
    encoder = TargetEncoder.fit(mlpkit.Spec.model_validate(make("mse", "softmax")), table)
    encoded = encoder.encode(table.take(np.arange(3)), "float32")
    assert encoded.shape == (3, 20_000)
    assert encoded.sum() == 3
    assert encoded.base is None


def test_a_declared_category_may_have_a_row_or_two_for_each_level_and_any_values():
    frame = pd.DataFrame({"a": pd.Series(np.arange(60) % 40).astype("category"), "b": pd.cut(np.arange(60.0), 3), "c": RNG.normal(size=60)})
    model = mlpkit.train(make("mse", "linear"), frame, np.arange(60.0))
    assert model.input_encoder.width == 40 + 3 + 1
    assert model.predict(frame[:5]).shape == (5,)
