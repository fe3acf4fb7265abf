"""The contract of readers: file formats of data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mlpkit.plugin.base import Plugin


class Source(NamedTuple):
    """A file to read.

    Attributes
    ----------
    path : str
        Of a file that exists; "-" is stdin, for readers that declare `stdin`.
    columns : collection of str or None
        The columns that will be used; others may be left out. None: all.
    allow_large : bool
        True to accept a file that declares far more memory than it has bytes.
    """

    path: str
    columns: Collection[str] | None = None
    allow_large: bool = False


class Reader(Plugin):
    """A file format. Its name is the file's suffix without the dot: `parquet` reads x.parquet.

    A reader is looked up when data are read, never when a model is loaded. `data.format` in a spec names one, with its options.
    OSError and DataError are shown to the user as they are; a file that is not of the format should raise DataError.
    """

    kind: ClassVar[str] = "readers"
    stdin: ClassVar[bool] = False  # whether `open` and `batches` read the path "-"

    @abstractmethod
    def open(self, source: Source) -> Any:
        """Return all rows of a file.

        Parameters
        ----------
        source : Source

        Returns
        -------
        table
            Whatever mlpkit takes for one: a mapping from names to columns, or a table of pandas, polars or Arrow.
        """

    def batches(self, source: Source, rows: int) -> Iterator[Any]:
        """Yield the rows in their order, as tables of about `rows` rows, so that little of a large file is in memory.

        The default reads the file whole. Parameters are those of `open`.
        """
        yield self.open(source)

    def on_disk(self, source: Source) -> Any:
        """Return the columns without reading them, or None for a format that is read into memory; for mlpkit's own readers."""
        return None

    def write_example(self, path: Path) -> None:
        """Write a small file of the format, with several rows and columns, which the checks of `mlpkit.testing` read."""
        raise NotImplementedError(f"{type(self).__name__} defines no write_example")
