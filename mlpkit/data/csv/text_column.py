"""Text columns of a file, used in place of an object array of texts and None. Values are created when they are needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, Text
from mlpkit.data.columns import object_column
from mlpkit.errors import DataError

if TYPE_CHECKING:  # loading a model and predicting does not need the CSV reader
    from mlpkit.data.csv.fields import Codes, Fields
    from mlpkit.data.csv.numbers import Flags, Vector


class TextColumn(CodedColumn):
    """Column of the fields of a file, which are converted when they are needed.

    Parameters
    ----------
    texts : Texts
    rows : array of int, optional
        Row indices; all rows by default.
    """

    _texts: Texts

    @classmethod
    def joined(cls, columns: Sequence[TextColumn]) -> TextColumn:
        """Return the rows of whole columns with the same texts for missing values, one after the other."""
        texts = Texts(columns[0]._texts.missing)
        for column in columns:
            texts.extend(column._texts)
        return cls(texts)

    def contents(self) -> str:
        """Return "numbers" if all values are, "texts" if none is, "nothing" if all are missing, and "both" for others."""
        values, wrong = self._texts.numbers
        others, known = bool(self._some(wrong).any()), not bool(np.isnan(self._some(values)).all())
        return {(True, True): "both", (True, False): "texts", (False, True): "numbers"}.get((others, known), "nothing")

    def first_other(self) -> int | None:
        """Return the first row whose text is not a number, or None if there is none."""
        wrong = self._some(self._texts.numbers[1])
        return int(wrong.argmax()) if wrong.any() else None

    def numbers(self, missing: Collection[str] = ()) -> Vector | None:
        """Return the texts as numbers, NaN where one is missing, or None if any text is not a number.

        Parameters
        ----------
        missing : collection of str
            Additional texts that stand for a missing value, used only if not all texts are numbers without them.
        """
        found = self._part(self._texts)
        if found is None and not self._texts.missing.issuperset(missing):
            if any("_" in text and self._some(self._texts.equal(text)).any() for text in missing):
                return None  # such as 1_000, which only Python reads as a number
            found = self._part(self._texts.with_missing(missing))
        if found is None:
            self._check_points()
        return found

    def _part(self, texts: Texts) -> Vector | None:
        values, wrong = texts.numbers
        return None if self._some(wrong).any() else self._some(values)

    def _check_points(self) -> None:
        """Raise DataError if the only texts that are not numbers have a point in a file with decimal commas."""
        pointed, wrong = self._some(self._texts.pointed), self._some(self._texts.numbers[1])
        if wrong.any() and not (wrong & ~pointed).any():
            message = f"a column of numbers with decimal commas has {self[int(wrong.argmax())]!r}, whose point is ambiguous"
            help = 'remove points that group thousands; or set "decimal": "." in "data" if they are decimal points'
            raise DataError(message, help=help)

    def _some(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self._rows is None else values[self._rows]

    @property
    def missing_rows(self) -> Flags:
        """Boolean array, True where a value is missing."""
        return self._some(self._texts.missing_rows)


class Texts:
    """All fields of a column, block by block, with cached conversions.

    Parameters
    ----------
    missing : frozenset of str
        Texts that stand for a missing value.
    """

    def __init__(self, missing: frozenset[str]) -> None:
        self.missing = missing
        self.parts: list[Fields] = []
        self._numbers: list[tuple[Vector, Flags]] = []  # converted numbers of the first parts

    def add(self, part: Fields, *, ahead: bool = False) -> None:
        """Append rows. With `ahead` their numbers are read at once, unless an earlier text was not a number."""
        if ahead and len(self._numbers) == len(self.parts) and not (self._numbers and self._numbers[-1][1].any()):
            self._numbers.append(part.numbers(self.missing))
        self.parts.append(part)

    def extend(self, other: Texts) -> None:
        """Append the rows of other fields, with the numbers that they have."""
        if len(self._numbers) == len(self.parts):
            numbers = other.numbers
            bounds = np.cumsum([len(part) for part in other.parts])[:-1]
            self._numbers += zip(*(np.split(values, bounds) for values in numbers), strict=True)
        self.parts += other.parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def with_missing(self, missing: Collection[str]) -> Texts:
        """Return the same fields with additional texts for missing values."""
        texts = Texts(self.missing.union(missing))
        for part in self.parts:
            texts.add(part)
        return texts

    def text(self, row: int) -> Text:
        """Return the text of one row, or None if it is missing."""
        part, start = 0, 0
        while row >= start + len(self.parts[part]):
            part, start = part + 1, start + len(self.parts[part])
        return self._present(self.parts[part].text(row - start))

    def _present(self, text: str) -> Text:
        return None if text in self.missing else text

    @cached_property
    def strings(self) -> list[Text]:
        """Text or None of each row."""
        if "coded" in self.__dict__:
            codes, texts = self.coded
            return list(object_column(texts)[codes].tolist())
        return [self._present(text) for part in self.parts for text in part.texts()]

    @cached_property
    def numbers(self) -> tuple[Vector, Flags]:
        """Texts as numbers, NaN for missing values, and a boolean array of texts that are not numbers."""
        self._numbers += [part.numbers(self.missing) for part in self.parts[len(self._numbers) :]]
        values, wrong = zip(*self._numbers, strict=True)
        self._numbers = [(np.concatenate(values), np.concatenate(wrong))]
        return self._numbers[0]

    @cached_property
    def coded(self) -> tuple[Codes, list[Text]]:
        """Integer code of each row's text, and the texts by code."""
        number_of: dict[Text, int] = {}
        found = []
        for part in self.parts:
            codes, texts = part.coded
            numbers = [number_of.setdefault(self._present(text), len(number_of)) for text in texts]
            found.append(np.array(numbers, dtype=np.intp)[codes])
        return np.concatenate(found), list(number_of)

    @property
    def pointed(self) -> Flags:
        """Boolean array, True for numbers with a point in a file with decimal commas."""
        none = [np.zeros(len(part), dtype=bool) if part.pointed is None else part.pointed for part in self.parts]
        return np.concatenate(none)

    def equal(self, text: str) -> Flags:
        """Return a boolean array that is True for rows with a text, missing or not."""
        found = np.zeros(len(self), dtype=bool)
        start = 0
        for part in self.parts:
            found[start + part.rows_with(text)] = True
            start += len(part)
        return found

    @cached_property
    def missing_rows(self) -> Flags:
        """Boolean array, True where a value is missing."""
        missing_rows = np.zeros(len(self), dtype=bool)
        for text in self.missing:
            missing_rows |= self.equal(text)
        return missing_rows
