"""PlainRows: the quick way for a few rows of plain values, as a service or a form hands them over: dictionaries of numbers and texts.

A table costs as much for one row as for a thousand. Here the values are picked out of the dictionaries as they are; whatever
is not plain - a gap, a number as a text, an unknown category, a name that is not there - is left to the table, which knows what
to do or to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder
from mlpkit.preprocessing.numeric import NumberEncoder

Row: TypeAlias = tuple[Any, ...]

FEW = 32  # rows
MOST_PLANS = 16  # a caller has the same names each time
_NUMBERS = {float, int, bool}
_TEXTS = {str, type(None)}
_OTHERS = {float, int, str, bool, type(None)}  # what columns that nobody asks for may hold


class Plan(NamedTuple):
    """The places of the values that some names stand for."""

    numbers: Callable[[Row], Row]
    booleans: Callable[[Row], Row]
    categories: Callable[[Row], Row]
    others: Callable[[Row], Row]


class PlainRows:
    """Made of the two encoders of an InputEncoder.

    Parameters
    ----------
    numbers : NumberEncoder
    categories : CategoryEncoder
    order : tuple of str
        The names of the input columns.
    named : bool
        Whether these names are the user's own.
    """

    def __init__(self, numbers: NumberEncoder, categories: CategoryEncoder, order: tuple[str, ...], named: bool) -> None:
        self._numbers, self._categories, self._order, self._named = numbers, categories, order, named
        self._plans: dict[Row, Plan] = {}

    def encode(self, source: Any, dtype: DTypeLike) -> Array | None:
        """A list of dictionaries, or a dictionary of lists, as `InputEncoder.encode` does; None when they are not plain."""
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
        """Return how these names stand for the inputs: by themselves, or by their position for a model that was trained on an array."""
        if set(map(type, names)) != {str}:
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
        if not (_TEXTS.issuperset(map(type, texts)) and _OTHERS.issuperset(map(type, others))):
            return None
        encoded = np.zeros((len(rows), self._numbers.width + self._categories.width), dtype)
        if not self._numbers.encode_plain(values, encoded):
            return None
        return encoded if self._categories.encode_plain(texts, encoded[:, self._numbers.width :]) else None


def _rows(source: Any) -> tuple[Row, list[Row]]:
    """The names, and the values of each row in their order; no rows when there are too many, or it is something else."""
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
    """Return what picks the values at some places out of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1)) if places else itemgetter(slice(0))
