"""Features of a fitted pipeline, as linear functions of the columns that an encoder of mlpkit has.

A pipeline is followed column by column. In the end each feature is a sum of encoded columns with factors, which go into the first weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.columns import CategoryInput, Input, NumberInput

Array = NDArray[Any]


class Number(NamedTuple):
    """Number of a column: (x - center) / scale, with `fill` for a missing x; None: a missing value is an error."""

    column: str
    center: float = 0.0
    scale: float = 1.0
    fill: float | None = None


class Missing(NamedTuple):
    """Indicator of the missing values of a column."""

    column: str


class Level(NamedTuple):
    """Indicator of one category of a column; None is that of missing values."""

    column: str
    category: str | None


Term = Number | Missing | Level


@dataclass(frozen=True)
class Raw:
    """Column as it is, before it is known to hold numbers or categories. Missing values are replaced by `fill` if `filled`."""

    column: str
    filled: bool = False
    fill: Any = None


@dataclass(frozen=True)
class Linear:
    """Sum of terms, each times a factor, and a constant."""

    terms: Mapping[Term, float] = field(default_factory=dict)
    constant: float = 0.0


Feature = Raw | Linear


def as_linear(feature: Feature) -> Linear:
    """Return a feature as a sum, in which a column as it is holds numbers."""
    if isinstance(feature, Linear):
        return feature
    return Linear({Number(feature.column, fill=_number(feature)): 1.0})


def _number(raw: Raw) -> float | None:
    """Return the number that replaces a missing one. Raise DataError if it is none."""
    if not raw.filled:
        return None
    try:
        return float(raw.fill)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the column {raw.column!r} is filled with {raw.fill!r}, but used as numbers", help="encode its categories"
        ) from error


def scaled(feature: Feature, center: float, scale: float) -> Linear:
    """Return (feature - center) / scale. For a column as it is, the encoder does this, with the same bits."""
    if isinstance(feature, Raw):
        return Linear({Number(feature.column, center, scale, _number(feature)): 1.0})
    terms = {term: factor / scale for term, factor in feature.terms.items()}
    return Linear(terms, (feature.constant - center) / scale)


def filled(feature: Feature, value: Any) -> Feature:
    """Return a feature in which a missing value becomes `value`. Raise DataError if several columns can be missing in it."""
    if isinstance(feature, Raw):
        return feature if feature.filled else Raw(feature.column, True, value)
    open_terms = [term for term in feature.terms if isinstance(term, Number) and term.fill is None]
    if not open_terms:
        return feature
    if len(feature.terms) > 1:
        raise DataError("it fills a sum of columns", help="fill missing values first")
    (term, factor), *_ = feature.terms.items()
    assert isinstance(term, Number)
    fill = (float(value) - feature.constant) / factor * term.scale + term.center
    return Linear({term._replace(fill=fill): factor}, feature.constant)


def selected(features: Sequence[Feature], keep: Sequence[bool]) -> list[Feature]:
    """Return the features to keep. Categories of the others stay known, with the factor 0, if their column has a feature that is kept."""
    found = [each for each, use in zip(features, keep, strict=True) if use]
    first = {term.column: index for index in reversed(range(len(found))) for term in _levels(found[index])}
    known = {term for each in found for term in _levels(each)}
    others = (term for each, use in zip(features, keep, strict=True) if not use for term in _levels(each))
    zeros: dict[int, dict[Term, float]] = {}
    for term in others:
        if term.column in first and term not in known:
            zeros.setdefault(first[term.column], {})[term] = 0.0
    for index, more in zeros.items():
        one = as_linear(found[index])
        found[index] = Linear({**one.terms, **more}, one.constant)
    return found


def _levels(feature: Feature) -> list[Level]:
    return [term for term in feature.terms if isinstance(term, Level)] if isinstance(feature, Linear) else []


def missing(feature: Feature) -> Linear:
    """Return the indicator of the missing values of a feature. Raise DataError if it is not that of one column."""
    if isinstance(feature, Raw):
        return Linear({Missing(feature.column): 1.0})
    if len(feature.terms) != 1 or not isinstance(term := next(iter(feature.terms)), Number):
        raise DataError("it marks the missing values of something other than a column", help="mark them first")
    return Linear({Missing(term.column): 1.0})


def first_layer(
    features: Sequence[Feature], columns: Sequence[str], weight: Array, bias: Array, whole: bool
) -> tuple[list[Input], Array, Array]:
    """Return input columns, and the first weight and bias over what their encoder gives.

    Parameters
    ----------
    features : sequence of Feature
        One for each row of `weight`.
    columns : sequence of str
        Names of all columns of the training data, in order.
    weight, bias : array, shape (features, units) and (units,)
    whole : bool
        True to keep columns of numbers that are not used, because an array of numbers has them.

    Raises
    ------
    DataError
        A column is used as numbers and as categories.
    """
    sums = [as_linear(feature) for feature in features]
    terms = list(dict.fromkeys(term for each in sums for term in each.terms))
    inputs = list(_inputs(terms, columns, whole))
    places = dict(_places(inputs))
    first, shift = np.zeros((len(places), weight.shape[1]), weight.dtype), bias.copy()
    numbers = {each.name: each for each in inputs if isinstance(each, NumberInput)}
    for each, row in zip(sums, weight, strict=True):
        if each.constant:
            shift += each.constant * row
        for term, factor in each.terms.items():
            factor, constant = _of_input(term, factor, numbers)
            at = places[_plain(term, numbers)]
            first[at] += factor * row
            if constant:
                shift += constant * row
            if more := _other_fill(term, numbers):
                first[places[Missing(term.column)]] += each.terms[term] * more * row
    return inputs, first, shift


def _inputs(terms: Sequence[Term], columns: Sequence[str], whole: bool) -> Iterator[Input]:
    """Yield the input columns of terms, in the order of the data."""
    of_levels = any(isinstance(term, Level) for term in terms)
    for name in columns:
        own = [term for term in terms if term.column == name]
        numbers = [term for term in own if isinstance(term, Number)]
        levels = [term.category for term in own if isinstance(term, Level)]
        if numbers and levels:
            raise DataError(f"the column {name!r} is used as numbers and as categories", help="use a copy of the column for one of them")
        if levels:
            marked = [None] if None in levels or any(isinstance(term, Missing) for term in own) else []
            yield CategoryInput(name, (*dict.fromkeys(level for level in levels if level is not None), *marked))
        elif own:
            fills = list(dict.fromkeys(term.fill for term in numbers if term.fill is not None))
            first = numbers[0] if numbers else Number(name)
            marked_only = [first.center] if any(isinstance(term, Missing) for term in own) else []
            yield NumberInput(name, np.array([first.center]), np.array([first.scale]), next(iter([*fills, *marked_only]), None))
        elif whole and not of_levels:
            yield NumberInput(name, np.zeros(1), np.ones(1))


def _places(inputs: Sequence[Input]) -> Iterator[tuple[Term, int]]:
    """Yield each term that the encoder of some columns gives, with its index."""
    numbers = [each for each in inputs if isinstance(each, NumberInput)]
    terms: list[Term] = [Number(each.name) for each in numbers]
    terms += [Missing(each.name) for each in numbers if each.fill is not None]
    terms += [Level(each.name, level) for each in inputs if isinstance(each, CategoryInput) for level in each.categories]
    return ((term, index) for index, term in enumerate(terms))


def _plain(term: Term, numbers: Mapping[str, NumberInput]) -> Term:
    """Return a term by the column alone, as `_places` has it."""
    if isinstance(term, Number):
        return Number(term.column)
    return Level(term.column, None) if isinstance(term, Missing) and term.column not in numbers else term


def _of_input(term: Term, factor: float, numbers: Mapping[str, NumberInput]) -> tuple[float, float]:
    """Return factor and constant of a term in units of the encoded column."""
    if not isinstance(term, Number):
        return factor, 0.0
    own = numbers[term.column]
    center, scale = float(own.center[0]), float(own.scale[0])
    if (center, scale) == (term.center, term.scale):
        return factor, 0.0
    return factor * (scale / term.scale), factor * ((center - term.center) / term.scale)


def _other_fill(term: Term, numbers: Mapping[str, NumberInput]) -> float:
    """Return what a term has more than that of the encoded column where the value is missing, if they are filled differently."""
    if not isinstance(term, Number) or term.fill is None:
        return 0.0
    own = numbers[term.column].fill
    return 0.0 if own is None else (term.fill - own) / term.scale
