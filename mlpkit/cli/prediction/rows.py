"""Rows of files with their predictions, batch by batch, so that the data may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mlpkit.cli.prediction.options import Options
from mlpkit.cli.predictions import Columns, Format
from mlpkit.data.column_types import numbers
from mlpkit.data.joined_tables import check_columns
from mlpkit.data.readers import iter_tables
from mlpkit.data.sources import reading
from mlpkit.data.table import Table, data_error
from mlpkit.model.model import Model
from mlpkit.text.shown import first_few


class First(NamedTuple):
    """Columns of the first rows, which those after them must have too; rows of JSON lines may lack some.

    Attributes
    ----------
    names : list of str
    source : str
        File of these rows.
    records : bool
        True for JSON lines.
    """

    names: list[str]
    source: str
    records: bool

    @classmethod
    def of(cls, table: Table) -> First:
        """Return those of a table."""
        return cls(list(table.names), table.source, bool(table.records))

    def in_order(self, table: Table) -> Table:
        """Return a table with the columns in this order. Raise DataError if it has others."""
        if not (self.records and table.records):
            check_columns(self.names, table, self.source)
        elif added := [name for name in table.names if name not in self.names]:
            message = f"{table.source} has the key {first_few(added, show=repr)}, which the first rows have not"
            raise data_error(message, table.source, help="write JSON lines, with --format jsonl, whose rows may have keys of their own")
        absent = [name for name in self.names if name not in table.columns]
        return table.with_missing_columns(dict.fromkeys(absent, 1)).select(self.names)


def first_of(model: Model, path: str, options: Options) -> First:
    """Return the columns of the first rows of a file."""
    return First.of(next(_tables(model, path, options)))


def predicted(model: Model, path: str, options: Options, first: First | None = None) -> Iterator[Columns]:
    """Yield the columns to write for the rows of a file, including columns of the data if they are kept.

    Parameters
    ----------
    model : Model
    path : str
    options : Options
    first : First, optional
        Columns of the file whose rows are written before these.

    Raises
    ------
    DataError
        The file cannot be read or predicted, or has other columns than the first.
    """
    format = Format(options.format)
    in_lines = options.keep_columns and bool(format.separator)
    for table in _tables(model, path, options):
        first = first or First.of(table)
        if in_lines or not (first.records and table.records):
            table = first.in_order(table)
        columns = options.predict(model, table)
        kept = _kept(model, table, format) if options.keep_columns else {}
        clash = not kept.keys().isdisjoint(columns)
        yield kept | ({f"predicted_{name}": column for name, column in columns.items()} if clash else columns)


def _tables(model: Model, path: str, options: Options) -> Iterator[Table]:
    """Yield the rows of a file: with all columns if they are kept, else with those of the model."""
    found, needed = reading(model.spec.allowing_large(options.allow_large), path), None
    if model.input_encoder is not None and not options.keep_columns:
        needed = [column.name for column in model.input_encoder.columns]
    if options.keep_columns and Format(options.format).separator:
        found["missing"] = ()  # missing values are written as they are in the data
    return iter_tables(path, rows=options.batch_size, columns=needed, **found)


def _kept(model: Model, table: Table, format: Format) -> Columns:
    """Return the columns of the data: for CSV and TSV as texts of the file, else with the model's numeric columns as numbers."""
    inputs = () if model.input_encoder is None or format.separator else model.input_encoder.columns
    as_numbers = {column.name for column in inputs if column.kind == "number"}
    columns: Columns = {}
    for name in table.names:
        column = numbers(table, name) if name in as_numbers else table[name]
        if column.ndim == 1:
            columns[name] = column
        else:
            columns |= {f"{name}{index}": values for index, values in enumerate(column.T)}
    return columns
