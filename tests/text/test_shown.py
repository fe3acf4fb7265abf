"""Texts for people: numbers with their nouns, and the first of many values."""

import re
from pathlib import Path

import mlpkit
from mlpkit.text.shown import and_more, counted, first_few


def test_a_number_has_its_noun():
    assert [counted(number, "row") for number in (0, 1, 2, 1200)] == ["0 rows", "1 row", "2 rows", "1,200 rows"]


def test_the_first_of_many_values_are_shown():
    assert first_few([1, 2]) == "1, 2"
    assert first_few(["a", "b", "c"], 2, repr) == "'a', 'b' and 1 more"
    assert first_few(range(2000), 1) == "0 and 1,999 more"
    assert first_few(["x" * 1000]).startswith("xxx")
    assert len(first_few(["x" * 1000])) == 60
    assert first_few(["a\x1b[2J"]) == "a\\x1b[2J"
    assert and_more(3, 3) == ""


def test_they_are_written_in_one_place():
    written = re.compile(r"else \"s\"|else 's'|'' if [^:]*== 1|\} more\" if len\(")
    package = Path(mlpkit.__file__).parent
    assert [path for path in package.rglob("*.py") if written.search(path.read_text()) and path.name != "shown.py"] == []
