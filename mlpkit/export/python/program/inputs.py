"""Encoded inputs of raw rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlpkit.export.python.program.model import COLUMNS, MODEL, STATISTICS, Array
from mlpkit.export.python.program.values import category, date_parts, number


def encode(rows: Any) -> Array:
    """Return the encoded inputs of raw rows, float64."""
    given, inputs = columns_of(rows), MODEL["inputs"]
    numbers = [column for column in COLUMNS if column["kind"] != "category"]
    parts = []
    if numbers:
        parts = scaled(np.hstack([numbers_of(column, given[column["name"]]) for column in numbers]), numbers)
    parts += [categories(column, given[column["name"]]) for column in COLUMNS if column["kind"] == "category"]
    x = np.hstack(parts).astype(float)
    x[:, inputs.get("zeros", [])] = 0
    if (np.abs(x) > np.finfo(MODEL["dtype"]).max).any():
        raise ValueError("a number is too large")
    return x


def columns_of(rows: Any) -> dict[str, Any]:
    """Return the input columns of rows by name."""
    names = [column["name"] for column in COLUMNS]
    if hasattr(rows, "columns"):  # a data frame
        rows = {str(name): rows[name].to_numpy() for name in rows.columns}
    if isinstance(rows, Mapping):
        if missing := [name for name in names if name not in rows]:
            raise ValueError(f"the rows have no column {missing[0]!r}")
        return {name: rows[name] for name in names}
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        return {name: [row.get(name) for row in rows] for name in names}
    array, widths = np.asarray(rows), [column["width"] for column in COLUMNS]
    by_name = [column["name"] for column in COLUMNS if column["kind"] in ("category", "date")]
    if array.ndim != 2 or array.shape[1] != sum(widths) or by_name:
        raise ValueError(f"give a list of dictionaries with the names {', '.join(map(repr, names))}")
    ends = np.cumsum(widths)
    return {name: array[:, end - width : end] for name, end, width in zip(names, ends, widths, strict=True)}


def numbers_of(column: dict[str, Any], given: Any) -> Array:
    """Return the numbers of a column, NaN where they are missing, shape (rows, width)."""
    if column["kind"] == "date":
        return np.array([date_parts(column, value) for value in given], float).reshape(-1, column["width"])
    array = given if isinstance(given, np.ndarray) else np.array(given, object)
    if array.dtype.kind not in "fiub":
        array = np.array([number(column, value) for value in array.ravel().tolist()], float).reshape(array.shape)
    if array.ndim == 0 or array.size != len(array) * column["width"]:
        raise ValueError(f"the column {column['name']!r} needs values of shape (rows, {column['width']})")
    array = array.astype(float).reshape(len(array), column["width"])
    if column["kind"] == "boolean" and not (np.isnan(array) | (array == 0) | (array == 1)).all():
        raise ValueError(f"the column {column['name']!r} has a value that is neither true nor false")
    if np.isinf(array).any():
        raise ValueError(f"the column {column['name']!r} has an infinite value")
    return array


def scaled(values: Array, columns: list[dict[str, Any]]) -> list[Array]:
    """Return scaled numbers, indicators of missing ones, and places in bins."""
    gaps = np.isnan(values)
    if gaps.any() and not MODEL["inputs"]["impute"]:
        raise ValueError("a value is missing, but the training rows had none")
    values = np.where(gaps, STATISTICS["fill"], values)
    if "lower" in STATISTICS:
        values = np.clip(values, STATISTICS["lower"], STATISTICS["upper"])
    x = (values - STATISTICS["center"]) / STATISTICS["scale"]
    cells = [column for column in columns for _ in range(column["width"])]
    counts = STATISTICS.get("knot_counts", np.zeros(len(cells), int)).tolist()
    knots, scores, places = STATISTICS.get("knots", np.empty(0)), STATISTICS.get("scores", np.empty(0)), []
    for index, (column, count) in enumerate(zip(cells, counts, strict=True)):
        points, knots = knots[:count], knots[count:]
        if count and column["treatment"] == "quantile":
            x[:, index], scores = np.interp(x[:, index], points, scores[:count]), scores[count:]
        elif count:
            places.append(np.clip((x[:, [index]] - points[:-1]) / np.diff(points), 0, 1))
        clip, value = column.get("clip"), x[:, index]
        if clip is not None:
            x[:, index] = value / np.sqrt(1 + (value / 3) ** 2) if clip == "smooth" else np.clip(value, -clip, clip)
    return [x, gaps[:, STATISTICS.get("gaps", np.empty(0, int))], *places]


def categories(column: dict[str, Any], given: Any) -> Array:
    """Return a column for each category, 1 where a row has it; or one with the number of the category, if the column is embedded."""
    known: list[str | None] = column["categories"]
    texts = [category(value) for value in (given.tolist() if isinstance(given, np.ndarray) else given)]
    if None in texts and not MODEL["inputs"]["impute"]:
        raise ValueError(f"the column {column['name']!r} has a missing value, but the training rows had none")
    index = {text: number for number, text in enumerate(known)}
    codes = np.array([index.get(text, len(known)) for text in texts], int)
    return codes[:, None] if column["treatment"] == "embed" else codes[:, None] == np.arange(len(known))
