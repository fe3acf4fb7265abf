"""CategoryEncoder: one 0/1 column per category; one that training lacked has a row of zeros and is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.kinds import texts
from mlpkit.data.table import Table
from mlpkit.plugin import Array
from mlpkit.preprocessing.schema import InputColumn, missing_error

Unseen = Counter[tuple[str, str | None]]  # column and category


@dataclass(frozen=True)
class CategoryEncoder:
    """The category columns, their missing texts, and whether a missing value is a category or an error."""

    columns: tuple[InputColumn, ...]
    missing: tuple[str, ...]
    impute: bool

    @cached_property
    def width(self) -> int:
        """Categories over all columns."""
        return sum(len(column.categories) for column in self.columns)

    @property
    def names(self) -> list[str]:
        """A name for each category: "island=Dream", "sex is missing"."""
        return [
            f"{column.name} is missing" if category is None else f"{column.name}={category}"
            for column in self.columns
            for category in column.categories
        ]

    def encode(self, table: Table, out: Array) -> Unseen:
        """Fill `out`, zeros of shape (rows, width); returns how often each unseen category was met."""
        unseen: Unseen = Counter()
        start = 0
        for column in self.columns:
            values = texts(table, column.name).tolist()
            codes = self._codes(column, values)
            known = np.flatnonzero(codes >= 0)
            out[known, start + codes[known]] = 1
            start += len(column.categories)
            if len(known) < len(codes):
                self._count(table, column, values, codes, unseen)
        return unseen

    def _codes(self, column: InputColumn, values: list[str | None]) -> NDArray[np.intp]:
        """The number of each row's category, -1 for one that training lacked."""
        code_of: dict[str | None, int] = {category: code for code, category in enumerate(column.categories)}
        code_of |= dict.fromkeys(self.missing, code_of.get(None, -1))
        return np.array([code_of.get(value, -1) for value in values], dtype=np.intp)

    def _count(self, table: Table, column: InputColumn, values: list[Any], codes: NDArray[np.intp], unseen: Unseen) -> None:
        for row in np.flatnonzero(codes < 0).tolist():
            value = None if values[row] in self.missing else values[row]
            if value is None and not self.impute:
                raise missing_error(table, column.name, row)
            unseen[column.name, value] += 1
