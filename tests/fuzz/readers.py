"""Readers for mutants: mlpkit's complete reader and, to show that faults are found, readers with a planted fault."""

from __future__ import annotations

import ctypes
import itertools
import os
import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mlpkit
from mlpkit.errors import MLPKitError, ModelFileError, PluginError
from mlpkit.model.inspection import inspect
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.reader import from_bytes

from .golden import ROWS

NOT_OF_THE_FILE = "it cannot be read:"  # what an OSError or a ValueError of any other cause becomes
REFUSALS = (ModelFileError, PluginError)
load = partial(mlpkit.load, allow_surrogate=True)  # through tables too: the plugin of one golden file is nowhere installed
SAMPLE = 8  # of so many files one is read in the other ways too, which begin with the same steps


def mlpkit_reader(data: bytes, path: Path) -> Contents:
    """Read a file, one of some in every way that there is; its contents when all is well.

    Raises
    ------
    ModelFileError, PluginError
        It was refused.
    AssertionError
        Two ways do not agree.
    """
    in_all_ways = zlib.crc32(data) % SAMPLE == 0
    try:
        model = load(path)
    except REFUSALS as error:
        if in_all_ways or NOT_OF_THE_FILE in str(error):
            refuse_in_other_ways(path, error)
        raise
    contents = from_bytes(data)
    assert_same(contents.tensors, model.network.parameters.views)
    use(model)
    if in_all_ways:
        take_in_other_ways(path, contents)
    return contents


def take_in_other_ways(path: Path, contents: Contents) -> None:
    """Check that all readers accept what `load` accepts, with the same contents."""
    inspect(path)
    for model in (load(path, mmap=True), load(path, mmap=True, verify="lazy")):
        assert_same(contents.tensors, model.network.parameters.views)
    for arrays in (mlpkit.load_arrays(path), mlpkit.load_arrays(path, mmap=True), mlpkit.load_arrays(path, mmap=True, verify="lazy")):
        assert_same(contents.tensors, {name: arrays[name] for name in contents.tensors})
        assert_same(contents.history, {name: arrays[f"history/{name}"] for name in contents.history})


def refuse_in_other_ways(path: Path, error: Exception) -> None:
    """Check that `load` refuses the same file when it maps it; readers that check less may accept or refuse it, but not fail."""
    assert NOT_OF_THE_FILE not in str(error), error
    assert refusal(lambda: load(path, mmap=True)) is not None, error
    refusal(lambda: load(path, mmap=True, verify="lazy").network)
    refusal(lambda: dict(mlpkit.load_arrays(path, mmap=True, verify="lazy")))
    refusal(lambda: mlpkit.load_arrays(path))
    refusal(lambda: inspect(path))


def refusal(read: Callable[[], Any]) -> Exception | None:
    """The error by which a file is refused."""
    try:
        read()
    except REFUSALS as error:
        return error
    return None


def assert_same(expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Equal names, dtypes, shapes and bits."""
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        other = found[name]
        assert (array.dtype, array.shape, array.tobytes()) == (other.dtype, other.shape, other.tobytes()), name


def use(model: mlpkit.Model) -> None:
    """Predict, and go on with its training when it can; that rows do not fit is an error of mlpkit's."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model.network.predict(np.zeros((2, model.spec.network.inputs), model.spec.dtype))
        with suppress(MLPKitError):
            model.predict(_row(model))
        if model.training_state is not None:
            with suppress(MLPKitError):
                next(mlpkit.epochs(model, ROWS, resume=True), None)


def _row(model: mlpkit.Model) -> Any:
    """A row as the model was trained on."""
    if model.input_encoder is None:
        return np.zeros((1, model.spec.network.inputs))
    columns = model.input_encoder.columns
    return {column.name: _value(column) for column in columns}


def _value(column: Any) -> Any:
    if column.kind == "category":
        return [next(iter(column.categories), None)]
    if column.kind == "date":
        return ["2024-03-01T12:30"]
    return np.zeros((1, column.width)) if column.width > 1 else [0.0]


# -- readers with a fault, which comes with the tenth file that a process reads

CALLS = itertools.count(1)


def _is_tenth() -> bool:
    return next(CALLS) % 10 == 0


def loops(data: bytes, path: Path) -> Contents:
    faulty = _is_tenth()
    while faulty:
        pass
    return mlpkit_reader(data, path)


def sleeps(data: bytes, path: Path) -> Contents:
    if _is_tenth():
        time.sleep(3600)
    return mlpkit_reader(data, path)


def raises(data: bytes, path: Path) -> Contents:
    return {}["key"] if _is_tenth() else mlpkit_reader(data, path)


def warns(data: bytes, path: Path) -> Contents:
    if _is_tenth():
        warnings.warn("of something", RuntimeWarning, stacklevel=2)
    return mlpkit_reader(data, path)


def allocates(data: bytes, path: Path) -> Contents:
    if _is_tenth():
        bytearray(2**30)
    return mlpkit_reader(data, path)


def dies(data: bytes, path: Path) -> Contents:
    if _is_tenth():
        ctypes.string_at(0)
    return mlpkit_reader(data, path)


def opens(data: bytes, path: Path) -> Contents:
    if _is_tenth():
        open(os.devnull).close()
    return mlpkit_reader(data, path)


def differs(data: bytes, path: Path) -> Contents:
    """Other arrays than the file has, in every file that is taken."""
    contents = mlpkit_reader(data, path)
    return replace(contents, tensors={name: array + 1 for name, array in contents.tensors.items()})


PLANTED = (loops, sleeps, raises, warns, allocates, dies, opens, differs)
READERS = {"mlpkit": mlpkit_reader, **{reader.__name__: reader for reader in PLANTED}}
