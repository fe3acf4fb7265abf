"""Values that were not seen in training: a warning that counts them, or an error that names the first one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

import numpy as np

from mlpkit.data.table import Table
from mlpkit.errors import DataError, UnseenCategoryWarning, warn
from mlpkit.numerics.blocks import row_blocks
from mlpkit.preprocessing.categorical import CategoryEncoder, Unseen
from mlpkit.preprocessing.date_parts import DAY
from mlpkit.preprocessing.input_columns import later_parts
from mlpkit.preprocessing.limits import Limits
from mlpkit.preprocessing.numeric import CELLS, NumberEncoder
from mlpkit.text.shown import LONGEST_OF_MANY, and_more, counted, first_few, shortened

if TYPE_CHECKING:
    from mlpkit.preprocessing.inputs import InputEncoder

OnUnseen = Literal["warn", "error"]
HELP = 'correct the value, or predict without on_unseen="error" (--on-unseen error)'


def warn_unseen(unseen: Unseen, embedded: Collection[str]) -> None:
    """Warn once of values that were not seen in training, if there are any, with the most frequent of them as details.

    Parameters
    ----------
    unseen : Unseen
    embedded : collection of str
        Names of the embedded columns.
    """
    if not unseen:
        return
    shown = [
        f"{'a missing value' if category is None else repr(category)} in {column!r} ({count})"
        for (column, category), count in unseen.most_common(5)
    ]
    columns = list(dict.fromkeys(column for column, _ in unseen))
    others = " and others have" if len(columns) > 1 else " has"
    encoding = "categories are encoded as zeros, missing numbers as the median"
    if sharing := [name for name in columns if name in embedded]:
        one = "share one vector"
        encoding = one if len(sharing) == len(columns) else f"embedded categories {one}, others are encoded as zeros, numbers as the median"
    message = f"the column {columns[0]!r}{others} values that were not seen in training: {encoding}"
    warn(UnseenCategoryWarning(message, f"{counted(unseen.total(), 'value')}: {', '.join(shown)}{and_more(len(unseen), len(shown))}"))


def check_seen(encoder: InputEncoder, source: Table) -> None:
    """Raise DataError, with the row, for the first value that was not seen in training.

    That is a category that no training row has, a missing value in a column without any in training, or a number outside of its range in
    the training rows, as far as that is known.
    """
    table = encoder.aligned(source)
    if encoder.numbers.columns:
        _check_numbers(encoder.numbers, encoder.training_ranges, table)
    _check_categories(encoder.categories, table)


def _check_numbers(numbers: NumberEncoder, ranges: Limits, table: Table) -> None:
    width = len(numbers.fill)
    complete = np.ones(width, bool)
    complete[numbers.missing_indices] = complete[later_parts(numbers.columns)] = False
    columns = [numbers.column(table, column.name) for column in numbers.columns]
    for rows in row_blocks(table.rows, max(1, CELLS // width)):
        part = np.concatenate([column[rows].reshape(rows.stop - rows.start, -1) for column in columns], axis=1).astype(np.float64)
        wrong = (part < ranges.lower) | (part > ranges.upper) | (np.isnan(part) & complete)
        if wrong.any():
            row, index = map(int, np.argwhere(wrong)[0])
            raise _number_error(numbers, table, rows.start + row, index, float(part[row, index]), ranges)


def _number_error(numbers: NumberEncoder, table: Table, row: int, index: int, value: float, ranges: Limits) -> DataError:
    owners = [column for column in numbers.columns for _ in range(column.width)]
    name = [label for column in numbers.columns for label in column.cell_labels][index]
    if np.isnan(value):
        return _missing_error(table, name, row)
    found, low, high = (_shown(number, owners[index].kind) for number in (value, ranges.lower[index], ranges.upper[index]))
    message = f"the column {name!r} has {found} in {table.place(row)}, outside of its range in the training rows, {low} to {high}"
    return table.error(message, row, HELP)


def _shown(value: float, kind: str) -> str:
    if kind == "date":
        return str(np.datetime64(0, "us") + np.timedelta64(round(float(value) * DAY), "us"))[:19].removesuffix("T00:00:00")
    return ("true" if value else "false") if kind == "boolean" else f"{float(value):.17g}" if value != round(value) else f"{value:.0f}"


def _missing_error(table: Table, name: str, row: int) -> DataError:
    return table.error(f"the column {name!r} has a missing value in {table.place(row)}, but no training row has one", row, HELP)


def _check_categories(categories: CategoryEncoder, table: Table) -> None:
    for index, column in enumerate(categories.columns):
        numbers, values = categories.coded(table, index)
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            row = int(unknown[0])
            value = values[row]
            if value is None:
                raise _missing_error(table, column.name, row)
            known = [category for category in column.categories if category is not None]
            shown = shortened(repr(value), LONGEST_OF_MANY)
            message = f"the column {column.name!r} has {shown} in {table.place(row)}, which no training row has"
            raise table.error(message, row, f"the model knows {first_few(known, 10, repr)}; {HELP}")
