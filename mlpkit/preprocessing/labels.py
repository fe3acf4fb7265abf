"""Labels: the classes of a target column, of the type that the user gave them, and the class number of each row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.columns import Column, read_number
from mlpkit.data.kinds import gaps, numbers, refuse_dates, texts
from mlpkit.data.table import Table
from mlpkit.data.textcolumn import coded
from mlpkit.errors import DataError, ResourceLimit

if TYPE_CHECKING:
    from mlpkit.data.fields import Codes

Labels = NDArray[Any]  # 1-D: int64, float64, bool or texts

MOST_NUMBERS = 1000  # more distinct numbers than this are no classes
MOST_LETTERS = 2**23  # of classes as NumPy keeps texts, each as wide as the longest: 32 MiB
LARGEST = 2**53  # from here on float64 does not tell whole numbers apart
TARGET_ADVICE = "correct the value, or remove the row"
_INTEGER = re.compile(r"-?[1-9]\d{0,17}|0")  # written as Python would
_CODE = re.compile(r"[+-]?0\d|\+|.*_")  # 007 reads as a number, but would not come back as it was


def check_present(table: Table) -> None:
    """Raise DataError when a target is missing; it counts them and names the first rows."""
    for name in table.names:
        rows = np.flatnonzero(gaps(table, name))
        if len(rows):
            places = ", ".join(table.place(int(row)) for row in rows[:3]) + (" and so on" if len(rows) > 3 else "")
            what = f"{len(rows)} missing values" if len(rows) > 1 else "a missing value"
            help = "remove those rows; or, if a text that counts as missing is meant as it is, set data.missing"
            raise table.error(f"the column {name!r} has {what}: {places}", int(rows[0]), help)


def find_classes(table: Table, name: str) -> Labels:
    """The distinct labels of a column, sorted.

    Those of a text file that read as numbers are numbers; in a column of the user's own they are what they are.

    Raises
    ------
    DataError
        Dates; numbers with a fraction, or too large to be told apart; too many of them; or no more than one label.
    """
    column = table[name]
    _check_labels(table, name)
    if column.dtype == object:
        found = sorted(cast("list[str]", coded(column)[1]))  # none is missing
        _check_texts(name, found)
        classes = _read(found) if table.text_file else np.array(found, dtype=np.str_)
    else:
        classes = np.unique(column).astype({"b": bool, "f": np.float64}.get(column.dtype.kind, np.int64))
    if classes.dtype.kind == "f":
        _check_whole(table, name)
    if classes.dtype.kind in "if" and len(classes) > MOST_NUMBERS:
        raise DataError(
            f"the target {name!r} has {len(classes)} different numbers, too many for classes",
            help="to predict a number, use a loss such as 'mean_squared_error' and a linear last layer",
        )
    if len(classes) < 2:
        only = f", {classes[0]}" if len(classes) else ""
        raise DataError(f"the target {name!r} has only one class in the training rows{only}", help="give rows of at least two classes")
    return classes


def _check_texts(name: str, found: list[str]) -> None:
    """Raise DataError for texts that an array of NumPy does not hold, or only in far more memory than they have letters."""
    longest = max(map(len, found), default=0)
    if len(found) * longest > MOST_LETTERS:
        message = f"the target {name!r} has {len(found)} classes, the longest of {longest} letters: too many for texts of that length"
        raise DataError(message, help=f"give shorter labels: classes times letters may be {MOST_LETTERS}")
    if any(text.endswith("\0") for text in found):
        raise DataError(f"the target {name!r} has a label that ends with the character NUL", help="strip it from the labels")


def _check_labels(table: Table, name: str) -> None:
    """Raise DataError for labels of which two might become one class, and for dates."""
    column = table[name]
    if column.dtype.kind == "M":
        refuse_dates(name)
    if text := table.ambiguous[name]:
        raise DataError(f"the target {name!r} has {text} both as a text and as another value", help="write it in one way")
    if column.dtype.kind == "f":
        _check_whole(table, name)
    largest = {"f": LARGEST, "u": 2**63}.get(column.dtype.kind)
    if largest is not None and (too_large := np.flatnonzero(np.abs(column) >= largest)).size:
        row = int(too_large[0])
        message = f"the target {name!r} has {column[row]:.0f} in {table.place(row)}, a number too large to be a class"
        raise table.error(message, row, "give such labels as texts")


def _read(found: list[str]) -> Labels:
    """The labels of a text file as integers, as numbers, or as they are."""
    if all(_INTEGER.fullmatch(text) for text in found):
        return np.array(sorted(map(int, found)), dtype=np.int64)
    try:
        values = np.array([float(text) for text in found])
    except ValueError:
        values = np.array([np.nan])
    codes = any(_CODE.match(text) for text in found) or not (np.abs(values) < LARGEST).all()
    return np.array(found, dtype=np.str_) if codes else np.unique(values)


def _check_whole(table: Table, name: str) -> None:
    values = numbers(table, name, advice=TARGET_ADVICE)
    if values.dtype.kind != "f":
        return
    wrong = np.flatnonzero(values != np.floor(values))
    if len(wrong):
        row = int(wrong[0])
        message = f"the target {name!r} has {values[row]} in {table.place(row)}, which is no class but a number"
        raise table.error(message, row, "to predict a number, use a loss such as 'mean_squared_error' and a linear last layer")


def class_numbers(table: Table, name: str, classes: Labels) -> NDArray[np.intp]:
    """The class number of each row, shape (rows,).

    Raises
    ------
    DataError
        A class that the training rows lacked, with its row.
    """
    codes, values = _comparable(table, name, classes)
    number_of = {label: number for number, label in enumerate(classes.tolist())}
    found = np.array([number_of.get(value, -1) for value in values], dtype=np.intp)[codes]
    if (found < 0).any():
        row = int(np.flatnonzero(found < 0)[0])
        shown = ", ".join(map(repr, classes[:10].tolist())) + (" and so on" if len(classes) > 10 else "")
        message = f"the target {name!r} has the class {values[codes[row]]!r} in {table.place(row)}, which the training rows lack"
        raise table.error(message, row, f"the model's classes are {shown}")
    return found


def _comparable(table: Table, name: str, classes: Labels) -> tuple[Codes, list[Any]]:
    """The number of each row's value, and the values by number, as Python values that equal those of the classes."""
    column: Column = table[name]
    if classes.dtype.kind != "U" and column.dtype != object:
        values, codes = np.unique(column, return_inverse=True)
        return codes, list(values.tolist())
    if classes.dtype.kind == "b":
        flags = numbers(table, name, boolean=True, advice=TARGET_ADVICE)
        return flags.astype(bool).astype(np.intp), [False, True]
    codes, found = coded(texts(table, name))
    if classes.dtype.kind == "U":
        return codes, list(found)
    read = [None if text is None else read_number(text) for text in found]
    return codes, [text if value is None else value for text, value in zip(found, read, strict=True)]


def stored_classes(found: Sequence[Any], label_type: str) -> Labels:
    """The classes in a model file as an array of the type that labels had in training.

    Raises
    ------
    ResourceLimit
        The array would be far larger than the file: each of its texts is as wide as the longest.
    ValueError
        The array would not hold what the file does, or a class is there twice.
    """
    types = TYPES.get(label_type, ())
    if not all(type(label) in types for label in found):
        raise ValueError(f"the classes are not of the type {label_type!r}")
    longest = max((len(label) for label in found if isinstance(label, str)), default=0)
    if len(found) * longest > MOST_LETTERS:
        message = f"it has {len(found)} classes, the longest of {longest} letters: more than {MOST_LETTERS} when all are as wide"
        raise ResourceLimit(message)
    classes = np.array(found, dtype={"str": np.str_}.get(label_type, label_type))
    if classes.tolist() != list(found) or len(set(found)) < len(found):
        raise ValueError(f"the classes are not different ones of the type {label_type!r}")
    return classes


TYPES: dict[str, tuple[type, ...]] = {"int64": (int,), "float64": (float, int), "bool": (bool,), "str": (str,)}  # as JSON has them
