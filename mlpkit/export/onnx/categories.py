"""Categories of texts or integers as numbers of their levels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product
from typing import Any

import numpy as np

from mlpkit.export.onnx.graph import INT, ML, TEXT, Graph
from mlpkit.export.onnx.value import Value

FEW_SPELLINGS = 6  # letters of a word of which every spelling in capitals and small letters is known

Codes = tuple[Value, Value | None]  # level of each row; true for missing values that are not allowed


def codes(op: Graph, raw: Value, column: Mapping[str, Any], missing: Collection[str], impute: bool) -> Codes:
    """Return the level of each row, shape (rows, 1): its category's index, or the number of categories for any other value."""
    levels = {category: index for index, category in enumerate(column["categories"])}
    of_missing = levels.pop(None, len(column["categories"]))
    if raw.dtype == TEXT:
        absent = dict.fromkeys([*missing, *([] if "" in levels else [""])], of_missing)
        found = _looked_up(op, raw, levels | absent, len(column["categories"]))
        return found, None if impute else _looked_up(op, raw, dict.fromkeys(absent, 1), 0) == 1
    whole = (op("Floor", raw) == raw) & (abs(raw) < 1e15)
    number = op.cast(op.where(whole, raw, 0.0), INT)
    found = op.where(whole, _looked_up(op, number, {int(text): code for text, code in levels.items()}, len(column["categories"])), _int(-1))
    found = op.where(found < _int(0), _int(len(column["categories"])), found)
    absent_rows = op("IsNaN", raw)
    return op.where(absent_rows, _int(of_missing), found), None if impute else absent_rows


def words(op: Graph, raw: Value, notation: Mapping[str, Any], missing: Collection[str]) -> tuple[Value, Value]:
    """Return 1 and 0 for words for true and false, NaN for missing ones, and true where a text is none of them."""
    values = {text: code for code, name in enumerate(("false", "true")) for word in notation[name] for text in _spellings(word)}
    found = _looked_up(op, raw, values | dict.fromkeys([*missing, ""], 2), 3)
    return op.where(found >= _int(2), np.array(np.nan), op.cast(found, np.float64)), found == _int(3)


def _looked_up(op: Graph, raw: Value, table: Mapping[Any, int], default: int) -> Value:
    """Return the entries of a table of texts or integers."""
    keys = {"keys_strings" if raw.dtype == TEXT else "keys_int64s": list(table)}
    if not table:  # an operator without keys is not valid
        keys, table = {next(iter(keys)): [""] if raw.dtype == TEXT else [0]}, {0: default}
    return op("LabelEncoder", raw, domain=ML, dtype=INT, values_int64s=list(table.values()), default_int64=default, **keys)


def _spellings(word: str) -> list[str]:
    """Return a word in small letters, in capitals, and with a capital at its start; in every mixture if it is short."""
    found = [word, word.upper(), word.capitalize(), word.title()]
    if len(word) <= FEW_SPELLINGS:
        found += ["".join(letters) for letters in product(*({letter, letter.upper()} for letter in word))]
    return list(dict.fromkeys(text for text in found if text.lower() == word))


def _int(number: int) -> np.ndarray[Any, Any]:
    return np.array(number, np.int64)
