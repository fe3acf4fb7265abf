"""Class labels of a target column, in the type that the user gave, and the class index of each row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import Codes, coded
from mlpkit.data.column_types import TO_NUMBERS, date_error, missing_rows, numbers, text_counts, texts
from mlpkit.data.columns import Column, read_number
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.table import Table
from mlpkit.data.written_numbers import AnyNotation
from mlpkit.errors import DataError, ResourceLimit
from mlpkit.spec.csv_options import MISSING

Labels = NDArray[Any]  # 1-D: int64, float64, bool or texts

TargetType = Literal["auto", "number", "class", "text"]

TYPES: dict[str, tuple[type, ...]] = {"int64": (int,), "float64": (float, int), "bool": (bool,), "str": (str,)}  # their types in JSON
MOST_UNASKED = 20  # with more text classes, numbers with a unit or a currency are probably a mistake
MOST_LETTERS = 2**23  # characters of all classes in a NumPy array, each as wide as the longest: 32 MiB
LARGEST = 2**53  # from here on float64 does not represent all integers
TARGET_ADVICE = (
    'correct the value, or remove the row; if it marks a missing value, add it to data.missing and set data.missing_target to "drop"; '
    'to predict classes, set data.target_type to "text"'
)
_INTEGER = re.compile(r"-?[1-9]\d{0,17}|0", re.ASCII)  # as Python formats them
_FRACTION = re.compile(r"-?(?!0\.0$)\d+\.\d+|0\.0", re.ASCII)  # without -0.0, which equals 0.0


def missing_targets(table: Table, target_type: TargetType = "auto", missing: Collection[str] = MISSING) -> NDArray[np.bool_]:
    """Return a boolean array that is True for rows without a target in some column: None, NaN, NaT, or a text such as "-nan".

    A column whose `target_type` is "text" has no such texts: each different text is a class.

    Parameters
    ----------
    table : Table
    target_type : {"auto", "number", "class", "text"}
    missing : collection of str
        Texts that stand for a missing value. In a column that is not numeric the default ones do not count if the user gave the
        column in Python: "none" may be a class.
    """
    found = np.zeros(table.rows, dtype=bool)
    for name in table.names:
        found |= missing_rows(table, name)
        if target_type != "text" and table[name].dtype == object:
            found |= _missing_texts(table[name], missing, table.units.get(name))
    return found


def _missing_texts(column: Column, missing: Collection[str], notation: AnyNotation | None) -> NDArray[np.bool_]:
    values = column.numbers() if isinstance(column, TextColumn) and notation is None else None
    if values is not None:  # avoids creating strings for the numbers of a file
        return np.isnan(values)
    codes, texts = coded(column)
    read = read_number if notation is None else notation.read
    among_numbers = all(read(text) is not None for text in texts if text is not None and text not in missing)
    marks = set(missing) if among_numbers else set(missing).difference(MISSING)
    return np.array([text is not None and (text in marks or _is_nan(text)) for text in texts], dtype=bool)[codes]


def _is_nan(text: str) -> bool:
    """Return True if float() reads a text as NaN, or libraries write a missing value like this."""
    bare = text.strip()
    return bare.lstrip("+-").lower() == "nan" or bare in ("NaT", "<NA>")


def missing_target_error(table: Table, target_type: TargetType, missing: Collection[str]) -> DataError:
    """Return the error for rows without a target, with the count in the first such column and the first rows."""
    found = {name: missing_targets(table.select([name]), target_type, missing) for name in table.names}
    name, rows = next((name, np.flatnonzero(own)) for name, own in found.items() if own.any())
    places = ", ".join(table.place(int(row)) for row in rows[:3]) + (" and so on" if len(rows) > 3 else "")
    problem = f"{len(rows)} missing values" if len(rows) > 1 else "a missing value"
    help = (
        'set data.missing_target to "drop" to leave those rows out; or, if the text is a class, set '
        'data.missing to {"only": [...]} without it, and data.target_type to "text"'
    )
    return table.error(f"the column {name!r} has {problem}: {places}", int(rows[0]), help)


def find_classes(table: Table, name: str, target_type: TargetType = "auto", fewest: int = 2) -> Labels:
    """Return the distinct labels of a column, sorted.

    Labels of a text file are numbers if all of them are formatted as Python formats numbers, else texts. Labels given in Python keep
    their type. With `target_type` "class" any numbers are accepted, with "text" each different text is a class. A column of a categorical
    type is handled like "class". There must be at least `fewest` labels.

    Raises
    ------
    DataError
        The labels are dates, numbers with a fraction, or numbers that float64 cannot distinguish; or there is only one label.
    """
    column = texts(table, name) if target_type == "text" else table[name]
    if target_type == "auto" and name in table.declared:
        target_type = "class"
    _check_labels(table, name, column, target_type)
    if column.dtype == object:
        found = sorted(cast("list[str]", coded(column)[1]))  # no label is missing
        _check_texts(name, found)
        as_numbers = table.text_file and target_type != "text"
        classes = _read(found) if as_numbers else np.array(found, dtype=np.str_)
        if as_numbers and target_type == "auto" and all(_is_finite(text) for text in found):
            _check_whole(table, name)
        elif target_type == "auto" and len(found) > MOST_UNASKED and name not in table.units:
            from mlpkit.data.decorated_numbers import refuse_decorated  # compiles many patterns

            refuse_decorated(name, text_counts(column, ()), TARGET_ADVICE)
    else:
        whole = table.declared.get(name, False)
        classes = np.unique(column).astype({"b": bool, "f": np.int64 if whole else np.float64}.get(column.dtype.kind, np.int64))
    if len(classes) < fewest:
        only = f", {classes[0]}" if len(classes) else ""
        raise DataError(f"the target {name!r} has only one class in the training rows{only}", help="give rows of at least two classes")
    return classes


def _check_texts(name: str, found: list[str]) -> None:
    """Raise DataError for texts that a NumPy array cannot store, or only with far more memory than they need."""
    longest = max(map(len, found), default=0)
    if len(found) * longest > MOST_LETTERS:
        message = f"the target {name!r} has {len(found)} classes, the longest of {longest} characters: too many for labels of that length"
        raise DataError(message, help=f"give shorter labels: the number of classes times the longest label must not exceed {MOST_LETTERS}")
    if any(text.endswith("\0") for text in found):
        raise DataError(f"the target {name!r} has a label that ends with a NUL character", help="remove it from the labels")


def _is_finite(text: str) -> bool:
    value = read_number(text)
    return value is not None and abs(value) < float("inf")


def _check_labels(table: Table, name: str, column: Column, target_type: TargetType) -> None:
    """Raise DataError for dates, for labels that could become one class, and for fractions without an explicit `target_type`."""
    if column.dtype.kind == "M":
        raise date_error(name, f"{TO_NUMBERS}; or to texts, if they are classes")
    if text := table.ambiguous[name]:
        raise DataError(f"the target {name!r} has {text} both as a text and as another value", help="use one type for equal labels")
    if column.dtype.kind == "f" and target_type == "auto":
        _check_whole(table, name)
    largest = {"f": LARGEST, "u": 2**63}.get(column.dtype.kind)
    if largest is not None and (too_large := np.flatnonzero(np.abs(column) >= largest)).size:
        row = int(too_large[0])
        message = f"the target {name!r} has {column[row]:.0f} in {table.place(row)}, a number too large for a class label"
        raise table.error(message, row, "give such labels as texts")


def _read(found: list[str]) -> Labels:
    """Return the labels of a text file as numbers if no label's formatting is lost, else as texts."""
    if all(_INTEGER.fullmatch(text) for text in found):
        return np.array(sorted(map(int, found)), dtype=np.int64)
    if all(_FRACTION.fullmatch(text) and repr(float(text)) == text and abs(float(text)) < LARGEST for text in found):
        return np.array(sorted(map(float, found)))
    return np.array(found, dtype=np.str_)


