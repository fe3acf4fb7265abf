"""Columns of texts of pandas and polars as codes, which those libraries find faster than Python does. Neither is imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mlpkit.data.coded_column import CodedColumn, CodedTexts


def frame_texts(values: Any) -> CodedColumn | None:
    """Return a column of texts of pandas or polars, or None for any other values."""
    library = type(values).__module__.partition(".")[0]
    if library not in ("pandas", "polars") or not hasattr(values, "dtype"):
        return None
    return _of_pandas(values) if library == "pandas" else _of_polars(values)


def _of_pandas(values: Any) -> CodedColumn | None:
    kind = type(values.dtype).__name__
    if kind == "CategoricalDtype":
        texts = values.dtype.categories.tolist()
        array = getattr(values, "array", values)
        return CodedColumn(CodedTexts(np.asarray(array.codes, np.intp), texts)) if set(map(type, texts)) == {str} else None
    if kind != "StringDtype":
        return None
    codes, texts = values.factorize()
    return CodedColumn(CodedTexts(np.asarray(codes, np.intp), np.asarray(texts, object).tolist()))


def _of_polars(values: Any) -> CodedColumn | None:
    kind = str(getattr(values, "dtype", ""))
    polars: Any = sys.modules["polars"]
    if not kind.startswith(("String", "Utf8", "Categorical", "Enum")) or not hasattr(polars, "Enum"):
        return None
    texts = values if kind.startswith(("String", "Utf8")) else values.cast(polars.String)
    distinct = texts.drop_nulls().unique(maintain_order=True)
    codes = texts.cast(polars.Enum(distinct)).to_physical().cast(polars.Int64).fill_null(-1)
    return CodedColumn(CodedTexts(codes.to_numpy(), distinct.to_list()))
