"""Data of several ranks, which one rank of each machine reads and encodes. The others map its arrays into their memory.

The statistics and the bits are then those of one process, and a machine holds one copy of the rows, however many ranks it has.
"""

from __future__ import annotations

import os
import pickle
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mlpkit.data.shards import are_files, first_file, shard_paths
from mlpkit.errors import MLPKitError
from mlpkit.files.open_files import Descriptor, open_elsewhere
from mlpkit.files.paths import expanded
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.preprocessing.raw_rows import own_path
from mlpkit.spec import Spec
from mlpkit.training.ranks import Ranks, present
from mlpkit.workers.shared_arrays import SharedArrays, open_arrays
from mlpkit.workers.shared_objects import as_arrays, from_arrays

BOOT = Path("/proc/sys/kernel/random/boot_id")  # of this run of the machine
UNPICKLED = (TypeError, AttributeError, ImportError, pickle.PickleError)  # of what is not the same in another process
Prepare = Callable[[], Prepared]


class _Place(NamedTuple):
    """Arrays for other processes of the machine: the open file, and the layout of the arrays in it."""

    file: Descriptor
    layout: dict[str, Any]


def prepared_once(spec: Spec, sources: tuple[Any, ...], prepare: Prepare) -> Prepared:
    """Return the data of a run, prepared by one of the ranks on this machine that read the same files; or here, without such ranks.

    Parameters
    ----------
    spec : Spec
    sources : tuple
        What the data come from: rows, validation rows, then others, such as the file of a resumed run. None for those that the spec names
        or that are not given. If one is no path, such as an array, each rank prepares its own.
    prepare : callable
        Reads and encodes the rows.
    """
    ranks = present()
    if ranks is None:
        return prepare()
    found = ranks.exchange.gather(_identity(spec, sources))
    readers = [found.index(each) if each is not None else rank for rank, each in enumerate(found)]
    if len(set(readers)) == ranks.size:
        return prepare()
    return _shared(ranks, readers, prepare)


def _shared(ranks: Ranks, readers: list[int], prepare: Prepare) -> Prepared:
    """Return the data of the reader of this rank. All ranks call it together; what cannot be shared is prepared again.

    Parameters
    ----------
    ranks : Ranks
    readers : list of int
        For each rank the one that prepares its data.
    prepare : callable
    """
    reader, prepared, failure = readers[ranks.rank], None, None
    file: SharedArrays | None = None
    if reader == ranks.rank:
        try:
            prepared = prepare()
            file = _written(prepared) if readers.count(reader) > 1 else None
        except Exception as error:  # raised once the others do not wait any more: they find it themselves
            failure = error
    place = ranks.exchange.gather(None if file is None else _Place(Descriptor.of(file.descriptors[0]), file.place["layout"]))[reader]
    opened = None if place is None else _opened(place)
    ranks.exchange.gather(None)  # until all have opened the files that `prepared` holds
    if file is not None:
        file.close()
    if failure is not None:
        raise failure
    return opened or prepared or prepare()


def _written(prepared: Prepared) -> SharedArrays | None:
    """Return prepared data in a file that other processes can map; None if that is impossible."""
    try:
        file = SharedArrays(as_arrays(prepared))
    except (OSError, *UNPICKLED):  # no space left; a dataset that only libhdf5 reads
        return None
    if not file.descriptors:
        file.close()
        return None
    return file


def _opened(place: _Place) -> Prepared | None:
    """Return the prepared data of another process; None if its file cannot be opened here."""
    try:
        found: Prepared = from_arrays(open_arrays({"file": open_elsewhere(place.file), "layout": place.layout}))
    except (OSError, *UNPICKLED):
        return None
    return found


def _identity(spec: Spec, sources: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return what ranks have in common that prepare the same data on one machine; None if it cannot be known."""
    rows, validation, *others = sources
    try:
        if rows is None and spec.data.path is not None:
            rows = own_path(spec, spec.data.path)
        if validation is None and spec.data.validation is not None:
            validation = own_path(spec, spec.data.validation)
        files = [_files(source) for source in (rows, validation, *others)]
        return platform.node(), BOOT.read_text(), spec.to_dict(), files
    except (OSError, TypeError, ValueError, MLPKitError):  # reported by what reads it; or not Linux
        return None


def _files(source: Any) -> list[tuple[int, ...]] | None:
    """Return device, inode, size and time of the files of a source. Raise TypeError if it is none of files."""
    if source is None:
        return None
    if not are_files(source):
        raise TypeError("the rows are not those of files")
    found = [os.stat(expanded(path)) for path in shard_paths(source, any_suffix=True) or [first_file(source)]]
    return [(file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns) for file in found]
