"""Encoding of categories: one-hot, or as the number of a level that is to be embedded.

A category that is not in the training rows is counted. Its one-hot columns are zeros, its number is that of the levels, as that of a value
that is too rare for a level of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_values import coded_values
from mlpkit.data.table import Table
from mlpkit.plugin import Array
from mlpkit.preprocessing.input_columns import InputColumn, missing_error

Unseen = Counter[tuple[str, str | None]]  # column and category


@dataclass(frozen=True)
class CategoryEncoder:
    """Encoder of the categorical columns.

    Attributes
    ----------
    columns : tuple of InputColumn
    missing : tuple of str
        Texts that stand for a missing value.
    impute : bool
        True if a missing value is a category of its own or encoded like an unseen one; False if it is an error.
    constant : tuple of int
        Encoded columns that are always 0: those of columns with one category in the training rows.
    """

    columns: tuple[InputColumn, ...]
    missing: tuple[str, ...]
    impute: bool
    constant: tuple[int, ...] = ()

    @classmethod
    def fit(cls, columns: Sequence[InputColumn], missing: tuple[str, ...], impute: bool) -> CategoryEncoder:
        """Return the encoder of columns with known categories."""
        starts = accumulate((column.codes for column in columns), initial=0)
        constant = [start for column, start in zip(columns, starts, strict=False) if len(column.categories) == 1 and not column.rare]
        return cls(tuple(columns), missing, impute, tuple(constant))

    @cached_property
    def width(self) -> int:
        """Number of encoded columns."""
        return self._starts[-1]

    @property
    def names(self) -> list[str]:
        """Name of each encoded column, such as "island=Dream" or "sex is missing", or "city" if it is embedded."""
        return [name for column in self.columns for name in _names(column)]

    @cached_property
    def embedded(self) -> dict[str, int]:
        """Index of the encoded column of each embedded column."""
        starts = zip(self.columns, self._starts, strict=False)
        return {column.name: start for column, start in starts if column.treatment == "embed"}

    def encode(self, table: Table, out: Array) -> Unseen:
        """Fill `out`, zeros of shape (rows, width), and return the number of rows of each unseen category."""
        unseen: Unseen = Counter()
        for column, start, codes in zip(self.columns, self._starts, self.codes(table, unseen), strict=False):
            known = np.flatnonzero(codes >= 0)
            if column.treatment == "embed":
                out[:, start] = np.where(codes < 0, len(column.categories), codes)
            else:
                out[known, start + codes[known]] = 1
        out[:, list(self.constant)] = 0
        return unseen

    def codes(self, table: Table, unseen: Unseen) -> Iterator[NDArray[np.intp]]:
        """Yield the code of each row for each column, -1 without a category, and count the rows of each unseen one."""
        for column, code_of in zip(self.columns, self._codes, strict=True):
            numbers, values = coded_values(table, column.name)
            codes = np.array([code_of.get(value, -1) for value in values], dtype=np.intp)[numbers]
            if (codes < 0).any():
                self._count(table, column, values, np.where(codes < 0, numbers, -1), unseen)
            yield codes

    def encode_plain(self, values: Sequence[str | None], out: Array) -> bool:
        """Encode values of a few rows, row by row, into `out`, zeros. Return False if a category is unseen."""
        columns = len(self.columns)
        for index, value in enumerate(values):
            row, column = divmod(index, columns)
            code = self._codes[column].get(value, -1)
            if code < 0:
                return False
            embedded, start = self.columns[column].treatment == "embed", self._starts[column]
            out[row, start if embedded else start + code] = code if embedded else 1
        if self.constant:
            out[:, list(self.constant)] = 0
        return True

    def coded(self, table: Table, index: int) -> tuple[NDArray[np.intp], list[str | None]]:
        """Return the code of each row in a column, -1 without one, and its text, None for a missing value."""
        numbers, values = coded_values(table, self.columns[index].name)
        found = [None if value in self.missing else value for value in values]
        codes = np.array([self._codes[index].get(value, -1) for value in values], dtype=np.intp)
        return codes[numbers], [found[number] for number in numbers.tolist()]

    @cached_property
    def _codes(self) -> list[dict[str | None, int]]:
        """For each column the code of each category and of each text for a missing value; -1 if it has no category.

        The code of rare values is the number of categories.
        """
        codes = []
        for column in self.columns:
            code_of: dict[str | None, int] = dict.fromkeys(column.rare, len(column.categories))
            code_of |= {category: code for code, category in enumerate(column.categories)}
            codes.append(code_of | dict.fromkeys(self.missing, code_of.get(None, -1)))
        return codes

    @cached_property
    def _starts(self) -> list[int]:
        """Index of the first encoded column of each column, and the width."""
        return [0, *accumulate(column.codes for column in self.columns)]

    def _count(self, table: Table, column: InputColumn, values: Sequence[str | None], numbers: NDArray[np.intp], unseen: Unseen) -> None:
        """Count texts without a category; `numbers` has -1 in the rows of all others."""
        counts = np.bincount(numbers[numbers >= 0])
        for number in dict.fromkeys(numbers[numbers >= 0].tolist()):  # in the order of the rows
            value = None if values[number] in self.missing else values[number]
            if value is None and not self.impute:
                raise missing_error(table, column.name, int((numbers == number).argmax()))
            unseen[column.name, value] += int(counts[number])


def _names(column: InputColumn) -> list[str]:
    if column.treatment == "embed":
        return [column.name]
    return [f"{column.name} is missing" if category is None else f"{column.name}={category}" for category in column.categories]
