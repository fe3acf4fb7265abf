"""Verdicts: what `mlpkit init` makes of each column, so that no draw of the training rows can make training refuse it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlpkit.errors import DataError

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.preprocessing.input_columns import InputColumn

FEW_ROWS = 20  # too few to keep some back for validation
SPARSE = 0.05  # a column with a smaller share of values than this is left out,
FEW_VALUES = 8  # and one with fewer values: those that train might have none
LABELS = 20  # texts that differ in nearly every row, when there are more of them than this, name the rows
SHARED = 0.4  # as many different texts as this share of the rows: half of those that train


@dataclass(frozen=True)
class Verdict:
    """The verdict on a column: its kind, what the spec has to say of it, and why it is left out, both maybe empty."""

    kind: Literal["number", "boolean", "category", ""]
    treatment: Literal["one_hot", "ignore", ""] = ""
    reason: str = ""


def verdict(table: Table, training: Table, name: str, missing: Sequence[str]) -> Verdict:
    """Return what to do with an input column.

    Parameters
    ----------
    table, training : Table
        All rows, and those that will train.
    name : str
    missing : sequence of str
        Texts that mean that a value is missing.
    """
    from mlpkit.preprocessing import InputEncoder
    from mlpkit.spec import Preprocessing

    try:
        column = InputEncoder.fit(Preprocessing(), table, (name,), missing).columns[0]
        if reason := _unusable(table, training, column, missing):
            return Verdict("", "ignore", reason)
        one_hot = column.kind == "category" and not _is_steady(column)
        options = Preprocessing(columns={name: "one_hot"} if one_hot else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            InputEncoder.fit(options, training, (name,), missing).encode(table.select([name]), "float32")
    except DataError as error:
        return Verdict("", "ignore", error.message)
    return Verdict(column.kind, "one_hot" if one_hot else "")


def _is_steady(column: InputColumn) -> bool:
    """Return whether training takes a column for categories whichever rows it has of it."""
    from mlpkit.data.column_types import column_kind
    from mlpkit.data.table import Table

    if len(column.categories) > LABELS:
        return False
    try:
        return all(column_kind(Table({"x": [text]}), "x") == "category" for text in column.categories if text is not None)
    except DataError:  # a date, say, among other texts
        return False


def _unusable(table: Table, training: Table, column: InputColumn, missing: Sequence[str]) -> str:
    """Return why a column is left out; empty when it is not."""
    import numpy as np

    from mlpkit.data.column_types import numbers, text_counts, texts

    if column.kind == "category":
        counts = text_counts(texts(table, column.name), missing)
        if len(counts) == 1:
            return f"it has one value only, {next(iter(counts))!r}"
        rows = sum(counts.values())
        if len(counts) > max(LABELS, SHARED * rows):
            return f"it has {len(counts)} different texts in {rows} rows"
        return _sparse(rows, table.rows, split=training is not table)
    if column.width > 1:
        return ""
    values = numbers(table, column.name, missing, boolean=column.kind == "boolean").astype(float)
    present = values[~np.isnan(values)]
    if reason := _sparse(len(present), len(values), split=training is not table):
        return reason
    if len(np.unique(present)) == 1:
        return f"it has one value only, {present[0]:g}"
    if len(present) > FEW_ROWS and (np.diff(values) == 1).all():
        return "it numbers the rows"
    return ""


def _sparse(present: int, rows: int, *, split: bool) -> str:
    few = present < SPARSE * rows or (split and present < min(FEW_VALUES, rows))
    return f"it has {present} values in {rows} rows" if few else ""
