"""HDF5 files of data. Only the bytes of the file itself are read.

Links are not followed. A dataset is not read if its values are in another file, come from other datasets, or need a filter for
which HDF5 would load a library.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpkit.data.disk.block_reader import unreadable
from mlpkit.data.size_limits import check_claim, claimed
from mlpkit.data.table import data_error
from mlpkit.errors import DataError
from mlpkit.files.signatures import recognised
from mlpkit.text.column_names import same_form

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}  # built into h5py
INSIDE = "copy the values into plain datasets of the file: h5repack, or file.create_dataset(NAME, data=values) with h5py"
COMPRESSION = 'compress with "gzip" or "lzf", or not at all'


@contextmanager
def hdf5_errors(path: str | Path) -> Iterator[None]:
    """Convert h5py's errors about a file to DataError."""
    try:
        yield
    except (FileNotFoundError, PermissionError, DataError):
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise unreadable(str(path), error) from error


def open_file(path: str | Path) -> Any:
    """Open an HDF5 file. Raise DataError if it has another format."""
    import h5py

    with open(path, "rb") as stream:
        head = stream.read(2**12)
    if not head:
        raise data_error(f"{path} is empty", str(path), help="copy or download it again")
    if found := recognised(head):
        raise data_error(f"{path} is {found.name}", str(path), help=found.help)
    with hdf5_errors(path):
        return h5py.File(path, "r")


def chosen_datasets(file: Any, path: str | Path, columns: Collection[str] | None, allow_large: bool) -> Mapping[str, Any]:
    """Return the datasets of a file by path, without scalars. String datasets are decoded.

    If any of `columns` is in the file, only these datasets are returned.

    Raises
    ------
    DataError
        A dataset would be read from elsewhere, or the datasets declare too much memory.
    """
    import h5py

    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    with hdf5_errors(path):
        file.visititems(visit)
        forms = {same_form(name): name for name in found}
        wanted = [forms[same_form(name)] for name in columns or () if same_form(name) in forms]
        _check_links(file, path, [name for name in columns or () if same_form(name) not in forms])
        chosen = {}
        for name in wanted or found:
            _check_dataset(found[name], name, path)
            if found[name].ndim:
                chosen[name] = found[name].asstr() if h5py.check_string_dtype(found[name].dtype) else found[name]
        check_claim(path, sum(_claim(found[name]) for name in chosen), allow_large)
    return chosen


def _check_dataset(dataset: Any, name: str, path: str | Path) -> None:
    """Raise DataError for a dataset whose values are not in the file itself.

    Its shape is not read before the check, because that may open other files.
    """
    from h5py import h5d

    options = dataset.id.get_create_plist()
    problem, help = "", INSIDE
    if options.get_layout() == h5d.VIRTUAL:
        problem = "is virtual: its values come from other datasets or files"
    elif options.get_external_count():
        problem = "has its values in another file"
    else:
        codes = [options.get_filter(index)[0] for index in range(options.get_nfilters())]
        if unknown := [code for code in codes if code not in FILTERS]:
            problem, help = f"needs the filter {unknown[0]}, which HDF5 would load from a library", COMPRESSION
    if problem:
        raise data_error(f"the dataset {name!r} of {path} {problem}", str(path), help=help)


def _check_links(file: Any, path: str | Path, names: Collection[str]) -> None:
    """Raise DataError for a column name whose path goes through a link."""
    import h5py

    for name in names:
        group = file
        for part in name.split("/"):
            link = group.get(part, getlink=True) if part and isinstance(group, h5py.Group) else None
            if isinstance(link, (h5py.SoftLink, h5py.ExternalLink)):
                goal = "another file" if isinstance(link, h5py.ExternalLink) else "another object"
                raise data_error(f"the column {name!r} of {path} is a link to {goal}, and links are not followed", str(path), help=INSIDE)
            if link is None:
                break
            group = group[part]


def _claim(dataset: Any) -> int:
    """Return the bytes of all values, or of a single chunk if that is larger."""
    chunk = dataset.chunks or ()
    return max(claimed(dataset.shape, dataset.dtype.itemsize), claimed(chunk, dataset.dtype.itemsize) if chunk else 0)
