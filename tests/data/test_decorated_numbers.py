"""Numbers with units, currencies or separators, and marks among numbers."""

from __future__ import annotations

import numpy as np
import pytest

import mlpkit
from mlpkit.data.column_types import column_kind
from mlpkit.data.decorated_numbers import decoration, marks
from mlpkit.data.table import Table
from mlpkit.errors import DataError

UNPLAIN = [
    ("a percent sign", ["57%", "3.5 %", "-1%"]),
    ("a currency", ["$19.99", "€ 3", "-£1,200.50"]),
    ("a currency", ["USD 5", "3.50 EUR", "7 CHF"]),
    ("accounting parentheses", ["(5)", "3", "(1,200.50)"]),
    ("a currency", ["Rs. 5", "Rs 70", "Rs. 3"]),
    ("a long minus sign", ["−5", "3", "– 2.5"]),
    ("a unit", [f"{number} miles per hour" for number in range(9)]),
    ("thousands separators", ["1,234", "12", "5,000,000"]),
    ("thousands separators", ["1.234,50", "2.345.678", "9"]),
    ("thousands separators", ["1'234", "12'000.5", "9"]),
    ("a unit", [f"{number} kg" for number in range(9)]),
    ("a unit", [f"{number}cm" for number in range(9)]),
    ("a unit", [f"{number} km/h" for number in range(9)]),
    ("a unit", [f"{number} °C" for number in range(9)]),
    ("a unit", [*(f"{number} kg" for number in range(9)), "200 g"]),
    ("a unit", [f"{number} kg/m2" for number in range(9)]),
    ("a unit", [f"{number} m2" for number in range(9)]),
    ("a currency", ["$5k", "$7.5M", "CHF 3.-"]),
    ("thousands separators", ["1,23,456", "12,34,567", "9"]),
    ("a tolerance", ["5 ± 2", "7+/-1", "3"]),
    ("a power of ten", ["5 x 10^3", "2.5×10^-4", "3"]),
    ("a mark", [*(f"{number}*" for number in range(9)), *map(str, range(9))]),
    ("a mark", [f"~{number}" for number in range(12)]),
    ("a mark", [f"'{number}" for number in range(12)]),
    ("a mark", [f"{number}-" for number in range(12)]),
    ("a percent sign", [*(f"{number}%" for number in range(30)), *["unknown"] * 10]),
]


@pytest.mark.parametrize(("what", "texts"), UNPLAIN, ids=[texts[0] for _, texts in UNPLAIN])
@pytest.mark.parametrize("file", [False, True])
def test_numbers_with_something_else_are_named(what, texts, file):
    table = Table({"a": texts * 4, "y": np.arange(4 * len(texts)).astype(str).tolist()}, text_file=file)
    with pytest.raises(DataError, match=f"the column 'a' has numbers with {what}, such as ") as caught:
        column_kind(table, "a")
    assert caught.value.help.startswith("write ")
    assert '"a": "one_hot"' in caught.value.help
    spec = {"network": {"layers": [{}]}, "loss": "mse", "data": {"target": "y"}, "training": {"epochs": 1}}
    with pytest.raises(DataError, match="numbers with "):
        mlpkit.train(spec, table)
    with pytest.raises(DataError, match="numbers with ") as caught:
        mlpkit.train({**spec, "data": {"target": "a", "inputs": "y"}}, table)
    assert "preprocessing" not in caught.value.help
    insisting = {**spec, "preprocessing": {"columns": {"a": "one_hot"}}}
    assert mlpkit.train(insisting, table).input_encoder.columns[0].kind in ("number", "category")


CATEGORIES = {
    "ordinals": ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th"],
    "few units": ["2wd", "4wd", "awd"],
    "codes": ["A1", "B2", "C3", "D4"],
    "seats": ["1A", "2B", "3C", "4D", "5E", "6F"],
    "ranges": ["0-10", "10-20", "20-30"],
    "sizes": ["S", "M", "L", "XL", "42"],
    "house numbers": ["#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8", "#9", "#10", "#11", "#12"],
    "stars": ["1*", "2*", "3*", "4*", "5*"],
    "lower limits": ["10+", "20+", "50+", "100+"],
    "few numbers and a text": ["1", "2", "3", "K"] * 3,
    "texts": ["yes", "no", "maybe"],
}


@pytest.mark.parametrize("texts", CATEGORIES.values(), ids=CATEGORIES)
def test_other_texts_are_categories(texts):
    assert decoration(dict.fromkeys(texts, 5)) is None
    assert column_kind(Table({"a": texts * 5}), "a") == "category"


def test_a_few_texts_among_many_numbers_are_marks():
    ages = [str(number) for number in range(90)] * 2
    table = Table({"age": [*ages, *["unknown"] * 30, *["-"] * 3]})
    with pytest.raises(DataError, match=r"'age' holds numbers, but row 180 has 'unknown'; it has 'unknown', '-'") as caught:
        column_kind(table, "age")
    assert '"missing": ["unknown", "-"]' in caught.value.help
    assert column_kind(table, "age", ["unknown", "-"]) == "number"
    assert marks(dict.fromkeys([*ages, "unknown"], 1)) == ["unknown"]
    assert marks(dict.fromkeys([*ages, *"abcd"], 1)) == []
    assert marks({**dict.fromkeys(ages, 1), "unknown": 100}) == []


def test_many_classes_that_look_like_percentages():
    y = [f"{row % 101}%" for row in range(303)]
    spec = {"network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy", "training": {"epochs": 1}}
    with pytest.raises(DataError, match="'y' has numbers with a percent sign") as caught:
        mlpkit.train(spec, np.arange(303.0)[:, None], y)
    assert "data.target_type" in caught.value.help
    assert len(mlpkit.train({**spec, "data": {"target_type": "text"}}, np.arange(303.0)[:, None], y).classes) == 101


def test_one_marked_number_among_many_is_a_mark_of_a_missing_value():
    with pytest.raises(DataError, match="holds numbers, but row 90 has '<5'") as caught:
        column_kind(Table({"a": [*map(str, range(90)), *["<5"] * 20]}), "a")
    assert '"missing": ["<5"]' in caught.value.help


def test_a_column_of_texts_is_known_by_its_first_ones(monkeypatch):
    looked = []
    monkeypatch.setattr("mlpkit.data.decorated_numbers.read_number", looked.append)
    assert decoration({f"name {chr(97 + number % 26)}{number:x}z": 1 for number in range(4000)}) is None
    assert len(looked) < 500
