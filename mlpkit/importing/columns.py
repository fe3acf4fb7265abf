"""Input columns that are known without rows, and the encoder for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.categorical import CategoryEncoder
from mlpkit.preprocessing.input_columns import InputColumn
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.spec.csv_options import MISSING
from mlpkit.text.column_names import unique
from mlpkit.text.shown import counted, shortened

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class NumberInput:
    """Column of numbers: (x - center) / scale, with `fill` for a missing x, which makes the column have an indicator.

    Attributes
    ----------
    name : str
    center, scale : array, shape (width,)
    fill : float or None
        None: a missing value is an error.
    """

    name: str
    center: Vector
    scale: Vector
    fill: float | None = None


@dataclass(frozen=True)
class CategoryInput:
    """Column of categories, one-hot encoded; None among them stands for a missing value."""

    name: str
    categories: tuple[str | None, ...]


Input = NumberInput | CategoryInput


def encoder_of(inputs: Sequence[Input], named: bool, missing: Sequence[str] = MISSING) -> InputEncoder:
    """Return the encoder of input columns. Its order is numbers, indicators of filled columns, and categories.

    A text for a missing value that is a category of a column is not a missing value.
    """
    numbers = [each for each in inputs if isinstance(each, NumberInput)]
    others = [each for each in inputs if isinstance(each, CategoryInput)]
    known = {category for each in others for category in each.categories}
    marks = tuple(text for text in missing if text not in known)
    impute = any(each.fill is not None for each in numbers) or any(None in each.categories for each in others)
    columns = tuple(InputColumn(each.name, "number", _treatment(each), len(each.center)) for each in numbers)
    center, scale, fill = (_joined(part) for part in zip(*map(_statistics, numbers), strict=True)) if numbers else [np.empty(0)] * 3
    gaps = _joined([np.full(len(each.center), each.fill is not None) for each in numbers]) if numbers else np.empty(0)
    indices, none = np.flatnonzero(gaps).astype(np.int64), np.empty(0, np.int64)
    categories = tuple(InputColumn(each.name, "category", "one_hot", 1, each.categories) for each in others)
    return InputEncoder(
        NumberEncoder(columns, marks, impute, fill, center, scale, indices, none),
        CategoryEncoder(categories, marks, impute),
        tuple(each.name for each in inputs),
        named,
    )


def _treatment(column: NumberInput) -> Any:
    return "standardize" if column.center.any() or (column.scale != 1).any() else "none"


def _statistics(column: NumberInput) -> tuple[Vector, Vector, Vector]:
    fill = column.center if column.fill is None else np.full(len(column.center), column.fill)
    return column.center, column.scale, fill


def _joined(parts: Sequence[NDArray[Any]]) -> Vector:
    return np.concatenate(parts).astype(np.float64)


def given_inputs(inputs: Sequence[str] | Mapping[str, Any] | None, center: Any, scale: Any, width: int) -> tuple[list[Input], bool]:
    """Return the input columns of a network of `width` inputs, and True if they are named.

    Parameters
    ----------
    inputs : sequence of str, mapping of str to categories or None, or None
        Names of the columns. A mapping has the categories of each column that is one-hot encoded, and None for a number.
    center, scale : array-like or None
        Subtrahend and divisor of the numbers, one for each or one for all.
    width : int

    Raises
    ------
    DataError
        The columns do not have `width` encoded values, a name or a category is there twice, or the scaling is not valid.
    """
    if inputs is None:
        return [NumberInput("x", *_scaling(center, scale, width))], False
    if (listed := as_list(inputs)) is None:
        raise DataError(f"inputs is {shortened(repr(inputs))}, not a list of names", help='pass a list such as ["age", "height"]')
    names = unique(listed)
    levels = [_categories(name, inputs[key] if isinstance(inputs, Mapping) else None) for name, key in zip(names, listed, strict=True)]
    found = sum(1 if each is None else len(each) for each in levels)
    if found != width:
        help = "name each column; of a column of categories each is one input: {'city': ['Basel', 'Bern']}"
        raise DataError(f"inputs has {counted(found, 'encoded input')}, but the first weight has {counted(width, 'row')}", help=help)
    centers, scales = _scaling(center, scale, sum(each is None for each in levels))
    columns: list[Input] = []
    done = 0
    for name, categories in zip(names, levels, strict=True):
        if categories is None:
            columns.append(NumberInput(name, centers[done : done + 1], scales[done : done + 1]))
            done += 1
        else:
            columns.append(CategoryInput(name, categories))
    return columns, True


def as_list(given: Any) -> list[Any] | None:
    """Return the elements of a list, an array or another iterable; None for a text, a set, which has no order, and for anything else."""
    if isinstance(given, (str, bytes, set, frozenset)):
        return None
    try:
        return list(given)
    except TypeError:  # an array without axes has __iter__ too
        return None


def _categories(name: str, given: Any) -> tuple[str | None, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Collection) or not len(given):
        raise DataError(
            f"the categories of {name!r} are {shortened(repr(given))}, not a list", help="give a list of texts, or None for a number"
        )
    return category_texts(name, list(given))


def category_texts(name: str, values: Sequence[Any]) -> tuple[str | None, ...]:
    """Return categories as the texts by which rows are compared with them, None for a missing value.

    Raises
    ------
    DataError
        Two are the same text.
    """
    from mlpkit.data.column_types import texts
    from mlpkit.data.table import Table

    found = tuple(texts(Table({name: list(values)}), name).tolist())
    if len(set(found)) < len(found):
        twice = next(text for text in found if found.count(text) > 1)
        what = "two missing values" if twice is None else f"the category {twice!r} twice, as a text"
        raise DataError(f"the column {name!r} has {what}", help="give each category once")
    return found


def _scaling(center: Any, scale: Any, width: int) -> tuple[Vector, Vector]:
    """Return center and scale of `width` numbers; the defaults are 0 and 1."""
    return _numbers("center", center, 0.0, width), _numbers("scale", scale, 1.0, width)


def _numbers(name: str, given: Any, default: float, width: int) -> Vector:
    """Return `width` finite numbers. Raise DataError if they are not; a scale must be other than 0 too."""
    try:
        found = np.asarray(default if given is None else given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is no array of numbers: {shortened(str(error))}", help="pass one number for each column") from error
    if found.shape not in ((), (width,)):
        raise DataError(f"{name} has shape {found.shape}, but there are {counted(width, 'number')}", help=f"pass shape ({width},)")
    if not np.isfinite(found).all() or (name.endswith("scale") and not found.all()):
        raise DataError(f"{name} has a value that is not finite{', or is 0' * name.endswith('scale')}", help="correct the value")
    return np.array(np.broadcast_to(found, (width,)))


def scaling_of_targets(center: Any, scale: Any, width: int) -> tuple[Vector, Vector]:
    """Return center and scale of `width` targets. Raise DataError if they are not valid."""
    return _numbers("target_center", center, 0.0, width), _numbers("target_scale", scale, 1.0, width)


def places_in(encoder: InputEncoder, inputs: Sequence[Input]) -> NDArray[np.intp]:
    """Return, for each input of a network in the order of its columns, the index of its encoded column."""
    number, category, places = 0, encoder.numbers.width, list[int]()
    for column in inputs:
        width = len(column.center) if isinstance(column, NumberInput) else len(column.categories)
        start = number if isinstance(column, NumberInput) else category
        places += range(start, start + width)
        number, category = (number + width, category) if isinstance(column, NumberInput) else (number, category + width)
    return np.array(places, np.intp)
