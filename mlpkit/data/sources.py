"""Files read with the options of a spec. The rule is the same for the spec's own file, the files of a call and the command line."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlpkit.data.column_types import numbers
from mlpkit.data.compression import data_suffix
from mlpkit.data.disk.arrays import stored_source
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.readers import FORMATS, iter_tables, open_table, read_csv_bytes, read_table
from mlpkit.data.shards import Paths, are_files, described, first_file
from mlpkit.data.table import Table, UnusableColumn
from mlpkit.data.times import dates
from mlpkit.data.written_numbers import Notation
from mlpkit.errors import DataError
from mlpkit.spec import Spec
from mlpkit.spec.column_treatment import boolean_of, date_of, embed_of
from mlpkit.spec.file_format import CSV_OPTIONS


def read_source(spec: Spec, source: Paths, columns: Collection[str] | None = None) -> Table:
    """Read the rows of a file with the options of the spec's own file.

    Parameters
    ----------
    spec : Spec
    source : str, Path or sequence of them
        Path of a file, or "-" for stdin; or a folder, a glob, or a list of paths, whose files are shards of one table.
    columns : collection of str, optional
        Read only these arrays of an NPZ or HDF5 file.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    return read_table(source, columns=columns, **reading(spec, source))


def read_once(spec: Spec, source: Any) -> Any:
    """Return a source that can be read again: the table if it is stdin, and the source itself otherwise.

    Parameters
    ----------
    spec : Spec
    source : object
        Data of a call; None for those that the spec names.

    Raises
    ------
    DataError
        Stdin cannot be read as a table.
    """
    named = spec.data.path if source is None else source
    return read_source(spec, named) if isinstance(named, (str, Path)) and str(named) == "-" else source


def read_csv_source(spec: Spec, content: bytes) -> Table:
    """Read the content of a CSV file with the options of the spec's own file. Raise DataError if it is no table."""
    options = reading(spec, "-")
    del options["allow_large"]
    return read_csv_bytes(content, **options)


def open_source(spec: Spec, source: Any, columns: Collection[str] | None = None) -> StoredTable | None:
    """Return the rows of an NPY or HDF5 file, or of a memory-mapped array, as a table on disk; None for any other source.

    Parameters are those of `read_source`. `source` may also be a memory-mapped array, an h5py dataset or a dictionary of them.
    A dataset that the caller has opened is read even if its values are in other files.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    if are_files(source):
        return open_table(source, reading(spec, source)["format"], columns, allow_large=spec.data.allow_large)
    return stored_source(source, spec.data.inputs)


def spill_source(spec: Spec, source: Paths, columns: Collection[str] | None = None, texts: Collection[str] = ()) -> StoredTable:
    """Return the rows of files as a table on disk, from a temporary file.

    Parameters and errors are those of `read_source`; numbers in the columns `texts` are kept as texts.
    """
    from mlpkit.data.disk.spill import BATCH, spill

    tables = iter_tables(source, rows=BATCH, columns=columns, **reading(spec, source))
    if spec.data.inputs is None and columns is None:  # columns without a name in the file are inputs only if the spec names them
        tables = (table.select([name for name in table.names if name not in table.unnamed] or table.names) for table in tables)
    labels = spec.data.target or ()
    treatments = spec.preprocessing.columns
    categories = [name for name, treatment in treatments.items() if treatment == "one_hot" or boolean_of(treatment) or embed_of(treatment)]
    expected = dict.fromkeys([*(spec.data.inputs or ()), *treatments])
    tables = _converted(spec, _with_expected(tables, expected), [*labels, *categories])
    found = spill(tables, described(source), labels, {*categories, *texts})
    return replace(found, columns={name: column for name, column in found.columns.items() if expected.get(name, True)})


def _with_expected(tables: Iterator[Table], expected: dict[str, bool | None]) -> Iterator[Table]:
    """Yield tables, the first with all expected columns if rows may lack some. In `expected` those that a row has become True."""
    for index, table in enumerate(tables):
        expected |= dict.fromkeys(expected.keys() & table.columns.keys(), True)
        absent = {name: 1 for name in expected if name not in table} if table.records and not index else {}
        yield table.with_missing_columns(absent) if absent else table


def _converted(spec: Spec, tables: Iterator[Table], others: Collection[str]) -> Iterator[Table]:
    """Yield tables with the numbers of texts with a notation, and the dates of columns that are to be dates, beside other columns.

    There may be more different ones than a table on disk may have different texts. Columns that are ignored are left out.
    """
    missing, split, treatments = spec.data.missing, spec.data.split, spec.preprocessing.columns
    kept = {*others, spec.data.weight, *(split.columns.values() if split else ())}
    units = {name: notation for name, notation in notations(spec).items() if name not in kept}
    days = [name for name, treatment in treatments.items() if date_of(treatment) and name not in kept]
    unused = {
        name: DataError(f"the column {name!r} is not read, because preprocessing.columns.{name} is 'ignore'", help="remove that")
        for name, treatment in treatments.items()
        if treatment == "ignore" and name not in kept
    }
    for table in tables:
        written = table.with_units(units)
        found: dict[str, Any] = {name: numbers(written, name, missing) for name in units if name in table and name not in unused}
        found |= {name: dates(table, name, missing) for name in days if name in table}
        found |= {name: UnusableColumn(table.rows, error) for name, error in unused.items() if name in table}
        part = copy.copy(table)
        part.columns = {**table.columns, **found}
        yield part


def reading(spec: Spec, source: Paths) -> dict[str, Any]:
    """Return the options of `read_table` and `iter_tables` for a file that a user names.

    `data.format` is the format of the spec's own file. It applies to other files with the same suffix or with an unknown one.
    """
    data, ending = spec.data, data_suffix(first_file(source))
    other = data.path is not None and ending in FORMATS and ending != data_suffix(first_file(data.path))
    of_csv = {key: getattr(data, key) for key in CSV_OPTIONS}
    return {"format": None if other else data.format, **of_csv, "allow_large": data.allow_large}


def notations(spec: Spec) -> dict[str, Notation]:
    """Return the notations of numbers in `data.units`, by column."""
    decimal = spec.data.decimal
    return {name: Notation(unit.unit, unit.decimal or decimal, unit.magnitudes) for name, unit in spec.data.units.items()}
