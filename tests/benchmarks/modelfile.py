"""The model file against other ways to keep arrays: `python -m tests.benchmarks.modelfile [FOLDER]`.

For each size mlpkit and every peer do the same in turn: open by memory map, load everything, save. mlpkit verifies the
structure and the SHA-256 of every array when it loads, and flushes to the disk when it saves; the peers do neither. Each
load must give equal arrays. A large model is loaded in a process of its own each time, as it is in life: a loop would
measure how well memory is used again. Needs the extra `bench`. Files are in the page cache.
"""

import os
import pickle
import statistics
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import safetensors
import safetensors.numpy

from mlpkit.modelfile import Contents, load_arrays, write

SIZES = {  # layers, units: two tensors a layer
    "400 MB, 20 tensors": (10, 3200, 5),
    "400 MB, 100 tensors": (50, 1414, 5),
    "50 MB, 10 tensors": (5, 1581, 9),
    "100 kB, 6 tensors": (3, 90, 201),
}


def arrays_of(layers, units):
    rng = np.random.default_rng(0)
    made = {}
    for index in range(layers):
        made[f"layers.{index}.weight"] = rng.standard_normal((units, units), np.float32)
        made[f"layers.{index}.bias"] = rng.standard_normal(units, np.float32)
    return made


# -- each way: save, load, open by memory map


def save_mlpkit(path, arrays):
    write(path, Contents({"name": "benchmark", "training": {}}, arrays))


def load_mlpkit(path):
    return {name: array for name, array in load_arrays(path).items() if "/" not in name}


def map_mlpkit(path):
    return load_arrays(path, mmap=True, verify="lazy")


def map_safetensors(path):
    with safetensors.safe_open(path, "numpy") as file:
        return list(file.keys())


def save_pickle(path, arrays):
    with open(path, "wb") as file:
        pickle.dump(arrays, file, protocol=5)


def load_pickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def save_npz(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def load_npz(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def save_h5py(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def load_h5py(path):
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def map_h5py(path):
    with h5py.File(path) as file:
        return {name: (file[name].shape, file[name].dtype) for name in file}


def save_keras(path, arrays):
    """The layout of Keras's weights files: a group for each layer, and in it `vars` with numbers for names."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer, kind = name.rsplit(".", 1)
            file[f"layers/{layer}/vars/{int(kind == 'bias')}"] = array


def load_keras(path):
    with h5py.File(path) as file:
        layers = file["layers"]
        return {
            f"{layer}.{kind}": layers[layer]["vars"][str(index)][()] for layer in layers for index, kind in enumerate(("weight", "bias"))
        }


WAYS = {
    "mlpkit": (save_mlpkit, load_mlpkit, map_mlpkit),
    "safetensors": (lambda path, arrays: safetensors.numpy.save_file(arrays, path), safetensors.numpy.load_file, map_safetensors),
    "pickle": (save_pickle, load_pickle, None),
    "npz": (save_npz, load_npz, None),
    "h5py": (save_h5py, load_h5py, map_h5py),
    "Keras's .h5": (save_keras, load_keras, None),
}


def seconds(run, *arguments):
    started = time.perf_counter()
    result = run(*arguments)
    spent = time.perf_counter() - started
    del result
    return spent


def seconds_in_a_child(run, *arguments):
    """The same, in a process that has imported everything but loaded nothing."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, repr(seconds(run, *arguments)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        spent = float(pipe.read())
    os.waitpid(child, 0)
    return spent


def compare(what, size, measure, runs, rounds):
    """Run each way in turn and print the medians and mlpkit's ratio to each."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(measure(*run))
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    for name, median in medians.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(times["mlpkit"], times[name], strict=True))
        print(f"| {size} | {what} | {name} | {1e3 * median:.2f} ms | {ratio:.2f} |", flush=True)


def check(paths, arrays):
    """Every way gives back what was saved."""
    for name, (_, load, _) in WAYS.items():
        found = load(paths[name])
        assert found.keys() == arrays.keys(), name
        assert all(np.array_equal(found[key], array) for key, array in arrays.items()), name
    mapped = map_mlpkit(paths["mlpkit"])
    assert all(np.array_equal(mapped[key], array) for key, array in arrays.items())


def main(folder):
    print(
        f"Python {sys.version.split()[0]}, numpy {np.__version__}, h5py {h5py.__version__}, safetensors {safetensors.__version__}, ", end=""
    )
    print(f"{os.cpu_count()} cores; medians in turn; ratio: mlpkit's time to that of the peer\n")
    print("| model | | way | time | mlpkit's ratio |\n| --- | --- | --- | --- | --- |")
    for size, (layers, units, rounds) in SIZES.items():
        arrays = arrays_of(layers, units)
        paths = {name: str(Path(folder) / f"{index}.bin") for index, name in enumerate(WAYS)}
        compare("save", size, seconds, {name: (way[0], paths[name], arrays) for name, way in WAYS.items()}, min(rounds, 21))
        check(paths, arrays)
        measure = seconds_in_a_child if layers * units**2 > 2**20 else seconds
        compare("load", size, measure, {name: (way[1], paths[name]) for name, way in WAYS.items()}, rounds)
        compare("open by memory map", size, seconds, {name: (way[2], paths[name]) for name, way in WAYS.items() if way[2]}, 101)
        for path in paths.values():
            os.unlink(path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        main(scratch)
