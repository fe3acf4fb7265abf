"""Values of columns as texts of CSV and as JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray


def csv_lines(columns: Mapping[str, NDArray[Any]], *, header: bool, separator: str = ",") -> str:
    """Return columns as lines of CSV, after a line of their names if `header` is True."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values()), strict=True))
    return text.getvalue()


def _texts(column: NDArray[Any]) -> list[Any]:
    """Return values as texts of a CSV file: empty for missing values, true and false in lower case as in JSON."""
    if column.dtype.kind == "b":
        return ["true" if value else "false" for value in column.tolist()]
    if column.dtype.kind == "f":
        return ["" if math.isnan(value) else value for value in column.tolist()]
    return list(column.tolist())


def json_values(column: NDArray[Any]) -> list[Any]:
    """Return values as JSON has them: null for numbers that are not finite, texts for dates."""
    if column.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in column.tolist()]
    return [str(value) for value in column.tolist()] if column.dtype.kind == "M" else list(column.tolist())
