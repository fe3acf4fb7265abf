"""The reader of CSV files against one in plain Python, on files that Hypothesis makes, in blocks of any size."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpkit.data.column_types import missing_rows, numbers
from mlpkit.data.csv import fields, reader
from mlpkit.data.csv.splitter import OTHER_SPACES
from mlpkit.data.csv.text_column import coded
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError
from mlpkit.spec.parts import MISSING

from . import oracle

NUMBERS = [
    "0",
    "-0",
    "+1",
    "7",
    "12345678",
    "123456789",
    "1.5",
    ".5",
    "5.",
    "-.25",
    "1e400",
    "-1e-400",
    "1e5",
    "2.5E-3",
    "inf",
    "-Infinity",
]
NUMBERS += ["9007199254740993", "0.1234567890123456789", "1234567890123456789012345", "3.141592653589793238", "00012", "٣٫٤", "１２", "٣"]
WORDS = ["", "NA", "?", "nan", "NaN", "1_000", "0x10", "1.2.3", "--1", "+-2", ".", "-", "+", "1,5", "a b", "é", "色", "x" * 70, "y" * 64]
SPACES = [" 7 ", "\t8", " ", "  NA ", "\u00a05\u2003", "\x1f6\x0b", "\u3000x", "\u200b1"]
QUOTED = ['"1"', '"a,b"', '"two\nlines"', '"say ""so"""', '"', 'a"b', '"a"b', '" 3 "', '""', '"\r\n"', '"é;"']
ODD = ["\r", "\0", "\ufeff1", "\udcff", "a\rb"]
FIELD = st.one_of(
    st.sampled_from(NUMBERS), st.sampled_from(NUMBERS + WORDS), st.sampled_from(WORDS + SPACES), st.sampled_from(QUOTED + ODD)
)
PLAIN = st.sampled_from(NUMBERS + WORDS + SPACES)


@st.composite
def files(draw, field):
    """Bytes that are nearly a CSV file."""
    separator, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n"]))
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), max_size=12))
    lines = ["ä" + separator.join("abcd"[:width]), *(separator.join(row) for row in rows)]
    for line in draw(st.lists(st.sampled_from(["", "", " ", f"1{separator}2", "3", "\r"]), max_size=draw(st.sampled_from([0, 2])))):
        lines.insert(draw(st.integers(0, len(lines))), line)
    ends = [draw(st.sampled_from([end] * 20 + ["\n", "\r\n", "\r"])) for _ in lines]
    ends[-1] = draw(st.sampled_from([end, ""]))
    text = draw(st.sampled_from(["", "", "\ufeff"])) + "".join(line + stop for line, stop in zip(lines, ends, strict=True))
    return text.encode(errors="surrogateescape")


WHOLE = st.sampled_from(['"1"', '"a,b"', '"two\nlines"', '"two\r\nlines"', '""', '" 3 "', '";"', '"é"', '"NA"']) | PLAIN
FILES = st.one_of(files(PLAIN), files(WHOLE), files(FIELD))
MISSING_TEXTS = st.sampled_from([frozenset(MISSING), frozenset(), frozenset(["", "7", "a b", "1_000"])])
FEW = st.sampled_from([0, fields.FEW])  # rows up to which Python reads them one by one


def test_the_spaces_are_those_that_strip_takes_away():
    found = [letter for letter in map(chr, range(128, 0x110000)) if letter.isspace()]
    assert found == [letter for letter in map(chr, range(128, 0x110000)) if OTHER_SPACES.fullmatch(letter)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("oracle") / "t.csv"


def taken(tables):
    """What an iterator of tables gives: rows as texts with their lines, table by table, and the error at the end."""
    found = []
    try:
        for table in tables:
            found.append([(line, list(row)) for line, *row in zip(table.numbers.tolist(), *map(list, table.columns.values()), strict=True)])
    except DataError as error:
        return found, error
    return found, None


@settings(max_examples=400, deadline=None)
@given(FILES, MISSING_TEXTS, st.integers(1, 5), st.sampled_from([1, 7, 40, 2**20]), FEW)
@example(b"a\n\r", frozenset(), 1, 7, 0)
def test_rows_lines_and_errors_are_those_of_the_csv_module(path, content, missing, rows, block, few):
    path.write_bytes(content)
    with mock.patch.object(reader, "BLOCK", block), mock.patch.object(fields, "FEW", few):
        chunks, error = taken(iter_tables(path, rows=rows, missing=missing, header=True))
        whole, whole_error = taken(read_table(path, missing=missing, header=True) for _ in range(1))
    expected, refused = [], None
    try:
        _, wanted = oracle.start(content, None)
        for line, row in wanted:
            expected.append((line, [None if value.strip() in missing else value.strip() for value in row]))
    except oracle.AnotherLayout:
        return
    except oracle.Refused as caught:
        refused = caught
    if error is not None and refused is None:
        assert any(what in str(error) for what in ("several columns",))
        return
    assert (error is None) == (whole_error is None) == (refused is None)
    full = len(expected) if refused is None else len(expected) // rows * rows
    assert chunks == [expected[start : start + rows] for start in range(0, full, rows)]
    if refused is None:
        assert whole == [expected]
        return
    assert str(error) == str(whole_error)
    assert refused.what in str(error)
    assert error.problems[0].line == refused.line


@settings(max_examples=400, deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=40), MISSING_TEXTS, MISSING_TEXTS, FEW, st.data())
def test_a_column_has_the_numbers_gaps_and_texts_of_its_strings(path, texts, missing, more, few, data):
    path.write_text("a\n" + "\n".join(texts) + "\n", encoding="utf-8", newline="")
    with mock.patch.object(reader, "BLOCK", data.draw(st.sampled_from([16, 2**20]))), mock.patch.object(fields, "FEW", few):
        check_column(path, texts, missing, more, data)


def check_column(path, texts, missing, more, data):
    table = read_table(path, missing=missing, separator=";")
    rows = data.draw(st.none() | st.lists(st.integers(0, len(texts) - 1)).map(lambda chosen: np.array(chosen, dtype=np.intp)))
    table = table if rows is None else table.take(rows)
    strings = [None if text.strip() in missing else text.strip() for text in texts]
    strings = strings if rows is None else [strings[row] for row in rows]
    column = table["a"]
    codes, found = coded(column)
    assert [found[code] for code in codes] == column.tolist() == list(column) == np.asarray(column).tolist() == strings
    assert (len(set(found)), set(codes.tolist())) == (len(found), set(range(len(found))))
    assert [column[row] for row in range(len(column))] == column[::-1].tolist()[::-1] == strings
    assert missing_rows(table, "a").tolist() == [text is None for text in strings]
    expected = oracle.numbers(strings, more)
    if expected is None:
        assert column.numbers(more) is None
        return
    values = column.numbers(more)
    nan = np.isnan(expected)
    assert values[~nan].tobytes() == np.array(expected)[~nan].tobytes()
    assert np.isnan(values[nan]).all()
    if np.isfinite(values[~nan]).all():
        assert numbers(table, "a", more) is not None
