"""Roles of columns in the spec that `mlpkit init` writes, chosen so that training accepts any selection of training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlpkit.errors import DataError

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.preprocessing.input_columns import InputColumn

FEW_ROWS = 20  # with fewer rows there is no validation split
SPARSE = 0.05  # columns with a smaller share of values are left out,
FEW_VALUES = 8  # and columns with fewer values: the training rows might have none
LABELS = 20  # more texts than this that differ in nearly every row are row names
SHARED = 0.4  # most different texts as a share of the rows: half of the training rows


@dataclass(frozen=True)
class ColumnRole:
    """Role of a column: its kind, its treatment in the spec, and the reason if it is left out; treatment and reason may be empty."""

    kind: Literal["number", "boolean", "date", "category", ""]
    treatment: Literal["one_hot", "date", "ignore", ""] = ""
    reason: str = ""


def column_role(table: Table, training: Table, name: str, missing: Sequence[str]) -> ColumnRole:
    """Return the role of an input column.

    Parameters
    ----------
    table, training : Table
        All rows, and the rows that will be used for training.
    name : str
    missing : sequence of str
        Texts that stand for a missing value.
    """
    from mlpkit.data.column_types import has_days
    from mlpkit.preprocessing import InputEncoder
    from mlpkit.spec import Preprocessing

    try:
        treatment: Literal["one_hot", "date", ""] = "date" if has_days(table, name, missing) else ""
        options = Preprocessing(columns={name: treatment} if treatment else {})
        column = InputEncoder.fit(options, table, (name,), missing).columns[0]
        if reason := _unusable(table, training, column, missing):
            return ColumnRole("", "ignore", reason)
        if column.kind == "category" and not _is_always_categorical(column):
            treatment, options = "one_hot", Preprocessing(columns={name: "one_hot"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            InputEncoder.fit(options, training, (name,), missing).encode(table.select([name]), "float32")
    except DataError as error:
        return ColumnRole("", "ignore", error.message)
    return ColumnRole(column.kind, treatment)


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

    from mlpkit.data.column_types import text_among_dates, text_counts, texts
    from mlpkit.preprocessing.statistics import column_numbers

    if column.kind == "category":
        counts = text_counts(texts(table, column.name), missing)
        if len(counts) == 1:
            return f"it has only one value, {next(iter(counts))!r}"
        rows = sum(counts.values())
        if len(counts) > max(LABELS, SHARED * rows):
            other = text_among_dates(counts)
            return f"it has dates and other texts, such as {other!r}" if other else f"it has {len(counts)} different texts in {rows} rows"
        return _sparse(rows, table.rows, split=training is not table)
    if column.cells > 1:
        return ""
    values = column_numbers(table, column, missing).astype(float).reshape(table.rows, -1)[:, 0]
    present = values[~np.isnan(values)]
    if reason := _sparse(len(present), len(values), split=training is not table):
        return reason
    if len(np.unique(present)) == 1:
        return f"it has only one value{'' if column.kind == 'date' else f', {present[0]:g}'}"
    if column.kind != "date" and len(present) > FEW_ROWS and (np.diff(values) == 1).all():
        return "it numbers the rows"
    return ""


def _sparse(present: int, rows: int, *, split: bool) -> str:
    few = present < SPARSE * rows or (split and present < min(FEW_VALUES, rows))
    return f"it has {present} values in {rows} rows" if few else ""
