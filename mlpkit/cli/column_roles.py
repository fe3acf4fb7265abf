"""Roles of columns in the spec that `mlpkit init` writes, chosen so that training accepts any selection of training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlpkit.cli.category_treatment import LABELS, category_treatment
from mlpkit.cli.numeric_codes import number_role
from mlpkit.errors import DataError
from mlpkit.text.shown import counted, shortest

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.data.unit_detection import FoundNotation
    from mlpkit.preprocessing.input_columns import InputColumn

FEW_ROWS = 20  # with fewer rows there is no validation split
SPARSE = 0.05  # columns with a smaller share of values are left out,
FEW_VALUES = 8  # and columns with fewer values: the training rows might have none
ROWS_PER_TEXT = 5  # numbers of different units are categories if their texts have this many rows on average

Treatment = Literal["one_hot", "embed", "date", "boolean", "ignore", ""]


@dataclass(frozen=True)
class ColumnRole:
    """Role of a column: its kind, its treatment in the spec, and the reason for both; kind and treatment may be empty."""

    kind: Literal["number", "boolean", "date", "category", ""]
    treatment: Treatment = ""
    reason: str = ""


def column_role(table: Table, training: Table, name: str, missing: Sequence[str], found: FoundNotation | None = None) -> ColumnRole:
    """Return the role of an input column.

    Parameters
    ----------
    table, training : Table
        All rows, and the rows that will be used for training. Both have the notations of their columns.
    name : str
    missing : sequence of str
        Texts that stand for a missing value.
    found : FoundNotation, optional
        Notation of the column, or the reason why its numbers cannot be read.
    """
    from mlpkit.preprocessing import InputEncoder
    from mlpkit.spec import Preprocessing

    try:
        if found is not None and found.problem:
            return _of_unread(table, name, missing, found.problem)
        asked, why = _asked(table, name, missing)
        first = asked or ({"type": "embed", "fewest": 1} if _is_large(table, name, missing) else "")
        options = Preprocessing.model_validate({"columns": {name: first} if first else {}})
        column = InputEncoder.fit(options, table, (name,), missing).columns[0]
        if reason := _unusable(table, training, column, missing):
            return ColumnRole("", "ignore", reason)
        role = _role(table, column, asked, missing, found)
        options = Preprocessing(columns={name: role.treatment} if role.treatment else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if role.treatment != "ignore":
                InputEncoder.fit(options, training, (name,), missing).encode(table.select([name]), "float32")
    except DataError as error:
        own = f"the column {name!r} "
        return ColumnRole("", "ignore", f"it {error.message.removeprefix(own)}" if error.message.startswith(own) else error.message)
    return ColumnRole("" if role.treatment == "ignore" else role.kind, role.treatment, why or role.reason)


def _asked(table: Table, name: str, missing: Sequence[str]) -> tuple[Literal["date", "boolean", ""], str]:
    """Return the treatment of a column of dates or of words for true and false, with the reason; empty texts for others."""
    from mlpkit.data.boolean_words import is_boolean
    from mlpkit.data.column_types import has_days, has_numbers, text_counts

    if has_numbers(table, name, missing):
        return "", ""
    if has_days(table, name, missing):
        return "date", "dates: days, year, month and so on are inputs"
    column = table[name]
    if column.dtype != object or name in table.declared or name in table.units:
        return "", ""
    counts = text_counts(column, missing)
    if len(counts) > LABELS or not is_boolean(counts) or {text.lower() for text in counts} <= {"true", "false", "1", "0"}:
        return "", ""
    return "boolean", f"words for true and false: {', '.join(map(repr, sorted(counts)[:4]))}"


def _role(
    table: Table, column: InputColumn, asked: Literal["date", "boolean", ""], missing: Sequence[str], found: FoundNotation | None
) -> ColumnRole:
    """Return the role of a column that can be used."""
    from mlpkit.data.column_types import text_counts, texts

    if column.kind == "category":
        counts = text_counts(texts(table, column.name), missing)
        treatment: Treatment = "" if _is_always_categorical(column) else category_treatment(len(counts), sum(counts.values()))
        return ColumnRole("category", treatment, _described_texts(table, column, missing))
    if asked or column.kind in ("boolean", "date"):
        return ColumnRole(column.kind, asked, "true and false")
    if column.cells > 1:
        return ColumnRole(column.kind, "", f"{column.cells} numbers per row")
    if found is not None and found.notation is not None:
        return ColumnRole("number", "", _described_notation(found))
    chosen = number_role(table, column.name, missing)
    return ColumnRole("category" if chosen.treatment in ("one_hot", "embed") else "number", chosen.treatment, chosen.reason)


def _is_large(table: Table, name: str, missing: Sequence[str]) -> bool:
    """Return True if a column holds texts with more different ones than can be one-hot encoded."""
    from mlpkit.data.column_types import column_kind, has_numbers, text_counts, texts
    from mlpkit.preprocessing.input_columns import MOST_CATEGORIES

    if table[name].dtype != object or has_numbers(table, name, missing) or len(text_counts(texts(table, name), missing)) <= MOST_CATEGORIES:
        return False
    return column_kind(table, name, missing) == "category"


def _described_notation(found: FoundNotation) -> str:
    assert found.notation is not None
    unit = f"in {' or '.join(map(repr, found.notation.unit))}: " if any(found.notation.unit) else ""
    value = found.notation.read(found.example)
    bare = f"; {counted(found.bare, 'number')} without a unit taken as such" if found.bare else ""
    return f"{unit}{found.example!r} is {shortest(value)}{bare}"


def _described_texts(table: Table, column: InputColumn, missing: Sequence[str]) -> str:
    """Return the number of different texts, and what else is among them."""
    from mlpkit.data.mixed_texts import mixed_contents

    texts = [category for category in column.categories if category is not None]
    mixed = mixed_contents(texts)
    return f"{counted(len(texts), 'different text')}{f', {mixed}' if mixed else ''}"


def _of_unread(table: Table, name: str, missing: Sequence[str], problem: str) -> ColumnRole:
    """Return the role of a column of numbers that cannot be read: categories if rows share few texts."""
    from mlpkit.data.column_types import text_counts

    counts = text_counts(table[name], missing)
    if len(counts) <= LABELS and sum(counts.values()) >= ROWS_PER_TEXT * len(counts):
        return ColumnRole("category", "one_hot", f"{problem}; its {len(counts)} texts are categories")
    return ColumnRole("", "ignore", problem)


def _is_always_categorical(column: InputColumn) -> bool:
    """Return True if training handles a column as categorical for any selection of its rows."""
    from mlpkit.data.column_types import column_kind
    from mlpkit.data.table import Table

    if len(column.categories) > LABELS:
        return False
    try:
        return all(column_kind(Table({"x": [text]}), "x") == "category" for text in column.categories if text is not None)
    except DataError:  # for example a date among other texts
        return False


def _unusable(table: Table, training: Table, column: InputColumn, missing: Sequence[str]) -> str:
    """Return the reason to leave a column out, or an empty string."""
    import numpy as np

    from mlpkit.data.column_types import text_counts, texts
    from mlpkit.data.mixed_texts import mixed_contents
    from mlpkit.preprocessing.inputs import notations_of
    from mlpkit.preprocessing.statistics import column_numbers

    if column.kind == "category":
        counts = text_counts(texts(table, column.name), missing)
        if len(counts) == 1:
            return f"it has only one value, {next(iter(counts))!r}"
        rows = sum(counts.values())
        if not category_treatment(len(counts), rows):
            mixed = mixed_contents(counts)
            return f"it has {mixed}" if mixed else f"it has {len(counts)} different texts in {rows} rows"
        return _sparse(rows, table.rows, split=training is not table)
    if column.cells > 1:
        return ""
    read = table.with_units({**table.units, **notations_of([column])})
    values = column_numbers(read, column, missing).astype(float).reshape(table.rows, -1)[:, 0]
    present = values[~np.isnan(values)]
    if reason := _sparse(len(present), len(values), split=training is not table):
        return reason
    if len(np.unique(present)) == 1:
        return f"it has only one value{'' if column.kind == 'date' else f', {present[0]:g}'}"
    return ""


def _sparse(present: int, rows: int, *, split: bool) -> str:
    few = present < SPARSE * rows or (split and present < min(FEW_VALUES, rows))
    return f"it has {present} values in {rows} rows" if few else ""
