"""Reader of the files of Keras, .keras and HDF5, run in a process of its own with limits: libhdf5 is not made for files of strangers.

Only the description of the layers, as JSON, and their arrays are read. Nothing is executed, and no link is followed.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from math import prod
from typing import Any

from mlpkit.errors import Corrupt, MLPKitError, ModelFileError, NotAModelFile, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import MAX_JSON_BYTES, MAX_RANK
from mlpkit.modelfile.hdf5.superblock import SIGNATURE
from mlpkit.modelfile.strict_json import decode
from mlpkit.text.shown import shortened
from mlpkit.workers.job import Job

MEMORY, SECONDS = 2 * 2**30, 10  # limits of the process, besides those by the size of the file
EXPANSION = 20  # most bytes of arrays for each byte of the file: weights hardly compress
SLACK = 2**20
FILTERS = {1, 2, 3}  # deflate, shuffle and checksums
WHOLE = "save the whole model: model.save('model.keras')"
FAILURES = (
    OverflowError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    MemoryError,
    AttributeError,
    EOFError,
    NotImplementedError,
)


def read(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Return the description of a model with the place of each array, and the bytes of all arrays.

    Raises
    ------
    ModelFileError
        The file is no whole model of Keras, is damaged, or has parts that are refused.
    """
    os.environ["HDF5_PLUGIN_PRELOAD"] = "::"  # no filters from shared libraries
    import h5py

    for encoding in ("ascii", "cp437", "utf-8"):  # loaded before the limits, which keep files from being opened
        codecs.lookup(encoding)
    _limit(len(data))
    try:
        if data[:4] == b"PK\x03\x04":
            config, version, inner = _unzipped(data)
            with h5py.File(BytesIO(inner), "r") as file:
                arrays = [list(_in_groups(file, group, len(inner))) for group in _groups(config)]
        elif data[:8] == SIGNATURE:
            with h5py.File(BytesIO(data), "r") as file:
                config, version = _described(file, len(data))
                arrays = [list(_named(file, str(layer["config"]["name"]), len(data))) for layer in layers_of(config)]
        else:
            raise NotAModelFile("it is neither a .keras file nor HDF5", help=WHOLE)
    except MLPKitError:
        raise
    except (*FAILURES, zipfile.BadZipFile) as error:
        what = "it needs too much memory" if isinstance(error, MemoryError) else "it cannot be read"
        raise Corrupt(f"{what}: {shortened(str(error)) or type(error).__name__}", help="save it again") from error
    return _packed(config, version, arrays)


def _packed(config: Any, version: str, arrays: Sequence[Sequence[Any]]) -> tuple[dict[str, Any], bytes]:
    places, pieces, start = [], [], 0
    for own in arrays:
        listed = []
        for array in own:
            listed.append([array.dtype.str, list(array.shape), start])
            pieces.append(array.tobytes())
            start += array.nbytes
        places.append(listed)
    return {"config": config, "version": version, "arrays": places}, b"".join(pieces)