def _check_whole(table: Table, name: str) -> None:
    values = numbers(table, name, advice=TARGET_ADVICE)
    if values.dtype.kind != "f":
        return
    wrong = np.flatnonzero(values != np.floor(values))
    if len(wrong):
        row = int(wrong[0])
        message = f"the target {name!r} has {values[row]} in {table.place(row)}, which has a fraction and is not a class"
        help = "to predict a number, use a loss such as 'mean_squared_error' and a linear last layer; for classes set data.target_type"
        soft = "for probabilities give one column for each class, and data.classes"
        raise table.error(message, row, f'{help} to "class" or "text"; {soft}')


def class_numbers(table: Table, name: str, classes: Labels) -> NDArray[np.intp]:
    """Return the class index of each row, shape (rows,).

    Raises
    ------
    DataError
        A row has a class that is not in the training rows.
    """
    found = known_numbers(table, name, classes)
    if (found < 0).any():
        row = int(np.flatnonzero(found < 0)[0])
        codes, values = _comparable(table, name, classes)
        shown = ", ".join(map(repr, classes[:10].tolist())) + (" and so on" if len(classes) > 10 else "")
        message = f"the target {name!r} has the class {values[codes[row]]!r} in {table.place(row)}, which is not in the training rows"
        raise table.error(message, row, f"use one of the model's classes: {shown}")
    return found


