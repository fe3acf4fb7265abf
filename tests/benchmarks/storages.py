"""Ways to keep arrays in a file: to save them, to load them all, and to open the file by memory map where it can be done."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from mlpkit.modelfile.array_loading import load_arrays
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.writer import write

Arrays = Mapping[str, np.ndarray]


class Storage(NamedTuple):
    """One way; `map` gives what can be had without reading the numbers."""

    save: Callable[[str, Arrays], object]
    load: Callable[[str], Any]
    map: Callable[[str], Any] | None = None


def save_mlpkit(path: str, arrays: Arrays) -> None:
    write(path, Contents({"name": "benchmark", "training": {}}, dict(arrays)))


def map_mlpkit(path: str) -> Arrays:
    return load_arrays(path, mmap=True, verify="lazy")


def save_safetensors(path: str, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    save_file(dict(arrays), path)


def load_safetensors(path: str) -> Arrays:
    from safetensors.numpy import load_file

    return load_file(path)


def map_safetensors(path: str) -> list[str]:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        return list(file.keys())


def save_pickle(path: str, arrays: Arrays) -> None:
    with open(path, "wb") as file:
        pickle.dump(arrays, file, protocol=5)


def load_pickle(path: str) -> Arrays:
    with open(path, "rb") as file:
        return pickle.load(file)


def save_npz(path: str, arrays: Arrays) -> None:
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def load_npz(path: str) -> Arrays:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def save_h5py(path: str, arrays: Arrays) -> None:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def load_h5py(path: str) -> Arrays:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def map_h5py(path: str) -> dict[str, object]:
    with h5py.File(path) as file:
        return {name: (file[name].shape, file[name].dtype) for name in file}


def save_keras(path: str, arrays: Arrays) -> None:
    """The layout of Keras's weights files: a group for each layer, and in it `vars` with numbers for names."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer, kind = name.rsplit(".", 1)
            file[f"layers/{layer}/vars/{int(kind == 'bias')}"] = array


def load_keras(path: str) -> Arrays:
    with h5py.File(path) as file:
        layers = file["layers"]
        return {
            f"{layer}.{kind}": layers[layer]["vars"][str(index)][()] for layer in layers for index, kind in enumerate(("weight", "bias"))
        }


STORAGES = {
    "mlpkit": Storage(save_mlpkit, load_arrays, map_mlpkit),
    "safetensors": Storage(save_safetensors, load_safetensors, map_safetensors),
    "pickle": Storage(save_pickle, load_pickle),
    "npz": Storage(save_npz, load_npz),
    "h5py": Storage(save_h5py, load_h5py, map_h5py),
    "Keras's .h5": Storage(save_keras, load_keras),
}
if importlib.util.find_spec("safetensors") is None:
    del STORAGES["safetensors"]