def _limit(size: int) -> None:
    """Limit the memory and the time of this process, and keep it from opening files. Some systems have no such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY + 6 * size,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + size // 2**24,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SLACK, SLACK))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _unzipped(data: bytes) -> tuple[Any, str, bytes]:
    """Return the description, the version of Keras and the HDF5 part of a .keras file."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = [each.filename for each in archive.infolist()]
        for wanted in ("config.json", "model.weights.h5"):
            if names.count(wanted) != 1:
                raise ModelFileError(f"it has {names.count(wanted)} parts {wanted!r}, not one", help=WHOLE)
        config = decode(_member(archive, "config.json", MAX_JSON_BYTES), "its config.json")
        known = decode(_member(archive, "metadata.json", SLACK), "its metadata.json") if "metadata.json" in names else {}
        return config, str(known.get("keras_version", "3")), _member(archive, "model.weights.h5", EXPANSION * len(data) + SLACK)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a part of an archive. Raise ModelFileError if it is larger than `most` or of another kind."""
    entry = archive.getinfo(name)
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unsafe(f"its part {name!r} is encrypted or compressed in an unusual way", help="save it again")
    with archive.open(entry) as stream:
        found = stream.read(most + 1)
    if len(found) > most:
        raise ResourceLimit(f"its part {name!r} has more than {most} bytes")
    return found


def layers_of(config: Any) -> list[dict[str, Any]]:
    """Return the descriptions of the layers. Raise ModelFileError if the model is not a valid Sequential or Functional one."""
    kind = config.get("class_name") if isinstance(config, dict) else None
    if kind not in ("Sequential", "Functional", "Model"):
        message = f"the model is of the class {shortened(str(kind), 60)!r}, not Sequential or Functional"
        raise ModelFileError(
            message, help="a subclassed model has no list of layers: build it with keras.Sequential, or pass its weights to from_arrays"
        )
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner if kind == "Sequential" else None  # a list in old files
    if not isinstance(layers, list):
        raise Corrupt("its description has no list of layers")
    for layer in layers:
        own = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(own, dict) or not isinstance(layer.get("class_name"), str) or not isinstance(own.get("name"), str):
            raise Corrupt("its description has a layer without a class and a name")
    return layers


def _groups(config: Any) -> list[str]:
    """Return the group of the weights of each layer, which a .keras file names by its class and its number among those."""
    seen: Counter[str] = Counter()
    found = []
    for layer in layers_of(config):
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", layer["class_name"]))
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def _in_groups(file: Any, group: str, size: int) -> Iterator[Any]:
    """Yield the arrays of a layer in a .keras file."""
    layers = _member_of(file, "layers") or _member_of(file, "_layer_checkpoint_dependencies")  # its name before Keras 3
    own = _member_of(_member_of(layers, group), "vars")
    for index in range(len(own) if own is not None else 0):
        dataset = _member_of(own, str(index))
        if dataset is None:
            raise Corrupt(f"the weights of {shortened(group)!r} are not numbered from 0")
        yield _array(dataset, f"{group}/{index}", size)


def _described(file: Any, size: int) -> tuple[Any, str]:
    """Return the description of the layers in an HDF5 file, and the version of Keras."""
    if "model_config" not in file.attrs:
        problem = (
            "it has weights, but no description of the layers"
            if "layer_names" in file.attrs or "layers" in file
            else "it is no model of Keras"
        )
        raise NotAModelFile(problem, help=WHOLE)
    version = _texts(file, "keras_version", size) if "keras_version" in file.attrs else ["2"]
    text = "".join(_texts(file, "model_config", size))
    return decode(text.encode(), "its model_config"), "".join(version)


def _named(file: Any, layer: str, size: int) -> Iterator[Any]:
    """Yield the arrays of a layer in an HDF5 file."""
    group = _at(_member_of(file, "model_weights"), layer)
    for name in [] if group is None else _texts(group, "weight_names", size):
        found = _at(group, name)
        if found is None:
            raise Corrupt(f"it lacks the weight {shortened(name)!r}")
        yield _array(found, name, size)


def _texts(owner: Any, name: str, size: int) -> list[str]:
    """Return the texts of an attribute; a long list is kept in parts, name0, name1 and so on."""
    names = [name] if name in owner.attrs else [each for index in range(1000) if (each := f"{name}{index}") in owner.attrs]
    found: list[str] = []
    for each in names:
        attribute = owner.attrs.get_id(each)
        if len(attribute.shape) > 1 or 0 in attribute.shape:
            continue  # a list without texts is an empty array of numbers
        if attribute.get_storage_size() > size:
            raise ResourceLimit(f"the attribute {each!r} is larger than the file")
        value = owner.attrs[each]
        values = [value] if isinstance(value, (str, bytes)) else list(value)
        found += [text.decode() if isinstance(text, bytes) else str(text) for text in values]
    return found


def _member_of(group: Any, name: str) -> Any:
    """Return a member of a group, None if there is none. Raise Unsafe for a link other than a plain one."""
    import h5py

    link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None  # "in" would follow it
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise Unsafe(f"{shortened(name)!r} is a link, which is not followed", help="save the model again")
    return group[name]


def _at(group: Any, path: str) -> Any:
    """Return what is at a path in a group, None if there is nothing."""
    for name in path.split("/"):
        group = _member_of(group, name) if name else None
    return group


def _array(dataset: Any, name: str, size: int) -> Any:
    """Return the array of a dataset. Raise ModelFileError if its bytes are elsewhere, or are far more than those of the file."""
    import h5py
    import numpy as np

    if not isinstance(dataset, h5py.Dataset):
        raise Corrupt(f"{shortened(name)!r} is no array")
    created = dataset.id.get_create_plist()
    if created.get_external_count() or dataset.is_virtual:
        raise Unsafe(f"{shortened(name)!r} has its data in other files", help="save the model again")
    if not {created.get_filter(index)[0] for index in range(created.get_nfilters())} <= FILTERS:
        raise Unsafe(f"{shortened(name)!r} is compressed by an unusual filter", help="save the model again")
    if dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8 or dataset.shape is None or len(dataset.shape) > MAX_RANK:
        raise ModelFileError(f"{shortened(name)!r} has values of type {shortened(str(dataset.dtype), 60)}, not numbers")
    if max(dataset.size, prod(dataset.chunks or ())) * dataset.dtype.itemsize > EXPANSION * size + SLACK:
        raise ResourceLimit(f"{shortened(name)!r} has the shape {dataset.shape}, or chunks, far larger than the file")
    return np.ascontiguousarray(dataset[()])
