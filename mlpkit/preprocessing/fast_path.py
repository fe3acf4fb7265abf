"""Fast path for predictions from a few rows, given as dictionaries of plain numbers and texts.

Creating a table takes as long for one row as for a thousand. Here the values are taken from the dictionaries directly. Rows with
anything else (a missing value, a number as text, an unknown category, a missing name) are left to the table, which handles them or
raises the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.data.columns import number_text
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder
from mlpkit.preprocessing.numeric import NumberEncoder

Row: TypeAlias = tuple[Any, ...]

FEW = 32  # most rows
EXACT = 2**53  # whole numbers below have one text, as an integer and as a float
MOST_PLANS = 16  # most cached plans; a caller usually repeats the same names
_NUMBERS = {float, int, bool}
_TEXTS = {str, type(None)}
_CATEGORIES = {*_TEXTS, float, int}
_OTHERS = {float, int, str, bool, type(None)}  # types accepted in columns that are not inputs


class Plan(NamedTuple):
    """Selectors of the values in a row, for one tuple of names."""

    numbers: Callable[[Row], Row]
    booleans: Callable[[Row], Row]
    categories: Callable[[Row], Row]
    others: Callable[[Row], Row]


class PlainRows:
    """Encoder of plain rows, made of the two encoders of an InputEncoder.

    Parameters
    ----------
    numbers : NumberEncoder
    categories : CategoryEncoder
    order : tuple of str
        Names of the input columns.
    named : bool
        True if the user named the columns.
    """

    def __init__(self, numbers: NumberEncoder, categories: CategoryEncoder, order: tuple[str, ...], named: bool) -> None:
        self._numbers, self._categories, self._order, self._named = numbers, categories, order, named
        self._plans: dict[Row, Plan] = {}

    def encode(self, source: Any, dtype: DTypeLike) -> Array | None:
        """Encode a list of dictionaries or a dictionary of lists as `InputEncoder.encode` does. Return None if it is not plain."""
        names, rows = _rows(source)
        if not rows:
            return None
        plan = self._plans.get(names)
        if plan is None and (plan := self._plan(names)) is not None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[names] = plan
        return None if plan is None else self._encode(plan, rows, dtype)

    def _plan(self, names: Row) -> Plan | None:
        """Return the selectors for these names, or None if they do not fit.

        Inputs are found by name, or by position for a model that was trained on an array.
        """
        if set(map(type, names)) != {str} or self._numbers.dates:  # dates are left to the table
            return None
        numbers = [column.name for column in self._numbers.columns]
        categories = [column.name for column in self._categories.columns]
        width = sum(column.width for column in self._numbers.columns)
        if set(self._order) <= set(names):
            if width != len(numbers):
                return None
        elif self._named or categories or self._numbers.booleans or len(names) != width:
            return None
        else:
            numbers = list(names)
        place = {name: index for index, name in enumerate(names)}
        asked = {*numbers, *categories}
        others = [name for name in names if name not in asked]
        booleans = [name for name in numbers if name in self._numbers.booleans]
        return Plan(*(_getter([place[name] for name in part]) for part in (numbers, booleans, categories, others)))

    def _encode(self, plan: Plan, rows: list[Row], dtype: DTypeLike) -> Array | None:
        values, texts, others = ([value for row in rows for value in pick(row)] for pick in (plan.numbers, plan.categories, plan.others))
        types = list(map(type, values))
        booleans = [type(value) is bool for row in rows for value in plan.booleans(row)]
        if not (_NUMBERS.issuperset(types) and all(booleans) and types.count(bool) == len(booleans)):
            return None
        if not _TEXTS.issuperset(map(type, texts)):
            if not _CATEGORIES.issuperset(map(type, texts)) or any(type(value) in _NUMBERS and not abs(value) < EXACT for value in texts):
                return None
            texts = [number_text(value) if type(value) in _NUMBERS else value for value in texts]
        if not (_OTHERS.issuperset(map(type, others))):
            return None
        encoded = np.zeros((len(rows), self._numbers.width + self._categories.width), dtype)
        if not self._numbers.encode_plain(values, encoded):
            return None
        return encoded if self._categories.encode_plain(texts, encoded[:, self._numbers.width :]) else None


def _rows(source: Any) -> tuple[Row, list[Row]]:
    """Return the names and the values of each row in this order. Return no rows for too many rows or another source."""
    if type(source) is dict:
        columns = source.values()
        if set(map(type, columns)) == {list} and len({*map(len, columns)}) == 1 and len(next(iter(columns))) <= FEW:
            return tuple(source), list(zip(*columns, strict=True))
    elif type(source) is list and len(source) <= FEW and set(map(type, source)) == {dict}:
        names = tuple(source[0])
        if all(tuple(row) == names for row in source[1:]):
            return names, [tuple(row.values()) for row in source]
    return (), []


def _getter(places: Sequence[int]) -> Callable[[Row], Row]:
    """Return a function that selects the values at some indices of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1)) if places else itemgetter(slice(0))
