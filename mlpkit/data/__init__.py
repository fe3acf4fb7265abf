"""From files, frames and arrays to tables, and from tables to what the engine trains on."""

from typing import TYPE_CHECKING

from mlpkit.lazy import lazy

if TYPE_CHECKING:
    from mlpkit.data.dataset import Dataset
    from mlpkit.data.encoded import StoredDataset, StoredInputs
    from mlpkit.data.frames import as_table
    from mlpkit.data.readers import iter_tables, read_table
    from mlpkit.data.sources import open_source, read_source, reading
    from mlpkit.data.stored import StoredTable
    from mlpkit.data.table import Table

if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of the package's
    __getattr__ = lazy(
        __name__,
        {
            "dataset": ("Dataset",),
            "encoded": ("StoredDataset", "StoredInputs"),
            "frames": ("as_table",),
            "readers": ("iter_tables", "read_table"),
            "sources": ("open_source", "read_source", "reading"),
            "stored": ("StoredTable",),
            "table": ("Table",),
        },
    )

__all__ = [
    "Dataset",
    "StoredDataset",
    "StoredInputs",
    "StoredTable",
    "Table",
    "as_table",
    "iter_tables",
    "open_source",
    "read_source",
    "read_table",
    "reading",
]
