"""CategoryEncoder: one 0/1 column per category; one that training lacked has a row of zeros and is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlpkit.data.fields import Codes
from mlpkit.data.kinds import texts
from mlpkit.data.table import Table
from mlpkit.data.textcolumn import coded
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
            numbers, values = coded(texts(table, column.name))
            category_of = self._categories(column, values)
            codes = category_of[numbers]
            known = np.flatnonzero(codes >= 0)
            out[known, start + codes[known]] = 1
            start += len(column.categories)
            if len(known) < len(codes):
                self._count(table, column, values, np.where(codes < 0, numbers, -1), unseen)
        return unseen

    def _categories(self, column: InputColumn, values: list[str | None]) -> Codes:
        """The number of each text's category, -1 for one that training lacked."""
        code_of: dict[str | None, int] = {category: code for code, category in enumerate(column.categories)}
        code_of |= dict.fromkeys(self.missing, code_of.get(None, -1))
        return np.array([code_of.get(value, -1) for value in values], dtype=np.intp)

    def _count(self, table: Table, column: InputColumn, values: list[str | None], numbers: Codes, unseen: Unseen) -> None:
        """Count texts without a category; `numbers` has -1 in the rows of all others."""
        counts = np.bincount(numbers[numbers >= 0])
        for number in dict.fromkeys(numbers[numbers >= 0].tolist()):  # in the order of the rows
            value = None if values[number] in self.missing else values[number]
            if value is None and not self.impute:
                raise missing_error(table, column.name, int((numbers == number).argmax()))
            unseen[column.name, value] += int(counts[number])
