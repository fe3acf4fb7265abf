"""Built-in readers: CSV, TSV, JSON lines, Parquet, Arrow, NPY, NPZ and HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from mlpkit.data.csv.dialect import Dialect
from mlpkit.data.csv.reader import read_csv
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Table, data_error
from mlpkit.plugin import Reader, Source
from mlpkit.plugin.since import Since
from mlpkit.spec.csv_options import MISSING, Encoding, Header, Missing, check_separator


class CSV(Reader):
    """Comma-separated values; other separators are detected, and encodings and decimal commas are options."""

    since: ClassVar[int] = 5  # the spec schema
    stdin: ClassVar[bool] = True
    compressed: ClassVar[bool] = True
    csv_options: ClassVar[bool] = True
    separator: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(check_separator)] | None = Field(
        None, description="separator between fields; default: detected"
    )
    missing: Missing = Field(
        MISSING, description='texts for missing values in addition to the default ones; {"only": [...]} replaces the default ones'
    )
    header: Header | None = Field(
        None, description="header line; false: there is none; a list sets the names of the columns; true: it may look like a row of data"
    )
    encoding: Encoding = Field("utf-8", description="encoding of the text")
    decimal: Literal[".", ","] = Field(".", description="decimal mark in numbers")

    thousands: Annotated[Literal[",", ".", "'", " ", "_"] | None, Since(8)] = Field(
        None, description="separator of thousands in numbers such as 1,234.5; other texts, such as 12,34, are left as they are"
    )
    comment: Annotated[Annotated[str, Field(min_length=1, max_length=1), AfterValidator(check_separator)] | None, Since(8)] = Field(
        None, description="first character of lines that are comments, outside of quotes"
    )
    skip_rows: Annotated[int, Field(ge=0, strict=True), Since(8)] = Field(
        0, description="lines to leave out at the start, before the header"
    )

    usual: ClassVar[str | None] = None  # separator, found if it is None

    @model_validator(mode="after")
    def _different(self) -> CSV:
        if self.thousands == self.decimal:
            raise ValueError(f"'thousands' and 'decimal' are both {self.decimal!r}: give two different ones")
        return self

    @property
    def dialect(self) -> Dialect:
        """Options for the parser."""
        lines = self.thousands, self.comment, self.skip_rows
        return Dialect(self.separator or self.usual, frozenset(self.missing), self.header, self.encoding, self.decimal, *lines)

    def open(self, source: Source) -> Table:
        return next(read_csv(source.path, self.dialect, allow_large=source.allow_large))

    def batches(self, source: Source, rows: int) -> Iterator[Table]:
        return read_csv(source.path, self.dialect, rows=rows, allow_large=source.allow_large)

    def write_example(self, path: Path) -> None:
        lines = (("name", "size"), ("ann", f"1{self.decimal}5"), ("bob", ""), ("eve", f"2{self.decimal}25"))
        separator = self.separator or self.usual or (";" if self.decimal == "," else ",")
        header = slice(1, None) if self.header is False or isinstance(self.header, tuple) else slice(None)
        path.write_text("".join(f"{separator.join(line)}\n" for line in lines[header]), encoding=self.encoding)


class TSV(CSV):
    """Tab-separated values; another separator is an option."""

    usual: ClassVar[str | None] = "\t"


class JSONLines(Reader):
    """A JSON object per line, a row each: its keys are the columns, and absent keys are missing values."""

    since: ClassVar[int] = 8  # the spec schema
    stdin: ClassVar[bool] = True
    compressed: ClassVar[bool] = True

    def open(self, source: Source) -> Table:
        from mlpkit.data.json_lines import iter_json_lines

        return next(iter_json_lines(source.path, allow_large=source.allow_large))

    def batches(self, source: Source, rows: int) -> Iterator[Table]:
        from mlpkit.data.json_lines import iter_json_lines

        return iter_json_lines(source.path, rows=rows, allow_large=source.allow_large)

    def write_example(self, path: Path) -> None:
        path.write_text('{"name": "ann", "size": 1.5}\n{"name": "bob", "size": null}\n{"name": "eve"}\n', encoding="utf-8")


class _Arrow(Reader):
    """File that pyarrow reads, which is installed with the extra `parquet`."""

    since: ClassVar[int] = 8  # the spec schema
    format: ClassVar[str]

    def open(self, source: Source) -> Table:
        return _arrow_files(source).read_arrow(source.path, self.format, source.columns, source.allow_large)  # type: ignore[no-any-return]

    def batches(self, source: Source, rows: int) -> Iterator[Table]:
        found = _arrow_files(source).iter_arrow(source.path, self.format, rows, source.columns, source.allow_large)
        yield from found


class Parquet(_Arrow):
    """Parquet file. Texts are read as codes, and categorical types of pandas and Arrow are kept."""

    format: ClassVar[str] = "parquet"

    def write_example(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({"name": ["ann", "bob", None], "size": [1.5, None, 2.25]}), path)


class Arrow(_Arrow):
    """File of Arrow: the IPC file and stream formats, and Feather."""

    format: ClassVar[str] = "arrow"

    def write_example(self, path: Path) -> None:
        import pyarrow
        import pyarrow.feather

        pyarrow.feather.write_feather(pyarrow.table({"name": ["ann", "bob", None], "size": [1.5, None, 2.25]}), str(path))


class Excel(Reader):
    """Excel workbook, of which openpyxl reads one sheet: a row of names, then the rows. Formulas have their stored values."""

    since: ClassVar[int] = 8  # the spec schema
    sheet: Annotated[str, Field(min_length=1)] | None = Field(None, description="name of the sheet; needed if there are several")
    skip_rows: Annotated[int, Field(ge=0, strict=True)] = Field(0, description="rows of the sheet above the names")

    def open(self, source: Source) -> Table:
        try:
            from mlpkit.data.excel_file import read_excel
        except ImportError as error:
            message = f"{source.path} is read by openpyxl, which is not installed"
            raise data_error(message, source.path, help='pip install "mlpkit[excel]"; or save the sheet as CSV') from error
        return read_excel(source.path, self.sheet, self.skip_rows, source.allow_large)

    def write_example(self, path: Path) -> None:
        import openpyxl

        book = openpyxl.Workbook()
        for row in [[None]] * self.skip_rows + [["name", "size"], ["ann", 1.5], ["bob", None]]:
            book.active.append(row)
        book.active.title = self.sheet or "rows"
        book.save(path)


def _arrow_files(source: Source) -> Any:
    """Return the module that imports pyarrow. Raise DataError if it is not installed."""
    try:
        from mlpkit.data import arrow_files
    except ImportError as error:
        message = f"{source.path} is read by pyarrow, which is not installed"
        raise data_error(
            message, source.path, help='pip install "mlpkit[parquet]"; or read it with polars and pass the table in Python'
        ) from error
    return arrow_files


class _Arrays(Reader):
    """File of arrays."""

    since: ClassVar[int] = 5  # the spec schema
    format: ClassVar[str]

    def open(self, source: Source) -> Table:
        [table] = self.batches(source, 0)
        return table

    def batches(self, source: Source, rows: int) -> Iterator[Table]:
        from mlpkit.data.array_files import iter_arrays

        return iter_arrays(source.path, self.format, rows=rows or None, columns=source.columns, allow_large=source.allow_large)


class NPY(_Arrays):
    """One array of shape (rows, columns), whose columns are x0, x1 and so on, or with named fields."""

    format: ClassVar[str] = "npy"

    def on_disk(self, source: Source) -> StoredTable | None:
        from mlpkit.data.array_files import open_npy

        return open_npy(source.path)

    def write_example(self, path: Path) -> None:
        import numpy as np

        np.save(path, np.arange(12.0).reshape(4, 3))


class NPZ(_Arrays):
    """Arrays of equal length, each a column or a block of columns of its name."""

    format: ClassVar[str] = "npz"

    def write_example(self, path: Path) -> None:
        import numpy as np

        np.savez(path, a=np.arange(4.0), word=np.array(["x", "y", "x", "y"]))


class HDF5(_Arrays):
    """Datasets of equal length in the root of a file, each a column or a block of columns of its name."""

    format: ClassVar[str] = "hdf5"

    def on_disk(self, source: Source) -> StoredTable | None:
        from mlpkit.data.array_files import open_hdf5

        return open_hdf5(source.path, source.columns, source.allow_large)

    def write_example(self, path: Path) -> None:
        import h5py

        with h5py.File(path, "w") as file:
            file["a"], file["b"] = [1.0, 2.0, 3.0], [4, 5, 6]
