"""Encoded inputs, compared with scikit-learn."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlpkit.data.frames import as_table
from mlpkit.data.table import Table
from mlpkit.errors import DataError, ModelFileError, SpecError, UnseenCategoryWarning
from mlpkit.preprocessing import InputEncoder
from mlpkit.spec import Preprocessing
from mlpkit.spec.csv_options import MISSING
from mlpkit.spec.preprocessing import NO_PREPROCESSING


def fit(table, **options):
    table = as_table(table)
    return InputEncoder.fit(Preprocessing.model_validate(options), table, table.names, MISSING)


def encode(encoder, table, dtype="float64"):
    return encoder.encode(as_table(table), dtype)


PEOPLE = {
    "sex": ["f", "m", None, "f", "f"],
    "age": [20.0, np.nan, 40.0, 30.0, 90.0],
    "member": [True, False, True, True, False],
    "size": [1, 2, 3, 4, 5],
}


def test_everything_has_its_place():
    encoder = fit(PEOPLE)
    assert encoder.feature_names == ("age", "member", "size", "age is missing", "sex=f", "sex=m", "sex is missing")
    assert [column.name for column in encoder.columns] == list(PEOPLE)
    encoded = encode(encoder, PEOPLE, "float32")
    assert encoded.shape == (5, encoder.width)
    assert encoded.dtype == np.float32
    assert encoded.flags.c_contiguous
    ages = np.array([20, 40, 30, 90])
    np.testing.assert_allclose(encoded[:, 0], (np.array([20, 35, 40, 30, 90]) - ages.mean()) / ages.std(), rtol=1e-6)
    assert encoded[:, 1].tolist() == [1, 0, 1, 1, 0]
    np.testing.assert_allclose(encoded[:, 2], (np.arange(5) - 2) / np.sqrt(2), rtol=1e-6)
    assert encoded[:, 3].tolist() == [0, 1, 0, 0, 0]
    assert encoded[:, 4:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]


CELLS = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))


@settings(deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=CELLS))
def test_numbers_agree_with_scikit_learn(values):
    values = values[:, ~np.isnan(values).all(axis=0)]
    if values.shape[1] == 0:
        return
    encoded = encode(fit(values), values)
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True).fit(values)
    filled = imputer.transform(values)
    width = values.shape[1]
    expected = StandardScaler().fit(values).transform(filled[:, :width])
    np.testing.assert_allclose(encoded[:, :width], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(encoded[:, width:], filled[:, width:])


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1), st.lists(st.sampled_from(["a", "b", "z"]), min_size=1))
def test_categories_agree_with_scikit_learn(training, later):
    reference = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(np.array(training)[:, None])
    encoder = fit({"a": training})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoded = encode(encoder, {"a": later})
    expected = reference.transform(np.array(later)[:, None])
    np.testing.assert_array_equal(encoded, expected if len(set(training)) > 1 else np.zeros_like(expected))
    unseen = sum(value not in training for value in later)
    assert [warning.category for warning in caught] == [UnseenCategoryWarning] * bool(unseen)


def test_blocks_of_rows_and_columns_change_nothing(monkeypatch):
    values = np.random.default_rng(0).normal(size=(200, 7))
    values[values > 2] = np.nan
    encoder = fit(values)
    whole = encode(encoder, values)
    monkeypatch.setattr("mlpkit.preprocessing.numeric.CELLS", 50)
    np.testing.assert_array_equal(encode(encoder, values), whole)
    monkeypatch.setattr("mlpkit.preprocessing.statistics.WIDEST", 600)
    np.testing.assert_allclose(encode(fit(values), values), whole, rtol=1e-12)  # sums are rounded in another order


def test_statistics_of_a_large_offset_are_exact():
    values = 1e9 + np.arange(10.0)
    np.testing.assert_allclose(encode(fit({"t": values}), {"t": values})[:, 0], (np.arange(10) - 4.5) / np.arange(10).std(), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 7, 1e100, -1e-300])
def test_a_constant_column_is_zero(value):
    np.testing.assert_allclose(encode(fit({"a": [value] * 11}), {"a": [value]}), 0, atol=1e-15 * abs(value))


SIZES = [1, 2, 3, 4, 5]
FLAGS = [True, False, False, False, False]
TREATMENTS = {
    "number as it is": (SIZES, {"columns": {"a": "none"}}, ("a",), [[1], [2], [3], [4], [5]]),
    "all numbers as they are": (SIZES, {"numbers": "none"}, ("a",), [[1], [2], [3], [4], [5]]),
    "number standardised": (
        SIZES,
        {"numbers": "none", "columns": {"a": "standardize"}},
        ("a",),
        np.array([[-2], [-1], [0], [1], [2]]) / 2**0.5,
    ),
    "number as category": (SIZES, {"columns": {"a": "one_hot"}}, ("a=1", "a=2", "a=3", "a=4", "a=5"), np.eye(5)),
    "boolean as it is": (FLAGS, {}, ("a",), [[1], [0], [0], [0], [0]]),
    "boolean standardised": (FLAGS, {"columns": {"a": "standardize"}}, ("a",), [[2], [-0.5], [-0.5], [-0.5], [-0.5]]),
    "boolean as category": (FLAGS, {"columns": {"a": "one_hot"}}, ("a=False", "a=True"), [[0, 1], *[[1, 0]] * 4]),
    "texts in spite of all": (
        list("ppqqq"),
        {"categories": "none", "columns": {"a": "one_hot"}},
        ("a=p", "a=q"),
        [*[[1, 0]] * 2, *[[0, 1]] * 3],
    ),
}


@pytest.mark.parametrize(("values", "options", "names", "expected"), TREATMENTS.values(), ids=TREATMENTS)
def test_the_spec_chooses_the_treatment(values, options, names, expected):
    encoder = fit({"a": values}, **options)
    assert encoder.feature_names == names
    np.testing.assert_allclose(encode(encoder, {"a": values}), expected)


def test_an_ignored_column_is_left_out_and_not_needed():
    encoder = fit({"a": [1, 2], "b": ["2024-01-01", "2024-01-02"]}, columns={"b": "ignore"})
    assert encode(encoder, {"a": [1, 2]}).tolist() == [[-1], [1]]


def test_no_preprocessing_leaves_numbers_unchanged():
    values = np.array([[1.0, -2.5], [3.0, 1e6]])
    np.testing.assert_array_equal(encode(fit(values, **NO_PREPROCESSING), values), values)


def test_codes_with_zeros_in_front_stay_apart():
    encoder = fit(Table({"zip": ["01", "1", "01"]}), columns={"zip": "one_hot"})
    assert encoder.feature_names == ("zip=01", "zip=1")


def test_missing_texts_are_missing():
    encoder = fit({"a": ["1", "NA", "3"], "b": ["x", "?", "x"]})
    assert encoder.feature_names == ("a", "a is missing", "b=x", "b is missing")
    assert encode(encoder, {"a": [None], "b": [""]}).tolist() == [[0, 1, 0, 1]]


def test_an_unexpected_missing_value_is_imputed():
    encoder = fit({"a": [1.0, 2.0, 6.0]})
    with pytest.warns(UnseenCategoryWarning, match="'a' has values that were not seen in training"):
        encoded = encode(encoder, {"a": [np.nan]})
    np.testing.assert_allclose(encoded, encode(encoder, {"a": [2.0]}))


def test_unseen_categories_are_counted_in_one_warning():
    encoder = fit({"a": ["x", "y"], "b": ["u", "v"]})
    with pytest.warns(UnseenCategoryWarning) as caught:
        encoded = encode(encoder, {"a": ["z", "z", "x"], "b": ["u", None, "u"]})
    assert encoded.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0]]
    [warning] = caught
    assert "'a' and others have values that were not seen in training" in str(warning.message)
    assert warning.message.details == "3 values: 'z' in 'a' (2), a missing value in 'b' (1)"


BAD_FIT = {
    "unknown column": ({"a": [1]}, {"columns": {"b": "none"}}, SpecError, "preprocessing.columns.b: 'b' is not one of the inputs"),
    "nothing left": ({"a": [1]}, {"columns": {"a": "ignore"}}, DataError, "no input columns"),
    "text refused": ({"a": ["x", "y"]}, {"categories": "none"}, DataError, "'a' holds texts"),
    "gap refused": ({"a": [1.0, np.nan]}, {"missing": "none"}, DataError, "'a' has a missing value in row 1"),
    "gap in a block refused": (np.array([[1, 2], [3, np.nan]]), {"missing": "none"}, DataError, "'x1' has a missing value in row 1"),
    "text gap refused": ({"a": ["x", "NA"]}, {"missing": "none"}, DataError, "'a' has a missing value in row 1"),
    "no value": ({"a": [np.nan, np.nan], "b": [1, 2]}, {}, DataError, "'a' has no value in the training rows"),
    "no value in a block": (np.array([[1, np.nan], [3, np.nan]]), {}, DataError, "'x1' has no value in the training rows"),
    "no text": ({"a": [None, "NA"]}, {"columns": {"a": "one_hot"}}, DataError, "'a' has no value"),
    "a text for each row": ({"a": [f"id{row}" for row in range(1001)]}, {}, DataError, "1001 different texts in 1001 rows"),
    "a text for most rows": (
        {"a": [f"{row} Jan 2020" for row in range(21)]},
        {},
        DataError,
        "'a' has 21 different texts in 21 rows",
    ),
    "integers that float64 merges": ({"a": np.arange(9, dtype=np.uint64) + 2**63}, {}, DataError, "too large to be told apart"),
    "text meant as number": ({"a": ["x", "2"]}, {"columns": {"a": "standardize"}}, DataError, "'a' holds numbers, but row 0 has 'x'"),
    "block as category": (np.zeros((2, 3)), {"columns": {"x": "one_hot"}}, DataError, "3 values per row"),
    "infinite": ({"a": [1.0, np.inf]}, {}, DataError, "'a' has inf in row 1"),
    "too large": ({"a": [1e308, -1e308]}, {}, DataError, "'a' has values too large"),
    "dates": ({"a": np.array(["2024-01-01"], "datetime64[D]")}, {}, DataError, "dates or times"),
}


@pytest.mark.parametrize(("table", "options", "kind", "message"), BAD_FIT.values(), ids=BAD_FIT)
def test_inputs_that_cannot_be_fitted(table, options, kind, message):
    with pytest.raises(kind, match=message) as caught:
        fit(table, **options)
    assert caught.value.help or caught.value.problems[0].help


BAD_ROWS = {
    "column missing": ({"sex": ["f"], "age": [1.0], "member": [True]}, "no column 'size'"),
    "text in a number column": ({**PEOPLE, "age": ["1", "2", "old", "4", "5"]}, "'age' holds numbers, but row 2 has 'old'"),
    "text in a boolean column": (
        {**PEOPLE, "member": ["true", "no", "true", "true", "true"]},
        "'member' is true or false, but row 1 has 'no'",
    ),
    "number in a boolean column": ({**PEOPLE, "member": [0, 1, 2, 0, 1]}, "'member' has 2 in row 2, which is neither"),
    "infinite": ({**PEOPLE, "size": [1.0, 2.0, -np.inf, 4.0, 5.0]}, "'size' has -inf in row 2"),
    "too large for the network": ({**PEOPLE, "size": [1.0, 2.0, 3.0, 1e300, 5.0]}, "'size' has a value in row 3 that is too large"),
    "a block for a number": ({**PEOPLE, "size": np.zeros((5, 2))}, "'size' has 2 values per row"),
    "array with categories": ([[1.0, 2.0, 3.0, 4.0]], "'sex' is categorical"),
    "array of another width": ([[1.0, 2.0, 3.0]], "the data have 3 columns, but the model was trained on 4"),
}


@pytest.mark.parametrize(("table", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_inputs_that_cannot_be_encoded(table, message):
    encoder = fit(PEOPLE)
    with pytest.raises(DataError, match=message):
        encode(encoder, table, "float32")


SHARED = {
    "a small table": [f"t{row}" for row in range(20)],
    "half of the rows": [f"t{row // 2}" for row in range(60)],
    "few beside gaps": [f"t{row % 20}" if row < 20 else None for row in range(40)],
}


@pytest.mark.parametrize("values", SHARED.values(), ids=SHARED)
def test_texts_that_rows_share_are_categories(values):
    assert len([name for name in fit({"a": values}).feature_names if "=" in name]) == len(set(values) - {None})


def test_the_spec_may_insist_on_categories():
    values = [f"v{number}" for number in range(40)]
    with pytest.raises(DataError, match="40 different texts in 40 rows, such as 'v0'") as caught:
        fit({"a": [*values, None]})
    assert '"a": "ignore"' in caught.value.help
    assert fit({"a": values}, columns={"a": "one_hot"}).width == 40


def test_invalid_texts_in_later_rows_are_data_errors():
    encoder = fit({"a": [1.0, 2.0], "b": [True, False]})
    for rows in ({"a": ["x"], "b": [True]}, {"a": [1], "b": ["x"]}):
        with pytest.raises(DataError, match="row 0 has 'x'") as caught:
            encode(encoder, rows)
        assert "the model was trained on" in caught.value.help
        assert "data.missing" not in caught.value.help


def test_one_row_as_a_flat_list_is_told_of_reshape():
    with pytest.raises(DataError, match="have 1 column, but the model was trained on 3") as caught:
        encode(fit(ARRAY), [1.0, 2.0, 3.0])
    assert "reshape(1, -1)" in caught.value.help


def test_an_unknown_column_is_named_once():
    with pytest.raises(SpecError) as caught:
        fit({"a": [1]}, columns={"b": "none"})
    assert str(caught.value).count("use one of a") == 1


def test_the_state_of_numpy_does_not_matter():
    values = {"a": [1e-300, 2e-300, 5e-320, 0.0], "b": [1.0, 2.0, 1e-310, 4.0]}
    expected = encode(fit(values, columns={"a": "none"}), values, "float32")
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(encode(fit(values, columns={"a": "none"}), values, "float32"), expected)


def test_an_unexpected_missing_value_without_imputation():
    encoder = fit({"a": [1.0, 2.0], "b": ["x", "y"]}, missing="none")
    with pytest.raises(DataError, match="'a' has a missing value in row 1"):
        encode(encoder, {"a": [1.0, np.nan], "b": ["x", "x"]})
    with pytest.raises(DataError, match="'b' has a missing value in row 0"):
        encode(encoder, {"a": [1.0, 1.0], "b": [None, "x"]})


def test_order_and_extra_columns_do_not_matter():
    encoder = fit(PEOPLE)
    shuffled = {"extra": ["?"] * 5, **dict(reversed(PEOPLE.items()))}
    np.testing.assert_array_equal(encode(encoder, shuffled), encode(encoder, PEOPLE))


def test_values_may_come_as_texts():
    encoder = fit(PEOPLE)
    texts = {name: [None if value is None or value != value else str(value) for value in values] for name, values in PEOPLE.items()}
    np.testing.assert_array_equal(encode(encoder, texts), encode(encoder, PEOPLE))


NAMED = {"a": [1.0, 2.0, 4.0], "b": [0.5, 0.25, 7.0], "c": [3, 2, 1]}
ARRAY = np.column_stack(list(NAMED.values()))
BY_POSITION = {
    "array for names": (NAMED, ARRAY),
    "lists with gaps for names": (NAMED, [[1.0, 0.5, 3], [2.0, None, 2]]),
    "names for an array": (ARRAY, NAMED),
    "texts for an array": (ARRAY, {name: [str(value) for value in values] for name, values in NAMED.items()}),
    "a block by another name for an array": (ARRAY, {"X": ARRAY}),
    "array for a block and a column": ({"B": ARRAY[:, :2], "c": ARRAY[:, 2]}, ARRAY),
}


@pytest.mark.parametrize(("training", "later"), BY_POSITION.values(), ids=BY_POSITION)
def test_numbers_are_taken_by_position(training, later):
    expected, encoder = fit(ARRAY), fit(training)
    if isinstance(later, list):
        with pytest.warns(UnseenCategoryWarning):
            rows, encoded = encode(expected, np.array([[1.0, 0.5, 3], [2.0, np.nan, 2]])), encode(encoder, later)
        np.testing.assert_array_equal(encoded, rows)
    else:
        np.testing.assert_array_equal(encode(encoder, later), encode(expected, ARRAY))


def test_the_names_of_an_array_are_no_names():
    named = {"x2": [1.0, 2.0, 4.0], "x0": [0.5, 0.25, 7.0], "x1": [3.0, 2.0, 1.0]}
    encoder = fit(named)
    rows = np.column_stack(list(named.values()))
    for array in (rows, rows.astype(object)):
        np.testing.assert_array_equal(encode(encoder, array), encode(encoder, named))


def test_names_are_never_taken_by_position():
    with pytest.raises(DataError, match="no columns 'a', 'b'"):
        encode(fit(NAMED), {"p": [1], "q": [2], "c": [3]})


def test_no_rows_encode_to_no_rows():
    assert encode(fit(ARRAY), np.zeros((0, 3))).shape == (0, 3)


STATES = {"mixed": PEOPLE, "array": ARRAY, "categories alone": {"a": ["x", None, "y"]}, "texts": {"a": ["1", "?", "3"]}}


@pytest.mark.parametrize("table", STATES.values(), ids=STATES)
def test_the_saved_encoder_encodes_to_the_same_bits(table):
    encoder = fit(table)
    state = json.loads(json.dumps(encoder.to_state(), allow_nan=False))
    copy = InputEncoder.from_state(state, {name: array.copy() for name, array in encoder.arrays().items()})
    assert (copy.columns, copy.feature_names, copy.width) == (encoder.columns, encoder.feature_names, encoder.width)
    for dtype in ("float32", "float64"):
        assert encode(copy, table, dtype).tobytes() == encode(encoder, table, dtype).tobytes()


DAMAGE = {
    "no columns": lambda state, arrays: state.pop("columns"),
    "number for a name": lambda state, arrays: state["columns"][0].update(name=1),
    "name twice": lambda state, arrays: state["columns"].append(state["columns"][0]),
    "category that is a list": lambda state, arrays: state["columns"][-1].update(categories=[["a"]]),
    "width of 0": lambda state, arrays: state["columns"][0].update(width=0),
    "scale of 0": lambda state, arrays: arrays.update(scale=0 * arrays["scale"]),
    "center of NaN": lambda state, arrays: arrays.update(center=np.nan * arrays["center"]),
    "columns of another type": lambda state, arrays: state.update(columns=3),
    "no statistics": lambda state, arrays: arrays.pop("center"),
    "too many statistics": lambda state, arrays: arrays.update(fill=np.zeros(9)),
    "indicators out of range": lambda state, arrays: arrays.update(gaps=np.array([7])),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_an_error(damage):
    encoder = fit(PEOPLE)
    state, arrays = encoder.to_state(), encoder.arrays()
    damage(state, arrays)
    with pytest.raises(ModelFileError, match="preprocessing of the inputs"):
        InputEncoder.from_state(state, arrays)
