"""Columns of Arrow in the forms of mlpkit: numbers, dates, codes and texts, and lists of equal length. Imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

from mlpkit.data.coded_column import CodedColumn, CodedTexts
from mlpkit.data.table import data_error
from mlpkit.errors import DataError


def arrow_column(values: Any, name: str) -> Any:
    """Return an Arrow array in a form that a table takes.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
    name : str
        Name of the column, for errors.

    Returns
    -------
    array, CodedColumn, list, or the values themselves
        Numbers with nulls are floats with NaN, dates are those of NumPy, and texts are codes and texts. Other values are converted by the
        general rules: lists of Python objects, and dictionaries of numbers.

    Raises
    ------
    DataError
        The values are structs, or lists of different lengths.
    """
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in _chunks(values)], kind.storage_type)
        kind = values.type
    if types.is_struct(kind) or types.is_map(kind) or types.is_union(kind):
        raise DataError(f"the column {name!r} has several fields in each row, of type {kind}", help="give each field a column of its own")
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        return _block(values, name)
    if types.is_integer(kind) or types.is_floating(kind):
        return _numbers(values)
    if types.is_boolean(kind):
        return _booleans(values)
    if types.is_timestamp(kind) or types.is_date(kind):
        return np.asarray(values.cast(pa.timestamp("us"), safe=False), "datetime64[us]")
    if is_text(kind) or (types.is_dictionary(kind) and is_text(kind.value_type)):
        return _texts(values)
    if types.is_null(kind):
        return np.full(len(values), np.nan)
    return values if types.is_dictionary(kind) else values.to_pylist()


def _chunks(values: Any) -> list[Any]:
    return list(values.chunks) if isinstance(values, pa.ChunkedArray) else [values]


def is_text(kind: Any) -> bool:
    """Return True for the Arrow types of texts."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or getattr(types, "is_string_view", types.is_null)(kind))


def _numbers(values: Any) -> NDArray[Any]:
    kept = not values.null_count and not types.is_float16(values.type)
    return _joined(values if kept else values.cast(pa.float64(), safe=False))


def _joined(values: Any) -> NDArray[Any]:
    found: NDArray[Any] = values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    return found


def _booleans(values: Any) -> Any:
    if not values.null_count:
        return _joined(values)
    codes = values.cast(pa.int8()).fill_null(-1)
    return CodedColumn(CodedTexts(_joined(codes).astype(np.intp), ["False", "True"]))


def _texts(values: Any) -> CodedColumn:
    """Return texts with the codes of a dictionary; each chunk has its own."""
    texts: list[str | None] = []
    found: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    for chunk in _chunks(values):
        part = chunk if types.is_dictionary(chunk.type) else _encodable(chunk).dictionary_encode()
        codes = part.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        found.append(np.where(codes < 0, -1, codes + len(texts)) if texts else codes.astype(np.intp, copy=False))
        texts += part.dictionary.to_pylist()
    return CodedColumn(CodedTexts(np.concatenate(found), texts))


def _encodable(chunk: Any) -> Any:
    return chunk if types.is_string(chunk.type) else chunk.cast(pa.large_string())


def _block(values: Any, name: str) -> Any:
    """Return lists of equal length as a 2-D array of numbers. Raise DataError for others."""
    widths = {values.type.list_size} if types.is_fixed_size_list(values.type) else set(_lengths(_chunks(values)))
    parts = [chunk.flatten() for chunk in _chunks(values)]
    inner = values.type.value_type
    if values.null_count or len(widths) != 1 or not (types.is_integer(inner) or types.is_floating(inner)):
        shown = (
            "lists with nulls"
            if values.null_count
            else "lists of different lengths"
            if len(widths) > 1
            else f"values of type {values.type}"
        )
        raise DataError(f"the column {name!r} has {shown}", help="give as many numbers in each row, or each value a column of its own")
    flat = np.concatenate([_numbers(part) for part in parts])
    return flat.reshape(len(values), widths.pop())


def _lengths(chunks: Iterable[Any]) -> Iterable[int]:
    import pyarrow.compute

    for chunk in chunks:
        yield from pyarrow.compute.unique(pyarrow.compute.list_value_length(chunk)).to_pylist()


def arrow_table(source: Any) -> Any:
    """Return the table of an object with `__arrow_c_stream__`, or its array if it has no columns.

    Raises
    ------
    DataError
        The stream cannot be read.
    """
    try:
        return pa.table(source)
    except (TypeError, pa.ArrowInvalid):
        return pa.chunked_array(source)
    except (pa.ArrowException, ValueError) as error:
        message = f"the {type(source).__name__} cannot be read as a table of Arrow: {error}"
        raise data_error(message, help="give a table of pandas, polars or Arrow") from error
