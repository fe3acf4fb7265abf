"""One table of the rows of several: shards must have the same columns, with values of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, CodedTexts, coded
from mlpkit.data.columns import Column
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.table import Table, UnusableColumn, column_width, data_error
from mlpkit.errors import DataError
from mlpkit.text.shown import first_few

HOLDS = {"b": "true and false", "i": "numbers", "u": "numbers", "f": "numbers", "M": "dates", "O": "texts"}
SAME = "write all files with the same columns and types, or give only those that have them"


def join(tables: Sequence[Table], source: str) -> Table:
    """Return one table of the rows of all, in order, with the file of each row for errors.

    Parameters
    ----------
    tables : sequence of Table
    source : str
        Name of all files together.

    Raises
    ------
    DataError
        A table has other columns than the first, or a column has values of another kind; names the file.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    if all(table.records for table in tables):  # a key that a row lacks is a missing value
        names = dict.fromkeys(name for table in tables for name in table.names)
        tables = [table.with_missing_columns({name: 1 for name in names if name not in table}) for table in tables]
    for table in tables[1:]:
        check_columns(tables[0].names, table, first.source)
    files = [table.source for table in tables]
    columns = {name: _joined(name, [table.columns[name] for table in tables], files) for name in tables[0].names}
    joined = Table(
        columns,
        source=source,
        named=all(table.named for table in tables),
        numbers=np.concatenate([table.numbers for table in tables]),
        text_file=first.text_file,
        unnamed=frozenset().union(*(table.unnamed for table in tables)),
        declared={name: whole for table in tables for name, whole in table.declared.items()},
    )
    joined.files, joined.file_of = tuple(files), np.repeat(np.arange(len(files)), [table.rows for table in tables])
    joined.separator, joined.records, joined.by_line = first.separator, first.records, first.by_line
    joined.lists = set.union(*(table.lists for table in tables))
    return joined


def check_columns(names: Sequence[str], table: Table, first: str) -> None:
    """Raise DataError if a table has other columns than the first file, which has the given ones, in any order."""
    if absent := [name for name in names if name not in table.columns]:
        raise data_error(f"{table.source} has no column {first_few(absent, show=repr)}, which {first} has", table.source, help=SAME)
    if added := sorted(set(table.names).difference(names)):
        raise data_error(f"{table.source} has a column {first_few(added, show=repr)}, which {first} has not", table.source, help=SAME)


def _joined(name: str, parts: Sequence[Column], files: Sequence[str]) -> Any:
    """Return the column of all parts, each of which is of one file."""
    rows = sum(map(len, parts))
    unusable: list[Any] = [part for part in parts if isinstance(part, UnusableColumn)]
    if unusable:
        return UnusableColumn(rows, unusable[0].error)
    if all(isinstance(part, TextColumn) for part in parts):
        return _fields(name, parts, files)
    present = [index for index, part in enumerate(parts) if not all_missing(part)] or [0]
    model = parts[present[0]]
    kinds = {HOLDS[parts[index].dtype.kind] for index in present}
    if kinds == {"texts", "true and false"} and all(_are_flags(parts[index]) for index in present):  # true, false and null
        kinds = {"texts"}
    for index in present:
        if len(kinds) > 1 and parts[index].dtype.kind != model.dtype.kind:
            raise _other_type(name, files[index], HOLDS[parts[index].dtype.kind], files[present[0]], HOLDS[model.dtype.kind])
        if (width := column_width(parts[index])) != column_width(model):
            own, first = (f"{count} values per row" for count in (width, column_width(model)))
            raise _other_type(name, files[index], own, files[present[0]], first)
    if kinds == {"texts"}:
        return _texts(parts)
    if kinds == {"dates"}:
        return np.concatenate([part if part.dtype.kind == "M" else np.full(len(part), "NaT", "datetime64[us]") for part in parts])
    if column_width(model) > 1 or kinds == {"numbers"}:
        return np.concatenate([_numbers(part, model) for part in parts])
    return np.concatenate(parts) if len(present) == len(parts) else _texts(parts)


def _numbers(part: Column, model: Column) -> NDArray[Any]:
    """Return the numbers of a part, or its blocks of booleans; NaN for a part without any value."""
    return part if part.dtype.kind in "biuf" and part.ndim == model.ndim else np.full((len(part), *model.shape[1:]), np.nan)


def _fields(name: str, parts: Sequence[Any], files: Sequence[str]) -> TextColumn:
    """Return the fields of text files. Raise DataError if one file has numbers alone, and another none."""
    found = [part.contents() for part in parts]
    first = next((index for index, contents in enumerate(found) if contents in ("numbers", "texts")), 0)
    for index, contents in enumerate(found):
        if {contents, found[first]} == {"numbers", "texts"}:
            raise _other_type(name, files[index], contents, files[first], found[first])
    return TextColumn.joined(parts)


def _texts(parts: Sequence[Column]) -> CodedColumn:
    codes, texts = [], list[str | None]()
    for part in parts:
        if all_missing(part):
            codes.append(np.full(len(part), -1))
            continue
        own, known = coded(part) if part.dtype == object else (part.astype(np.intp), ["False", "True"])
        codes.append(own + len(texts))
        texts += known
    return CodedColumn(CodedTexts(np.concatenate(codes), texts))


def _are_flags(part: Column) -> bool:
    return part.dtype.kind == "b" or {text for text in coded(part)[1] if text is not None} <= {"True", "False"}


def all_missing(part: Column) -> bool:
    """Return True for a column without any value."""
    if part.dtype == object:
        return set(coded(part)[1]) <= {None}
    return part.dtype.kind == "f" and part.ndim == 1 and bool(np.isnan(part).all())


def _other_type(name: str, file: str, holds: str, first: str, known: str) -> DataError:
    return data_error(f"the column {name!r} holds {holds} in {file}, but {known} in {first}", file, help=SAME)
