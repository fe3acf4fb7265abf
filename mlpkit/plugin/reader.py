"""Contract of readers of data files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mlpkit.plugin.base import Plugin


class Source(NamedTuple):
    """File to read.

    Attributes
    ----------
    path : str
        Path of an existing file; "-" is stdin, for readers that declare `stdin`.
    columns : collection of str or None
        Columns that will be used; others may be left out. None: all columns.
    allow_large : bool
        True to accept a file that declares much more memory than its size.
    """

    path: str
    columns: Collection[str] | None = None
    allow_large: bool = False


class Reader(Plugin):
    """Reader of a file format. Its name is the suffix of the files without the dot: `parquet` reads x.parquet.

    Readers are looked up when data are read, never when a model is loaded. `data.format` in a spec selects one, with its options.
    An OSError is reported as a file that cannot be read, and a DataError unchanged. Raise DataError for a file of another format.
    """

    kind: ClassVar[str] = "readers"
    stdin: ClassVar[bool] = False  # True if `open` and `batches` accept the path "-"
    compressed: ClassVar[bool] = False  # True if they unpack files such as x.csv.gz, with `mlpkit.data.compression.open_unpacked`
    csv_options: ClassVar[bool] = False  # True if the keys separator, missing, header, encoding and decimal of `data` are its options too

    @abstractmethod
    def open(self, source: Source) -> Any:
        """Return all rows of a file.

        Parameters
        ----------
        source : Source

        Returns
        -------
        table
            A table in any form that mlpkit accepts: a mapping from names to columns, or a table of pandas, polars or Arrow.
        """

    def batches(self, source: Source, rows: int) -> Iterator[Any]:
        """Yield all rows in order, in tables of about `rows` rows, so that a large file needs little memory.

        The default implementation reads the whole file. The parameters are those of `open`.
        """
        yield self.open(source)

    def on_disk(self, source: Source) -> Any:
        """Return the columns without reading them, or None if the format is read into memory; for mlpkit's own readers."""
        return None

    def write_example(self, path: Path) -> None:
        """Write a small file of the format with several rows and columns, for the checks of `mlpkit.testing`."""
        raise NotImplementedError(f"{type(self).__name__} does not define write_example")