def known_numbers(table: Table, name: str, classes: Labels) -> NDArray[np.intp]:
    """Return the class index of each row, shape (rows,), or -1 for an unknown class."""
    codes, values = _comparable(table, name, classes)
    number_of = {label: number for number, label in enumerate(classes.tolist())}
    return np.array([number_of.get(value, -1) for value in values], dtype=np.intp)[codes]


def _comparable(table: Table, name: str, classes: Labels) -> tuple[Codes, list[Any]]:
    """Return the code of each row's value, and the values by code, converted so that they compare equal to the classes."""
    column: Column = table[name]
    if classes.dtype.kind != "U" and column.dtype != object:
        values, inverse = np.unique(column, return_inverse=True)
        return inverse, list(values.tolist())
    if classes.dtype.kind == "b":
        flags = numbers(table, name, boolean=True, advice=TARGET_ADVICE)
        return flags.astype(bool).astype(np.intp), [False, True]
    codes, found = coded(texts(table, name))
    if classes.dtype.kind == "U":
        return codes, list(found)
    read = [None if text is None else read_number(text) for text in found]
    return codes, [text if value is None else value for text, value in zip(found, read, strict=True)]


def type_of(classes: Labels) -> str:
    """Return the name of the type of labels, one of `TYPES`."""
    return "str" if classes.dtype.kind == "U" else classes.dtype.name


def stored_classes(found: Sequence[Any], label_type: str) -> Labels:
    """Return the classes of a model file as an array of the type that labels had in training.

    Raises
    ------
    ResourceLimit
        The array would be far larger than the file, because each text takes as much memory as the longest.
    ValueError
        The array would not hold the stored values, or a class occurs twice.
    """
    types = TYPES.get(label_type, ())
    if not all(type(label) in types for label in found):
        raise ValueError(f"the classes are not of the type {label_type!r}")
    longest = max((len(label) for label in found if isinstance(label, str)), default=0)
    if len(found) * longest > MOST_LETTERS:
        message = f"it has {len(found)} classes, the longest of {longest} characters: more than {MOST_LETTERS} if all are as wide"
        raise ResourceLimit(message)
    classes = np.array(found, dtype={"str": np.str_}.get(label_type, label_type))
    if classes.tolist() != list(found) or len(set(found)) < len(found):
        raise ValueError(f"the classes are not distinct values of the type {label_type!r}")
    return classes
