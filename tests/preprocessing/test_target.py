"""Targets as the loss takes them, and predictions as the user gave them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data import Table, as_table
from mlpkit.errors import DataError, ModelFileError, SpecError
from mlpkit.preprocessing import TargetEncoder
from mlpkit.spec import Spec

LOSSES = {"mse": "linear", "bce": "sigmoid", "cross_entropy": "softmax"}


def make(loss, activation=None, units=None, **preprocessing):
    last = {"activation": activation or LOSSES[loss]} | ({"units": units} if units else {})
    return Spec.model_validate({"network": {"layers": [{"units": 2}, last]}, "loss": loss, "preprocessing": preprocessing})


def fit(spec, y):
    return TargetEncoder.fit(spec, as_table(y, default="y"))


CLASSES = {
    "texts": (["b", "a", "c", "a"], ["a", "b", "c"], "U"),
    "integers": ([7, -2, 30, 7], [-2, 7, 30], "i"),
    "small unsigned integers": (np.array([7, 2, 30], np.uint8), [2, 7, 30], "i"),
    "whole floats": ([7.0, 2.0, 7.0], [2.0, 7.0], "f"),
    "booleans": ([True, False, True], [False, True], "b"),
    "texts of digits": (["10", "9"], ["10", "9"], "U"),
    "texts of a file that are integers": (Table({"y": ["10", "9", "10"]}, text_file=True), [9, 10], "i"),
    "texts of a file that are whole": (Table({"y": ["10.0", "9.0"]}, text_file=True), [9.0, 10.0], "f"),
    "codes of a file": (Table({"y": ["01", "1", "02"]}, text_file=True), ["01", "02", "1"], "U"),
    "long codes of a file": (Table({"y": ["1" * 25, "2" * 25]}, text_file=True), ["1" * 25, "2" * 25], "U"),
    "words of a file": (Table({"y": ["true", "1"]}, text_file=True), ["1", "true"], "U"),
}


@pytest.mark.parametrize(("y", "classes", "kind"), CLASSES.values(), ids=CLASSES)
def test_classes_keep_their_type(y, classes, kind):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make("cross_entropy"), table)
    assert (encoder.task, encoder.outputs) == ("classification", len(classes))
    assert encoder.classes.tolist() == classes
    assert encoder.classes.dtype.kind == kind
    encoded = encoder.encode(table, "float32")
    assert encoded.dtype == np.intp
    np.testing.assert_array_equal(encoder.values(table), encoded)
    decoded = encoder.decode(np.eye(len(classes))[encoded])
    assert decoded.dtype == encoder.classes.dtype
    given_values = [type(classes[0])(value) for value in table["y"].tolist()] if table.text_file else table["y"].tolist()
    assert decoded.tolist() == given_values


LABELS = st.one_of(
    st.lists(st.integers(-(2**62), 2**62), min_size=2),
    st.lists(st.booleans(), min_size=2),
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), min_size=2),
)


@settings(deadline=None)
@given(LABELS, st.booleans())
def test_labels_come_back(labels, column):
    table = as_table([[label] for label in labels] if column else labels, default="y")
    spec = make("cross_entropy")
    if len(set(labels)) < 2:
        with pytest.raises(DataError, match="only one class"):
            TargetEncoder.fit(spec, table)
        return
    if len(set(labels)) > 1000:
        return
    encoder = TargetEncoder.fit(spec, table)
    assert encoder.decode(np.eye(encoder.outputs)[encoder.encode(table, "float32")]).tolist() == labels
    assert encoder.classes.tolist() == sorted(set(labels))


@pytest.mark.parametrize("y", [["no", "yes", "yes"], [0, 1, 1], [False, True, True], [[0.0], [1.0], [1.0]]], ids=repr)
def test_two_classes(y):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make("bce"), table)
    assert (encoder.task, encoder.outputs) == ("classification", 1)
    encoded = encoder.encode(table, "float32")
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[0], [1], [1]]
    assert encoder.values(table).tolist() == [0, 1, 1]
    assert encoder.decode(np.array([[0.1], [0.5], [0.9]])).tolist() == encoder.classes[[0, 0, 1]].tolist()
    np.testing.assert_allclose(encoder.scores(np.array([[0.25]], np.float32)), [[0.75, 0.25]])


@pytest.mark.parametrize(("dtype", "label"), [(np.int32, "int64"), (bool, "bool"), (np.float32, "float64")])
@pytest.mark.parametrize("as_columns", [False, True])
def test_several_labels_per_row(dtype, label, as_columns):
    y = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype)
    table = as_table({name: y[:, index] for index, name in enumerate("pqr")} if as_columns else y, default="y")
    encoder = TargetEncoder.fit(make("bce"), table)
    assert (encoder.task, encoder.outputs, encoder.classes) == ("multilabel", 3, None)
    assert encoder.names == (("p", "q", "r") if as_columns else ("y0", "y1", "y2"))
    np.testing.assert_array_equal(encoder.encode(table, "float32"), y)
    outputs = np.array([[0.2, 0.7, 0.5]], np.float32)
    assert encoder.decode(outputs).tolist() == [[0, 1, 0]]
    assert encoder.decode(outputs).dtype == label
    np.testing.assert_allclose(encoder.scores(outputs), outputs)


THREE_NUMBERS = {"flat": [1.0, 2.0, 6.0], "column": [[1], [2], [6]], "file": Table({"y": ["1", "2", "6"]}, text_file=True)}


@pytest.mark.parametrize("y", THREE_NUMBERS.values(), ids=THREE_NUMBERS)
def test_regression_is_standardised_and_scaled_back(y):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make("mse"), table)
    assert (encoder.task, encoder.outputs, encoder.classes) == ("regression", 1, None)
    encoded = encoder.encode(table, "float64")
    np.testing.assert_allclose(encoded[:, 0], (np.array([1, 2, 6]) - 3) / np.std([1, 2, 6]))
    np.testing.assert_allclose(encoder.decode(encoded), [1, 2, 6])
    np.testing.assert_allclose(encoder.scores(encoded), [[1], [2], [6]])
    np.testing.assert_array_equal(encoder.values(table), [[1], [2], [6]])


def test_several_numbers():
    y = np.array([[1.0, 100.0], [2.0, 300.0]])
    encoder = fit(make("mse"), y)
    encoded = encoder.encode(as_table(y, default="y"), "float32")
    np.testing.assert_allclose(encoded, [[-1, -1], [1, 1]])
    np.testing.assert_allclose(encoder.decode(encoded), y)


SCALED = {
    "linear": ({}, True),
    "sigmoid": ({"activation": "sigmoid"}, False),
    "tanh": ({"activation": "tanh"}, False),
    "asked for": ({"activation": "tanh", "target": "standardize"}, True),
    "switched off": ({"target": "none"}, False),
}


@pytest.mark.parametrize(("options", "scaled"), SCALED.values(), ids=SCALED)
def test_when_numbers_are_standardised(options, scaled):
    y = np.array([0.0, 1.0, 0.0, 1.0])
    encoded = fit(make("mse", **options), y).encode(as_table(y, default="y"), "float64")
    np.testing.assert_array_equal(encoded[:, 0], 2 * y - 1 if scaled else y)


NUMBERS_FOR_CLASSES = {
    "three texts": (["a", "b", "c"], {}, np.eye(3)),
    "two texts": (["a", "b", "b"], {}, np.eye(2)[[0, 1, 1]]),
    "two texts on one unit": (["a", "b", "b"], {"units": 1}, [[0], [1], [1]]),
    "booleans on one unit": ([False, True, True], {"units": 1}, [[0], [1], [1]]),
    "integers with softmax": ([5, 9, 7], {"activation": "softmax"}, np.eye(3)[[0, 2, 1]]),
}


@pytest.mark.parametrize(("y", "options", "expected"), NUMBERS_FOR_CLASSES.values(), ids=NUMBERS_FOR_CLASSES)
def test_classes_with_a_loss_of_numbers(y, options, expected):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make("mse", **options), table)
    encoded = encoder.encode(table, "float32")
    assert encoder.task == "classification"
    assert encoder.outputs == encoded.shape[1]
    np.testing.assert_array_equal(encoded, expected)
    assert encoder.decode(encoded).tolist() == table["y"].tolist()
    assert encoder.scores(encoded).shape == (3, len(encoder.classes))


BAD = {
    "one class": ("cross_entropy", ["a", "a"], DataError, "only one class in the training rows, a"),
    "one class of two": ("bce", [1, 1], DataError, "only one class"),
    "three of two": ("bce", ["a", "b", "c"], DataError, "needs two classes, but the target 'y' has 3"),
    "fractions as classes": ("cross_entropy", [0.5, 1.0], DataError, "'y' has 0.5 in row 0, which is no class but a number"),
    "fractions of a file": ("cross_entropy", Table({"y": ["1", "1e-3"]}, text_file=True), DataError, "'y' has 0.001 in line 1"),
    "too many numbers": ("cross_entropy", np.arange(1001), DataError, "1001 different numbers"),
    "one-hot rows": ("cross_entropy", np.eye(3), DataError, "takes one column of classes, but the target has 3"),
    "constant number": ("mse", [2.0, 2.0], DataError, "'y' is 2 in every training row"),
    "constant column": ("mse", [[1.0, 2.0], [1.0, 3.0]], DataError, "'y0' is 1 in every training row"),
    "constant label": ("bce", [[1, 0], [1, 1]], DataError, "'y0' is 1 in every training row"),
    "no label": ("bce", [[1, 0], [2, 1]], DataError, "'y0' has 2 in row 1"),
    "text among numbers": ("mse", {"p": [1.0, 2.0], "q": ["a", "b"]}, DataError, "'q' holds texts"),
    "text in a number target": ("mse", ["1"] * 20 + ["x"], DataError, "'y' holds numbers, but row 20 has 'x'"),
    "infinite": ("mse", [1.0, np.inf], DataError, "'y' has inf in row 1"),
    "infinite class": ("cross_entropy", [1.0, np.inf], DataError, "'y' has inf in row 1"),
    "dates": ("mse", np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), DataError, "dates or times"),
    "too large": ("mse", [1e308, -1e308], DataError, "too large or too small"),
    "too small": ("mse", [0.0, 5e-324], DataError, "too large or too small"),
}


@pytest.mark.parametrize(("loss", "y", "kind", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_a_target(loss, y, kind, message):
    with pytest.raises(kind, match=message) as caught:
        fit(make(loss), y)
    assert caught.value.help


def test_three_classes_are_told_of_softmax():
    with pytest.raises(DataError) as caught:
        fit(make("bce"), [0, 1, 2])
    assert "'softmax'" in caught.value.help
    assert "'categorical_crossentropy'" in caught.value.help


def test_two_units_for_two_classes():
    with pytest.raises(SpecError, match="2 units, but binary_crossentropy takes one") as caught:
        fit(make("bce", units=2), [0, 1])
    assert caught.value.problems[0].path == "network.layers[1].units"


def test_classes_cannot_be_standardised():
    with pytest.raises(SpecError, match=r"preprocessing\.target"):
        fit(make("cross_entropy", target="standardize"), ["a", "b"])


UNSEEN = {"text": (["a", "b"], ["a", "z"], "'z'"), "number": ([1, 2], [1, 5], "5"), "text for numbers": ([1, 2], ["1", "five"], "'five'")}


@pytest.mark.parametrize(("training", "later", "shown"), UNSEEN.values(), ids=UNSEEN)
def test_a_class_that_training_lacks_is_named(training, later, shown):
    encoder = fit(make("cross_entropy"), training)
    with pytest.raises(DataError, match=f"'y' has the class {shown} in row 1, which the training rows lack"):
        encoder.encode(as_table(later, default="y"), "float32")


def test_labels_may_come_as_another_type():
    numbers = fit(make("cross_entropy"), [1, 2])
    assert numbers.values(as_table(["2", "1"], default="y")).tolist() == [1, 0]
    assert numbers.values(as_table([2.0, 1.0], default="y")).tolist() == [1, 0]
    words = fit(make("cross_entropy"), ["1", "2"])
    assert words.values(as_table([2, 1], default="y")).tolist() == [1, 0]
    flags = fit(make("cross_entropy"), [True, False])
    assert flags.values(as_table(["true", "False"], default="y")).tolist() == [1, 0]


def test_another_number_of_targets():
    encoder = fit(make("mse"), [[1, 2], [3, 4]])
    with pytest.raises(DataError, match="the target has 1 column, but the model predicts 2"):
        encoder.encode(as_table([1, 2], default="y"), "float32")


STATES = [("cross_entropy", y) for y, *_ in CLASSES.values()]
STATES += [("bce", ["a", "b"]), ("mse", [1.5, 7.0]), ("bce", [[True, False], [False, True]]), ("mse", [[1, 2], [3, 5]])]


@pytest.mark.parametrize(("loss", "y"), STATES)
def test_the_saved_encoder_is_the_same(loss, y):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make(loss), table)
    state = json.loads(json.dumps(encoder.to_state(), allow_nan=False))
    copy = TargetEncoder.from_state(state, {name: array.copy() for name, array in encoder.arrays().items()})
    assert copy.encode(table, "float32").tobytes() == encoder.encode(table, "float32").tobytes()
    outputs = np.random.default_rng(0).random((9, encoder.outputs))
    decoded, expected = copy.decode(outputs), encoder.decode(outputs)
    assert decoded.dtype == expected.dtype
    assert decoded.tolist() == expected.tolist()
    assert copy.scores(outputs).tobytes() == encoder.scores(outputs).tobytes()
    assert (copy.task, copy.names, copy.outputs) == (encoder.task, encoder.names, encoder.outputs)


DAMAGE = {
    "no form": lambda state, arrays: state.pop("form"),
    "unknown type": lambda state, arrays: state.update(label_type="object", classes=["a", "b"]),
    "classes for numbers": lambda state, arrays: state.update(classes=["a"], label_type="str"),
    "no mean": lambda state, arrays: arrays.pop("center"),
    "unknown label type": lambda state, arrays: state.update(label_type="O"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_an_error(damage):
    encoder = fit(make("mse"), [1.0, 2.0])
    state, arrays = encoder.to_state(), encoder.arrays()
    damage(state, arrays)
    with pytest.raises(ModelFileError, match="preprocessing of the target"):
        TargetEncoder.from_state(state, arrays)
