"""Files as a spec has them read: one rule for its own, for those of a call and of the command line, in training and after."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlpkit.data.disk.arrays import stored_source
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.readers import FORMATS, open_table, read_table
from mlpkit.data.table import Table
from mlpkit.spec import Spec


def read_source(spec: Spec, source: str | Path, columns: Collection[str] | None = None) -> Table:
    """The rows of a file that a user names, read as those of the spec's own file are.

    Parameters
    ----------
    spec : Spec
    source : str or Path
        A path as it is opened; "-" is stdin.
    columns : collection of str, optional
        Read only these arrays of an NPZ or HDF5 file.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    return read_table(source, columns=columns, **reading(spec, source))


def open_source(spec: Spec, source: Any, columns: Collection[str] | None = None) -> StoredTable | None:
    """The rows of an NPY or HDF5 file, or of what is mapped from one, where they are; None for what is not there.

    Parameters are those of `read_source`; `source` may also be a memory-mapped array, a dataset of h5py or a dictionary of them:
    a dataset that the caller has opened is read wherever its values are, even in other files.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    if isinstance(source, (str, Path)):
        return open_table(source, reading(spec, source)["format"], columns, allow_large=spec.data.allow_large)
    return stored_source(source, spec.data.inputs)


def reading(spec: Spec, source: str | Path) -> dict[str, Any]:
    """The options of `read_table` and `iter_tables` for a file that a user names.

    `data.format` is that of the spec's own file, and so of others with the same ending, or one that says no format.
    """
    data, ending = spec.data, Path(source).suffix.lower()
    other = data.path is not None and ending in FORMATS and ending != Path(data.path).suffix.lower()
    header = None if data.header is True and "header" not in data.model_fields_set else data.header  # true, if it was said, is not doubted
    return {
        "format": None if other else data.format,
        "separator": data.separator,
        "missing": data.missing,
        "header": header,
        "encoding": data.encoding,
        "decimal": data.decimal,
        "allow_large": data.allow_large,
    }
