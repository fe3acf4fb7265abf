"""Values of any column as codes of categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.data.coded_column import Codes, coded
from mlpkit.data.column_types import texts
from mlpkit.data.table import Table


def coded_values(table: Table, name: str) -> tuple[Codes, Sequence[str | None]]:
    """Return the code of each row's value as a category, and the categories by code. Equal numbers are converted to text once."""
    column = table[name]
    if column.ndim != 1 or column.dtype.kind not in "biuf":
        return coded(texts(table, name))
    _, first, codes = np.unique(column, return_index=True, return_inverse=True)
    return codes.astype(np.intp, copy=False), texts(table.select([name]).take(first), name).tolist()
