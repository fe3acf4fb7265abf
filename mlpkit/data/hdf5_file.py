"""HDF5 files of data. Only the bytes of the file itself are read: no link is followed, and no dataset is read whose values are in
another file, come from other datasets, or need a filter that HDF5 would load a library for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpkit.data.disk.block_reader import unreadable
from mlpkit.data.size_limits import check_claim, claimed
from mlpkit.data.table import data_error
from mlpkit.files.signatures import recognised
from mlpkit.text.column_names import same_form

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}  # built into h5py
INSIDE = "copy the values into plain datasets of the file: h5repack, or file.create_dataset(NAME, data=values) with h5py"
COMPRESSION = 'compress with "gzip" or "lzf", or not at all'


@contextmanager
def hdf5_errors(path: str | Path) -> Iterator[None]:
    """Raise h5py's errors about a file as a DataError."""
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise unreadable(str(path), error) from error


def open_file(path: str | Path) -> Any:
    """The open file; DataError when it is no HDF5 file."""
    import h5py

    with open(path, "rb") as stream:
        head = stream.read(2**12)
    if not head:
        raise data_error(f"{path} is empty", str(path), help="copy or download it again")
    if found := recognised(head):
        raise data_error(f"{path} is {found.what}", str(path), help=found.help)
    with hdf5_errors(path):
        return h5py.File(path, "r")


def chosen_datasets(file: Any, path: str | Path, columns: Collection[str] | None, allow_large: bool) -> Mapping[str, Any]:
    """The datasets of a file that are no scalars, by their paths; only `columns` if any of them is there. Texts are decoded.

    Raises
    ------
    DataError
        One of them would be read from elsewhere, or they claim more memory than they may.
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
    """Raise DataError for a dataset that is read from elsewhere; its shape is not asked for before, which may open other files."""
    from h5py import h5d

    options = dataset.id.get_create_plist()
    what, help = "", INSIDE
    if options.get_layout() == h5d.VIRTUAL:
        what = "is virtual: its values come from other datasets or files"
    elif options.get_external_count():
        what = "has its values in another file"
    else:
        codes = [options.get_filter(index)[0] for index in range(options.get_nfilters())]
        if unknown := [code for code in codes if code not in FILTERS]:
            what, help = f"needs the filter {unknown[0]}, which HDF5 would load from a library", COMPRESSION
    if what:
        raise data_error(f"the dataset {name!r} of {path} {what}", str(path), help=help)


def _check_links(file: Any, path: str | Path, names: Collection[str]) -> None:
    """Raise DataError for a name that leads through a link to somewhere else."""
    import h5py

    for name in names:
        group = file
        for part in name.split("/"):
            link = group.get(part, getlink=True) if part and isinstance(group, h5py.Group) else None
            if isinstance(link, (h5py.SoftLink, h5py.ExternalLink)):
                what = "another file" if isinstance(link, h5py.ExternalLink) else "another place"
                raise data_error(f"the column {name!r} of {path} is a link to {what}, and links are not followed", str(path), help=INSIDE)
            if link is None:
                break
            group = group[part]


def _claim(dataset: Any) -> int:
    """The bytes of all values, or of a single chunk if that has more."""
    chunk = dataset.chunks or ()
    return max(claimed(dataset.shape, dataset.dtype.itemsize), claimed(chunk, dataset.dtype.itemsize) if chunk else 0)
