"""Targets encoded for the loss, and predictions decoded to the form of the given targets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.frames import as_table
from mlpkit.data.table import Table
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
    "relu": ({"activation": "relu"}, False),
    "leaky_relu": ({"activation": "leaky_relu"}, True),
    "asked for": ({"activation": "leaky_relu", "target": "standardize"}, True),
    "switched off": ({"target": "none"}, False),
}


@pytest.mark.parametrize(("options", "scaled"), SCALED.values(), ids=SCALED)
def test_conditions_for_standardised_numbers(options, scaled):
    y = np.array([0.0, 1.0, 0.0, 1.0])
    encoded = fit(make("mse", **options), y).encode(as_table(y, default="y"), "float64")
    np.testing.assert_array_equal(encoded[:, 0], 2 * y - 1 if scaled else y)


NUMBERS_FOR_CLASSES = {
    "three texts": (["a", "b", "c"], {"activation": "softmax"}, np.eye(3)),
    "two texts": (["a", "b", "b"], {"activation": "softmax"}, np.eye(2)[[0, 1, 1]]),
    "two texts with sigmoid": (["a", "b", "b"], {"activation": "sigmoid"}, [[0], [1], [1]]),
    "booleans on one unit": ([False, True, True], {"activation": "sigmoid", "units": 1}, [[0], [1], [1]]),
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
    "fractions as classes": ("cross_entropy", [0.5, 1.0], DataError, "'y' has 0.5 in row 0, which has a fraction and is not a class"),
    "fractions of a file": ("cross_entropy", Table({"y": ["1", "1e-3"]}, text_file=True), DataError, "'y' has 0.001 in line 1"),
    "one-hot rows": ("cross_entropy", np.eye(3), DataError, "takes one column of classes, but the target has 3"),
    "constant number": ("mse", [2.0, 2.0], DataError, "'y' is 2 in every training row"),
    "constant columns": ("mse", [[1.0, 2.0], [1.0, 2.0]], DataError, "'y0' is 1 in every training row"),
    "constant labels": ("bce", [[1, 0], [1, 0]], DataError, "'y0' is 1 in every training row"),
    "no label": ("bce", [[1, 0], [2, 1]], DataError, "'y0' has 2 in row 1"),
    "text among numbers": ("mse", {"p": [1.0, 2.0], "q": ["a", "b"]}, DataError, "'q' holds texts"),
    "text in a number target": ("mse", ["1"] * 20 + ["x"], DataError, "'y' holds numbers, but row 20 has 'x'"),
    "infinite": ("mse", [1.0, np.inf], DataError, "'y' has inf in row 1"),
    "infinite class": ("cross_entropy", [1.0, np.inf], DataError, "'y' has inf in row 1"),
    "labels beyond int64": ("cross_entropy", np.array([1, 2**63], np.uint64), DataError, "'y' has 9223372036854775808 in row 1"),
    "labels beyond any integer": ("cross_entropy", [1, 2**63], DataError, "a number too large for a class label"),
    "labels that float64 merges": ("cross_entropy", np.array([2.0**53, 1.0]), DataError, "'y' has 9007199254740992 in row 0"),
    "a label as number and text": ("cross_entropy", [1, "1", "b"], DataError, "'y' has 1 both as a text and as another value"),
    "dates as classes": ("cross_entropy", np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), DataError, "dates or times"),
    "dates": ("mse", np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), DataError, "dates or times"),
    "too large": ("mse", [1e308, -1e308], DataError, "too large or too small"),
    "too small": ("mse", [0.0, 5e-324], DataError, "too large or too small"),
}


@pytest.mark.parametrize(("loss", "y", "kind", "message"), BAD.values(), ids=BAD)
def test_invalid_targets(loss, y, kind, message):
    with pytest.raises(kind, match=message) as caught:
        fit(make(loss), y)
    assert caught.value.help


NO_PROBABILITIES = {
    "linear": (["a", "b"], {}),
    "tanh": ([False, True], {"activation": "tanh", "units": 1}),
    "relu": (["a", "b", "c"], {"activation": "relu"}),
    "sigmoid for three classes": (["a", "b", "c"], {"activation": "sigmoid"}),
    "two sigmoid units": (["a", "b"], {"activation": "sigmoid", "units": 2}),
}


@pytest.mark.parametrize(("y", "options"), NO_PROBABILITIES.values(), ids=NO_PROBABILITIES)
def test_classes_need_probabilities(y, options):
    with pytest.raises(SpecError, match=r"classes, which need softmax \(or one sigmoid unit for two classes\)") as caught:
        fit(make("mse", **options), y)
    [problem] = caught.value.problems
    assert problem.path == "network.layers[1].activation"
    assert "categorical_crossentropy" in problem.help


OUT_OF_RANGE = {
    "sigmoid": ("sigmoid", [25.0, 346.0], "'y' ranges from 25 to 346, but sigmoid gives values from 0 to 1"),
    "below 0 for sigmoid": ("sigmoid", [-0.5, 1.0], "'y' ranges from -0.5 to 1"),
    "tanh": ("tanh", [-1.5, 0.0], "'y' ranges from -1.5 to 0, but tanh gives values from -1 to 1"),
    "relu": ("relu", [-1.0, 7.0], "'y' ranges from -1 to 7, but relu gives values of at least 0"),
    "softmax": ("softmax", [[0.5, 2.0], [0.25, 1.0]], "'y1' ranges from 1 to 2, but softmax gives values from 0 to 1"),
}


@pytest.mark.parametrize(("activation", "y", "message"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_numbers_that_the_last_layer_cannot_give(activation, y, message):
    with pytest.raises(SpecError, match=message) as caught:
        fit(make("mse", activation), y)
    [problem] = caught.value.problems
    assert problem.path == "network.layers[1].activation"
    assert "'linear'" in problem.help


@pytest.mark.parametrize(("activation", "y"), [("sigmoid", [0, 1]), ("tanh", [-1, 1]), ("relu", [0, 1e6]), ("softmax", np.eye(2))])
def test_numbers_at_the_ends_of_the_range(activation, y):
    encoder = fit(make("mse", activation), np.array(y, float))
    beyond = np.full((1, encoder.outputs), -7.0)
    np.testing.assert_array_equal(encoder.encode(as_table(beyond, default="y"), "float64"), beyond)  # later rows are not checked


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_targets_that_cannot_be_standardized(activation):
    with pytest.raises(SpecError, match=rf"preprocessing\.target: .*{activation} are limited"):
        fit(make("mse", activation, target="standardize"), [0.0, 1.0])


def test_several_targets_are_taken_by_name():
    y = {"u": [1.0, 2.0], "v": [10.0, 30.0]}
    encoder = fit(make("mse"), y)
    expected = encoder.encode(as_table(y), "float64")
    for later in ({"v": y["v"], "u": y["u"]}, {"v": y["v"], "other": ["p", "q"], "u": y["u"]}, np.column_stack([y["u"], y["v"]])):
        np.testing.assert_array_equal(encoder.encode(as_table(later, default="y"), "float64"), expected)
        np.testing.assert_array_equal(encoder.values(as_table(later, default="y")), [[1, 10], [2, 30]])
    with pytest.raises(DataError, match="no column 'u'"):
        encoder.encode(as_table({"v": y["v"], "w": y["u"]}), "float64")
    array = fit(make("mse"), np.array([[1.0, 10.0], [2.0, 30.0]]))
    np.testing.assert_array_equal(array.encode(as_table(y), "float64"), expected)
    one = fit(make("mse"), {"u": y["u"]})
    np.testing.assert_array_equal(one.values(as_table({"called_otherwise": y["u"]})), [[1], [2]])
    np.testing.assert_array_equal(one.values(as_table({"v": y["v"], "u": y["u"]})), [[1], [2]])


HUGE = 2**53
LONG_LABELS = {
    "integers": [HUGE + 1, HUGE + 2, HUGE],
    "texts of a file": Table({"y": [str(HUGE + 1), str(HUGE + 2), str(HUGE)]}, text_file=True),
    "texts of a file beyond int64": Table({"y": [str(2**64 + 1), str(2**64), "-" + str(2**64)]}, text_file=True),
    "mixed texts of a file": Table({"y": [str(HUGE + 1), str(HUGE), "1.0"]}, text_file=True),
    "unsigned integers": np.array([HUGE + 1, HUGE + 2, HUGE], np.uint64),
}


@pytest.mark.parametrize("y", LONG_LABELS.values(), ids=LONG_LABELS)
def test_long_labels_stay_apart(y):
    table = as_table(y, default="y")
    encoder = TargetEncoder.fit(make("cross_entropy"), table)
    assert len(encoder.classes) == 3
    decoded = encoder.decode(np.eye(3)[encoder.encode(table, "float32")])
    assert list(map(str, decoded.tolist())) == list(map(str, table["y"].tolist()))


def test_labels_that_are_too_long_side_by_side():
    """NumPy keeps each as wide as the longest."""
    labels = ["a" * 90_000, *map(str, range(100))]
    with pytest.raises(DataError, match=r"101 classes, the longest of 90000 characters.*\n.*the longest label must not exceed 8388608"):
        fit(make("categorical_crossentropy", "softmax"), labels)
    assert fit(make("categorical_crossentropy", "softmax"), labels[:50]).outputs == 50


def test_labels_that_end_with_nul():
    with pytest.raises(DataError, match="a label that ends with a NUL character"):
        fit(make("categorical_crossentropy", "softmax"), ["a", "a\0", "b"])


@pytest.mark.parametrize(
    ("classes", "label_type"),
    [
        ([5, 7], "bool"),
        ([5.5, 7.5], "int64"),
        ([True, False], "int64"),
        ([2**62 + 1, 0], "float64"),
        (["a\0", "b"], "str"),
        (["a", "a"], "str"),
        ([1, 2], "str"),
    ],
)
def test_classes_of_a_file_are_not_made_others(classes, label_type):
    state = {"task": "classification", "form": "classes", "names": ["y"], "classes": classes, "label_type": label_type}
    with pytest.raises(ModelFileError, match="the classes are not"):
        TargetEncoder.from_state(state, {})


def test_classes_that_are_whole_floats_may_be_written_as_integers():
    state = {"task": "classification", "form": "classes", "names": ["y"], "classes": [1, 2.0], "label_type": "float64"}
    assert TargetEncoder.from_state(state, {}).classes.tolist() == [1.0, 2.0]


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
    with pytest.raises(DataError, match=f"'y' has the class {shown} in row 1, which is not in the training rows"):
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
    "labels without a type": lambda state, arrays: state.update(label_type="", task="multilabel"),
    "unknown label type": lambda state, arrays: state.update(label_type="O"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_an_error(damage):
    encoder = fit(make("mse"), [1.0, 2.0])
    state, arrays = encoder.to_state(), encoder.arrays()
    damage(state, arrays)
    with pytest.raises(ModelFileError, match="preprocessing of the target"):
        TargetEncoder.from_state(state, arrays)
