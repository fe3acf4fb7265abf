"""Numbers with units, and words for true and false: the notation of a column reads them as a person would, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.boolean_words import is_boolean, truth
from mlpkit.data.columns import object_column
from mlpkit.data.unit_detection import find_notation
from mlpkit.data.written_numbers import Notation, Words, first_unread, written_numbers

DOLLARS, EUROS = Notation(("$", "USD")), Notation(("€", "EUR"), ",")
PLAYERS = Notation(("€",), ".", True)
READ = [
    *((DOLLARS, text, "1234.5") for text in ("$1,234.50", "1234.5", "1,234.5 USD", "$ 1 234.5", "+$1'234.50", "\u00a0$1\u202f234.5 ")),
    *((DOLLARS, text, "-1200") for text in ("(1,200)", "($1,200)", "$(1,200)", "-$1,200", "$-1200", "−1200 USD", "(1200.0 USD)")),
    *((EUROS, text, "1234.5") for text in ("1.234,50 €", "€ 1234,5", "EUR 1 234,50", "1'234,5")),
    *((Notation(("CHF",)), text, "1200") for text in ("CHF 1'200", "CHF 1'200.-", "1200.— CHF", "CHF 1'200.--")),
    *((Notation(("%",)), text, "12") for text in ("12%", "12 %", "12", "12.0 %")),
    *((Notation(("kg", "Kg")), text, "12") for text in ("12kg", "12 Kg", "12.kg", " 12 kg")),
    (Notation(("m2",)), "35 m2", "35"), (Notation(("km/h",)), "120km/h", "120"), (Notation(("°C",)), "-3.5 °C", "-3.5"),
    (Notation(), "12,34,567.5", "1234567.5"), (Notation(), ".5", "0.5"), (Notation(), "2.5e-3", "2.5e-3"), (Notation(), "007", "7"),
    (PLAYERS, "€110.5M", "110.5e6"), (PLAYERS, "€565K", "565e3"), (PLAYERS, "€0", "0"), (PLAYERS, "3 bn", "3e9"),
    (PLAYERS, "1.1 mn", "1.1e6"),
    (Notation(("K",)), "300K", "300"), (Notation((), ".", True), "4.35k", "4.35e3"),
]  # fmt: skip


@pytest.mark.parametrize(("notation", "text", "cleaned"), READ, ids=[f"{text} {notation.unit}" for notation, text, _ in READ])
def test_a_number_is_that_of_its_text_cleaned_by_hand(notation, text, cleaned):
    assert notation.read(text) == float(cleaned)


REFUSED = {
    DOLLARS: ["€5", "5 kg", "", "$", "-", "(5", "5)", "1,23", "1,2345", "0,123", "$5k", "--5", "-(5)", "1_000", "nan", "inf", "5 6", "$5%"],
    Notation(("£",)): ["１２", "5x10^3", "£ five", "£5 £6"],
    EUROS: ["1.5", "1,234,50", "1.234.5", "$5"],
    Notation(("kg",)): ["12 g", "12 kgs", "12 lb", "kg"],
    Notation(("g",)): ["12 kg", "12 mg"],
    PLAYERS: ["€5kk", "€1e3K", "K", "€M", "5T"],
    Notation(): ["12%", "$5", "1,234 kg", "5e99999"],
}  # fmt: skip


@pytest.mark.parametrize("notation", REFUSED, ids=[str(notation.unit) for notation in REFUSED])
def test_another_unit_or_text_is_no_number(notation):
    assert [text for text in REFUSED[notation] if notation.read(text) is not None] == []


SEPARATORS = st.sampled_from([",", "'", " ", "\u00a0", ""])


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=8),
    separator=SEPARATORS,
    unit=st.sampled_from(["$", "kg", "%", "USD", "m2"]),
    before=st.booleans(),
    comma=st.booleans(),
    accounting=st.booleans(),
)
def test_formatted_numbers_are_those_that_pandas_reads_after_cleaning(values, separator, unit, before, comma, accounting):
    def written(value):
        text = f"{abs(value):,.2f}"
        text = text.translate(str.maketrans(",.", ".,")) if comma else text
        text = text.replace("." if comma else ",", separator if separator != "," or not comma else ".")
        text = f"{unit}{text}" if before and unit in ("$", "USD") else f"{text} {unit}"
        return text if value >= 0 else f"({text})" if accounting else f"-{text}"

    texts = [written(value) for value in values]
    notation = Notation((unit,), "," if comma else ".")
    found = written_numbers(object_column([*texts, None, "?"]), ("?",), notation)
    cleaned = pd.Series(texts).str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace(unit, "", regex=False)
    cleaned = cleaned.str.replace(r"[\s'\u00a0]", "", regex=True)
    cleaned = cleaned.str.replace(".", "").str.replace(",", ".") if comma else cleaned.str.replace(",", "")
    np.testing.assert_array_equal(found, [*pd.to_numeric(cleaned), np.nan, np.nan])


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,'()-+−–$€%kKmMbBn eE\u00a0—", max_size=12), st.sampled_from([".", ","]), st.booleans())
def test_any_text_is_read_or_refused(text, decimal, magnitudes):
    value = Notation(("$", "k", "%"), decimal, magnitudes).read(text)
    assert value is None or isinstance(value, float)
    assert Notation(("$", "k", "%", "7x7"), decimal, magnitudes).read(text) == value  # a unit with digits has no short way


def test_a_short_way_reads_plain_numbers_alike():
    for notation in (DOLLARS, EUROS, PLAYERS, Notation()):
        slow = Notation((*notation.unit, "7x7"), notation.decimal, notation.magnitudes)
        for text in ("$1,234.50", "1.234,50 €", "€ 12", "007", "1234", "12,5", "12.5", "1,234", "1.234", "12,34", "$ 5", " 5", "$5$", "5."):
            assert notation.read(text) == slow.read(text), text


def test_words_are_read_in_any_case_and_with_blanks():
    words = Words(("yes", "sí"), ("no",))
    assert [words.read(text) for text in (" YES", "Sí\t", "nO", "maybe", "", "1")] == [1, 1, 0, None, None, None]


# -- what a column's texts say of its notation


def counts(*texts):
    return dict.fromkeys(texts, 3)


def several(pattern, count=9):
    return [pattern.format(number) for number in range(1, count + 1)]


FOUND = {
    "dollars": (counts("$1,234.50", "$5", "$17.25"), Notation(("$",))),
    "euros": (counts("1.234,50 €", "12 €", "7,5 €"), Notation(("€",), ",")),
    "a code": (counts("EUR 12", "EUR 13", "EUR 1.5"), Notation(("EUR",))),
    "francs": (counts("CHF 1'200", "CHF 3.-", "CHF 12.50"), Notation(("CHF",))),
    "thousands of euros": (counts("€1.234", "€5.678", "€9.100"), Notation(("€",), ",")),
    "a word": (counts(*several("{} kg")), Notation(("kg",))),
    "three decimals": (counts(*several("12.34{} kg")), Notation(("kg",))),
    "spaces between thousands": (counts(*several("{} 000 km")), Notation(("km",))),
    "two spellings": (counts(*several("{} kg"), "8 Kg", "7kgs"), Notation(("kg", "Kg", "kgs"))),
    "a sign and its code": (counts("$1,200", "USD 5", "7 USD"), Notation(("USD", "$"))),
    "a sign in front and its code behind": (counts("$1,200 USD", "$5 USD", "$7.50"), Notation(("$", "USD"))),
    "dollars of a country": (counts("US $1,200", "US $5", "US $7.50"), Notation(("US $",))),
    "crowns": (counts("kr 1,200", "kr 5", "kr 7.50"), Notation(("kr",))),
    "percent": (counts("12 %", "13%", "1.5%"), Notation(("%",))),
    "accounting": (counts("(1,200)", "3,400", "12"), Notation()),
    "losses": (counts("-$5", "$(3)", "($1,000)"), Notation(("$",))),
    "magnitudes of money": (counts("€110.5M", "€565K", "€0"), Notation(("€",), ".", True)),
    "magnitudes": (counts("1.2K", "3M", "5.5K", "7M", "12K", "500"), Notation((), ".", True)),
    "kelvin": (counts(*several("30{}K")), Notation(("K",))),
    "a speed": (counts(*several("{} km/h")), Notation(("km/h",))),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_notation_of_a_column_is_found(name):
    texts, notation = FOUND[name]
    found = find_notation(texts)
    assert (found.problem, found.marks, found.notation) == ("", (), notation)
    assert notation.read(found.example) is not None
    swapped = {text.translate(str.maketrans(".,", ",.")): count for text, count in texts.items()}  # in a file with decimal commas
    again = find_notation(swapped, ",").notation
    assert (again.unit, again.decimal, again.magnitudes) == (notation.unit, {".": ",", ",": "."}[notation.decimal], notation.magnitudes)


PROBLEMS = {
    "kilograms and grams": (counts(*several("{} kg"), "200 g"), "in 'kg' and in 'g', which are different units"),
    "dollars and euros": (counts("$5", "€7", "$9"), "in '$' and in '€', which are different units"),
    "milliwatts and megawatts": (counts(*several("{} mW"), "3 MW"), "different units"),
    "percentages and shares": (counts("12 %", "13%", "0.5"), "which may be shares of 1"),
    "kelvin or thousands": (counts(*several("{}K"), "290"), "whether 'K' is a unit or a magnitude"),
    "tolerances": (counts("5 ± 2", "7+/-1", "3"), "numbers with a tolerance"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_units_are_never_mixed(name):
    texts, problem = PROBLEMS[name]
    found = find_notation(texts)
    assert found.notation is None
    assert problem in found.problem


def test_marks_and_numbers_without_a_unit_are_counted():
    found = find_notation({**dict.fromkeys([f"${number}" for number in range(40)], 1), "free": 5, "12": 3, "13.5": 1})
    assert (found.marks, found.bare, found.notation) == (("free",), 4, Notation(("$",)))
    assert found.to_spec(".") == "$"
    assert find_notation(counts("red", "green", "blue")) is None
    assert find_notation(counts("2wd", "4wd", "awd")) is None


def test_booleans_are_pairs_of_words():
    for texts in (["yes", "no"], [" Y", "n"], ["Ja", "NEIN"], ["si", "no"], ["on", "OFF"], ["yes", "no", "Y", "1"]):
        assert is_boolean(texts), texts
    for texts in (["m", "f"], ["t", "n"], ["yes"], ["yes", "no", "maybe"], ["y", "no"]):
        assert not is_boolean(texts), texts
    assert [truth(texts) for texts in (["Ja", "Nein"], ["no", "yes"], ["a", "b"], ["f", "T"])] == ["Ja", "yes", None, "T"]


def test_a_missing_value_with_blanks_is_not_the_first_that_cannot_be_read():
    column = object_column([" ? ", "x"])
    assert first_unread(column, {" ? "}, Notation()) == (1, "x")
