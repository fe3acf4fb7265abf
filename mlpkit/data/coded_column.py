"""Columns of texts as codes and distinct texts. Arrow, polars and pandas have the codes already; texts in Python are coded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.columns import Column, object_column

Codes: TypeAlias = NDArray[np.integer[Any]]  # integer code of each row's text
Text: TypeAlias = str | None


class CodedTexts:
    """Codes of the rows, and the texts by code, in the order of their first rows. Each text is used, and occurs once.

    Parameters
    ----------
    codes : array of int, shape (rows,)
        Index of each row's text; -1 for a missing value.
    texts : sequence of str or None
        Texts by code; some may be unused or repeated.
    ordered : bool
        True if the texts are in that form already, and no code is -1.
    """

    def __init__(self, codes: NDArray[Any], texts: Sequence[Text], *, ordered: bool = False) -> None:
        if ordered:
            self.coded: tuple[Codes, list[Text]] = codes, list(texts)
            return
        number_of: dict[Text, int] = {}
        numbers = np.array([number_of.setdefault(text, len(number_of)) for text in (*texts, None)], np.intp)
        codes = numbers[codes]  # -1 is the None at the end
        rows, first = len(codes), np.full(len(number_of), len(codes))
        first[codes[::-1]] = np.arange(rows - 1, -1, -1)  # of a repeated index, the last value stays
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < rows)]
        rank = np.empty(len(number_of), np.intp)
        rank[order] = np.arange(len(order))
        known = list(number_of)
        self.coded = rank[codes], [known[index] for index in order.tolist()]

    def __len__(self) -> int:
        return len(self.coded[0])

    def text(self, row: int) -> Text:
        """Return the text of one row, or None if it is missing."""
        codes, texts = self.coded
        return texts[int(codes[row])]

    @cached_property
    def strings(self) -> list[Text]:
        """Text or None of each row."""
        return list(object_column(self.coded[1])[self.coded[0]].tolist())


class CountedTexts(CodedTexts):
    """Different texts of a column, one row each, with the number of rows of the column that each stands for.

    Parameters
    ----------
    texts : sequence of str or None
    counts : sequence of int
    """

    def __init__(self, texts: Sequence[Text], counts: Sequence[int]) -> None:
        super().__init__(np.arange(len(texts)), texts, ordered=True)
        self.counts = list(counts)


class _PythonTexts:
    """Array of texts and None in Python, coded when that is first asked for."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def coded(self) -> tuple[Codes, list[Text]]:
        """Codes and texts, as those of `CodedTexts`."""
        number_of: dict[Text, int] = {}
        codes = [number_of.setdefault(text, len(number_of)) for text in self.array.tolist()]
        return np.array(codes, dtype=np.intp), list(number_of)

    def text(self, row: int) -> Text:
        """Return the text of one row, or None if it is missing."""
        found: Text = self.array[row]
        return found

    @cached_property
    def strings(self) -> list[Text]:
        """Text or None of each row."""
        return list(self.array.tolist())


class CodedColumn:
    """Texts with None for missing values; behaves as a 1-D object array.

    Parameters
    ----------
    texts : CodedTexts, array of str and None, or another object with the attributes of `CodedTexts`
    rows : array of int, optional
        Row indices; all rows by default.
    """

    dtype = np.dtype(object)
    ndim = 1

    def __init__(self, texts: Any, rows: NDArray[np.intp] | None = None) -> None:
        self._texts = _PythonTexts(texts) if isinstance(texts, np.ndarray) else texts
        self._rows = rows

    @property
    def shape(self) -> tuple[int]:
        """Number of rows, as an array has it."""
        return (len(self),)

    def __len__(self) -> int:
        return len(self._texts) if self._rows is None else len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        """Return some of the rows, or the text of one row. Codes and converted values are shared with the whole column."""
        whole = self._rows is None
        if not (whole and isinstance(rows, np.ndarray) and rows.dtype == np.intp):
            rows = (np.arange(len(self)) if self._rows is None else self._rows)[rows]
        return self._texts.text(int(rows)) if np.ndim(rows) == 0 else type(self)(self._texts, rows)

    def __iter__(self) -> Iterator[Text]:
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return object_column(self.tolist()).astype(dtype or object, copy=False)

    def tolist(self) -> list[Text]:
        """Return a text or None for each row."""
        found: list[Text] = self._texts.strings
        return found if self._rows is None else [found[row] for row in self._rows.tolist()]

    @property
    def coded(self) -> tuple[Codes, list[Text]]:
        """Code of each row's text, and the texts by code. None stands for missing values. Each code is used."""
        codes, texts = self._texts.coded
        if self._rows is None:
            return codes, texts
        codes = codes[self._rows]
        used = np.bincount(codes, minlength=len(texts)) > 0
        if used.all():
            return codes, texts
        return (np.cumsum(used) - 1)[codes], [text for text, occurs in zip(texts, used.tolist(), strict=True) if occurs]

    @property
    def counted(self) -> tuple[list[Text], list[int]]:
        """Texts, and the number of rows of each. None stands for missing values."""
        if isinstance(self._texts, CountedTexts) and self._rows is None:
            return self._texts.coded[1], self._texts.counts
        codes, texts = self.coded
        return texts, np.bincount(codes).tolist()

    @property
    def missing_rows(self) -> NDArray[np.bool_]:
        """Boolean array, True where a value is missing."""
        codes, texts = self.coded
        return np.array([text is None for text in texts], dtype=bool)[codes]

    @property
    def made(self) -> bool:
        """True if the texts were given as codes, so that all values are texts or missing."""
        return isinstance(self._texts, CodedTexts)


def coded(column: Column) -> tuple[Codes, list[Text]]:
    """Return the integer code of each row's text in a column of texts, and the texts by code. Each code is used."""
    return (column if isinstance(column, CodedColumn) else CodedColumn(column)).coded


def counted(column: Column) -> tuple[list[Text], list[int]]:
    """Return the texts of a column of texts, and the number of rows of each. None stands for missing values."""
    return (column if isinstance(column, CodedColumn) else CodedColumn(column)).counted
