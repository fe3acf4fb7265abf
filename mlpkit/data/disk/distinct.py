"""Different values of columns on disk, with the number of rows that have each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.data.coded_column import CodedColumn, CountedTexts, Text
from mlpkit.data.coded_values import coded_values
from mlpkit.data.disk.columns import MOST_TEXTS
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Table, data_error


def distinct_values(table: StoredTable, names: Sequence[str]) -> dict[str, Table]:
    """Return a table of the different values of each of some columns, as texts, in the order of their first rows.

    In errors a value has the place of its first row, and in counts the weight of all of its rows.

    Raises
    ------
    DataError
        A column has too many different values, or several per row.
    """
    counts: dict[str, dict[Text, int]] = {name: {} for name in names}
    rows: dict[str, list[int]] = {name: [] for name in names}
    for block in table.tables([(0, table.rows)], names) if names else ():
        for name, found in counts.items():
            codes, texts = coded_values(block, name)
            first = block.numbers[np.unique(codes, return_index=True)[1]].tolist()
            for text, count, row in zip(texts, np.bincount(codes).tolist(), first, strict=True):
                if text not in found:
                    rows[name].append(row)
                found[text] = found.get(text, 0) + count
            if len(found) > MOST_TEXTS:
                help = f'leave it out: "preprocessing": {{"columns": {{"{name}": "ignore"}}}}'
                raise data_error(f"the column {name!r} has more than {MOST_TEXTS:,} different values", table.source, help=help)
    columns = {name: CodedColumn(CountedTexts(list(found), list(found.values()))) for name, found in counts.items()}
    return {
        name: table.in_memory({name: column}, np.array(rows[name], np.intp)).with_units(table.units) for name, column in columns.items()
    }
