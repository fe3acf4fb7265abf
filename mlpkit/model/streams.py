"""Streams: predictions for an iterator of rows or of tables, one after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from mlpkit.data.frames import as_table
from mlpkit.errors import DataError

BATCH = 1024  # rows of an iterator that are predicted together

Predict = Callable[[Any], Any]


def predict_stream(predict: Predict, items: Iterator[Any], batch_size: int) -> Iterator[Any]:
    """Return an iterator over the predictions for rows or tables.

    Parameters
    ----------
    predict : callable
        Function from a table to an array of its predictions, or to a tuple or a dictionary of arrays.
    items : iterator
        Rows: dictionaries, named tuples, or lists, tuples and arrays of values. Or tables: frames, two-dimensional arrays, lists of rows.
    batch_size : int
        Number of rows that are read before their predictions are yielded.

    Yields
    ------
    object
        For a row its prediction; for a table the array of its predictions.

    Raises
    ------
    DataError
        An item cannot be predicted; the message has its number, from 0. The predictions for the items before it were yielded.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"batch_size is {batch_size!r}", help="give the number of rows that are predicted together, at least 1")
    predict([])  # raises the errors of the options now, and not when the first prediction is asked for
    return _predictions(predict, items, batch_size)


def _predictions(predict: Predict, items: Iterator[Any], batch_size: int) -> Iterator[Any]:
    for first in items:
        several = _is_table(first, 0)
        break
    else:
        return
    items = chain([first], items)
    yield from _of_tables(predict, items) if several else _of_rows(predict, items, batch_size)


def _of_tables(predict: Predict, tables: Iterator[Any]) -> Iterator[Any]:
    for number, table in enumerate(tables):
        if not _is_table(table, number):
            raise _mixed(number, "a row, after tables")
        try:
            predicted = predict(table)
        except DataError as error:
            raise DataError(f"table {number}: {error.message}", help=error.help) from error
        yield predicted


def _of_rows(predict: Predict, rows: Iterator[Any], batch_size: int) -> Iterator[Any]:
    start = 0
    for batch in _batches(rows, start, batch_size):
        try:
            predicted = list(_each(predict(batch), len(batch)))
        except DataError:
            yield from _one_by_one(predict, batch, start)
        else:
            yield from predicted
        start += len(batch)


def _batches(rows: Iterator[Any], start: int, size: int) -> Iterator[list[Any]]:
    """Yield lists of rows. After an error the rows before it come first."""
    failed: Exception | None = None
    while failed is None:
        batch: list[Any] = []
        try:
            for row in islice(rows, size):
                batch.append(_row(row, start + len(batch)))
        except Exception as error:
            failed = error
        if batch:
            yield batch
        elif failed is None:
            return
        start += len(batch)
    raise failed


def _one_by_one(predict: Predict, rows: Sequence[Any], start: int) -> Iterator[Any]:
    """Yield the predictions for rows, up to the one that raises an error, which has its number."""
    for number, row in enumerate(rows, start):
        table = as_table([row])
        table.numbers = np.array([number])
        yield from _each(predict(table), 1)


def _each(predicted: Any, rows: int) -> Iterator[Any]:
    """Yield the part of each row of an array, as a value of Python if it is one, or of a tuple or dictionary of arrays."""
    if isinstance(predicted, tuple):
        return zip(*(_each(part, rows) for part in predicted), strict=True)
    if isinstance(predicted, dict):
        columns = [list(_each(part, rows)) for part in predicted.values()]
        return (dict(zip(predicted, values, strict=True)) for values in zip(*columns, strict=True))
    return iter(predicted.tolist() if predicted.ndim == 1 else predicted)


def _is_table(item: Any, number: int) -> bool:
    """Return True for a table, and False for a row. Raise DataError for something else."""
    if isinstance(item, (str, bytes)) or hasattr(item, "__fspath__"):
        help = "give rows or tables: csv.DictReader(file) for an open CSV file; or give the path of a file instead of an iterator"
        raise DataError(f"item {number} of the iterator is a text", help=help)
    if isinstance(item, Mapping) or hasattr(item, "_fields"):
        return False
    if isinstance(item, (list, tuple)):
        return not item or isinstance(item[0], (Mapping, list, tuple, np.ndarray))
    if hasattr(item, "columns") or hasattr(item, "column_names"):
        return True
    dimensions = getattr(item, "ndim", None)
    if dimensions not in (1, 2):
        help = "give dictionaries, lists of values, or tables"
        raise DataError(f"item {number} of the iterator is neither a row nor a table: {type(item).__name__}", help=help)
    return bool(dimensions == 2 or getattr(getattr(item, "dtype", None), "names", None))


def _row(item: Any, number: int) -> Any:
    """Return a row as a dictionary, or as a list of values. Raise DataError for a table, or something else."""
    if _is_table(item, number):
        raise _mixed(number, "a table, after rows")
    if hasattr(item, "_fields"):  # a named tuple
        return item._asdict()
    if hasattr(item, "to_dict"):  # a series of pandas
        return item.to_dict()
    if isinstance(item, Mapping):
        return item
    return item.tolist() if hasattr(item, "tolist") else list(item)


def _mixed(number: int, what: str) -> DataError:
    return DataError(f"item {number} of the iterator is {what}", help="give rows alone, or tables alone")
