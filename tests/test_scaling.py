"""Work grows in proportion to the columns, the classes, the epochs and the length of a spec: calls and comparisons are counted."""

from __future__ import annotations

import json
from collections import Counter
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.data.csv.header import looks_like_data, named_layout
from mlpkit.data.frames import as_table, unique
from mlpkit.data.readers import read_table
from mlpkit.data.table import Table, missing_columns
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Data, Spec
from mlpkit.spec.class_labels import _distinct
from mlpkit.text import json_text

from .calls import calls
from .sampling import one_in

LAYERS = [{"units": 1, "activation": "sigmoid"}]
BASE = {"network": {"layers": LAYERS}, "loss": "binary_crossentropy", "training": {"epochs": 1}}
MOST = 6  # times the work for four times the size


class Name(str):
    """A name that counts how often it is compared or hashed."""

    work: ClassVar[Counter] = Counter()

    def __eq__(self, other):
        Name.work["compared"] += 1
        return str.__eq__(self, other)

    def __hash__(self):
        Name.work["hashed"] += 1
        return str.__hash__(self)

    def __str__(self):
        return self

    def strip(self, *characters):
        return self


def names(count, form="column {}"):
    return [Name(form.format(index)) for index in range(count)]


def repeated(count):
    return [Name(f"column {index // 2}") for index in range(count)]


def refused(function, *arguments, **options):
    with pytest.raises(mlpkit.MLPKitError):
        function(*arguments, **options)


COMPARING = {
    "classes of a spec": lambda n: _distinct(tuple(names(n))),
    "the header": lambda n: named_layout(names(n), [["1"] * n] * 3, "t.csv", 1, quoted=False),
    "a header of numbers": lambda n: looks_like_data(names(n, "{}.5"), [["1.5"] * n] * 3),
    "a header of texts": lambda n: looks_like_data(names(n), [["a"] * n, ["1"] * n] * 2),
    "a header with repeated names": lambda n: refused(named_layout, repeated(n), [], "t.csv", 1, quoted=False),
    "a header without names": lambda n: named_layout([Name("")] * (n // 2) + names(n // 2), [["1"] * n] * 3, "t.csv", 1, quoted=False),
    "names of a frame": lambda n: unique(names(n)),
    "repeated names of a frame": lambda n: refused(unique, repeated(n)),
    "a table": lambda n: Table(dict.fromkeys(names(n), np.zeros(3))).select(names(n)).take(np.arange(2)),
    "targets and inputs of a spec": lambda n: Data.model_construct(target=tuple(names(n, "t{}")), inputs=tuple(names(n)))._consistent(),
}


@pytest.mark.parametrize("make", COMPARING.values(), ids=COMPARING)
def test_names_are_compared_in_proportion(make):
    work = []
    for size in (500, 2000):
        Name.work.clear()
        make(size)
        work.append(Name.work.total())
    assert 0 < work[1] <= MOST * work[0], work  # the names are looked at, and are not copied to plain ones
    assert work[1] <= 100 * 2000, work


def wide(folder, columns, rows=8):
    path = folder / f"{columns}.csv"
    lines = [",".join([*(f"c{index}" for index in range(columns)), "y"])]
    lines += [",".join([*(f"{index * row % 7}.5" for index in range(columns)), "ab"[row % 2]]) for row in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def spec_of(path, **rest):
    return Spec.model_validate({**BASE, "data": {"path": str(path), "target": "y"}, **rest})


def reading(folder, n):
    path = wide(folder, n)
    return lambda: read_table(path)


def preparing(folder, n):
    spec = spec_of(wide(folder, n), preprocessing={"columns": {f"c{index}": "ignore" for index in range(0, n, 2)}})
    return lambda: prepare(spec)


def using(folder, n):
    path = wide(folder, n)
    model = mlpkit.train(spec_of(path))

    def use():
        model.save(folder / "model.h5")
        mlpkit.load(folder / "model.h5").predict(path)
        mlpkit.inspect(folder / "model.h5")

    return use


def frame(folder, n):
    rows = pd.DataFrame(np.zeros((3, n)), columns=[f"c{index}" for index in range(n)])
    return lambda: as_table(rows)


def classes(folder, n):
    x, y = np.zeros((2 * n, 2)), [f"k{row % n}" for row in range(2 * n)]
    spec = Spec.model_validate({**BASE, "network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy"})
    return lambda: prepare(spec, x, y)


def text_of(n, treatment="ignore"):
    names = [f"c{index}" for index in range(n)]
    data = {"inputs": names, "target": "y"}
    layers = [{"units": 4}] * (n // 20) + LAYERS
    return json.dumps(
        {**BASE, "data": data, "preprocessing": {"columns": dict.fromkeys(names, treatment)}, "network": {"layers": layers}}, indent=1
    )


def absent(folder, n):
    known, missing = [f"c{index}" for index in range(n)], [f"no {index}" for index in range(n)]
    return lambda: missing_columns(missing, known, "t.csv")


def long_spec(folder, n):
    text = text_of(n)
    return lambda: (Spec.from_json(text), json_text.offsets(text))


def wrong_spec(folder, n):
    text = text_of(n, "ignored")
    return lambda: Spec.from_json(text)


def repeated_key(folder, n):
    text = "{" + ",".join(f'"k{index}": {{"a": 1}}' for index in range(n)) + ', "k5": 1}'
    return lambda: Spec.from_json(text)


def history(folder, n):
    model = mlpkit.train({**BASE, "training": {"epochs": n}}, np.eye(4), ["a", "b"] * 2)

    def use():
        model.save(folder / "model.h5")
        mlpkit.load(folder / "model.h5")
        mlpkit.inspect(folder / "model.h5")
        return [epoch.loss for epoch in model.history], len(model.history), model.history[-1]

    return use


def scheduled(folder, n):
    rate = {"type": "reduce_on_plateau", "initial": 0.1, "monitor": "loss", "patience": 10_000}
    spec = {**BASE, "optimizer": {"type": "sgd", "learning_rate": rate}, "training": {"epochs": n}}
    return lambda: mlpkit.train(spec, np.eye(4), ["a", "b"] * 2)


CALLING = {
    "a wide file": reading,
    "its preparation": preparing,
    "its model": using,
    "a wide frame": frame,
    "many classes": classes,
    "columns that are not there": absent,
    "a long spec": long_spec,
    "a long spec that is wrong": wrong_spec,
    "a key twice": repeated_key,
    "many epochs": history,
    "a schedule that reads the history": scheduled,
}


@pytest.mark.filterwarnings("ignore::mlpkit.errors.ConstantColumnWarning")  # there are more columns than rows
@pytest.mark.parametrize("make", one_in(4, CALLING.values()), ids=CALLING)
def test_calls_are_made_in_proportion(tmp_path, make):
    few, many = (calls(make(tmp_path, size)) for size in (200, 800))
    assert many <= MOST * few, (few, many)
