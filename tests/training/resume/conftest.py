"""A small run with all that a run can have, and the ways to stop it and to go on."""

import copy
import itertools

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.model.model import Model
from mlpkit.model.train import prepare_for, resumed
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

SPEC = {  # 18 rows train: three batches of 5 and a rest of 3
    "seed": 3,
    "data": {"target": "y", "weight": "w", "split": {"validation": 0.25}},
    "network": {
        "layers": [
            {"units": 3, "activation": "relu", "normalization": "batch", "dropout": 0.3},
            {"units": 3, "activation": "tanh", "dropout": 0.2},
            {"units": 1},
        ]
    },
    "loss": "mse",
    "optimizer": {"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.3}},
    "training": {"epochs": 3, "batch_size": 5, "early_stopping": {"patience": 3}},
    "metrics": ["r2"],
}


@pytest.fixture(scope="session")
def table():
    """24 rows with the columns a, b, c, y and w."""
    rng = np.random.default_rng(17)
    found = pd.DataFrame({"a": rng.standard_normal(24), "b": rng.standard_normal(24), "c": rng.choice(["x", "y"], 24)})
    found["y"] = found["a"] * 2 + (found["c"] == "x") + 0.1 * rng.standard_normal(24)
    found["w"] = rng.uniform(0.5, 2, 24)
    return found


@pytest.fixture(scope="session")
def spec_with():
    """The spec with other values at paths such as training__epochs or network__layers__0__units."""

    def spec_with(**changes):
        spec = copy.deepcopy(SPEC)
        for path, value in changes.items():
            *parents, last = [int(name) if name.isdecimal() else name for name in path.split("__")]
            part = spec
            for name in parents:
                part = part[name]
            part[last] = value
        return spec

    return spec_with


@pytest.fixture(scope="session")
def fitted(table):
    """An untrained model for rows."""

    def fitted(spec, rows=table, validation=None):
        spec = Spec.model_validate(spec)
        return Model.for_data(spec, prepare(spec, rows, validation=validation))

    return fitted


@pytest.fixture(scope="session")
def run_until(table, fitted):
    """Train, or go on, until so many steps are taken, and save a file to go on from."""

    def run_until(spec, steps, path, rows=table, resume=None):
        if resume is None:
            model = fitted(spec, rows)
        else:
            model, _ = resumed(Spec.model_validate(spec), resume)
        prepared = prepare_for(model, rows, resume=resume is not None)
        asked = itertools.count()
        for _ in model.epochs(prepared, stop=lambda: next(asked) == steps, resume=resume is not None):
            pass
        model.save(path, training_state=True)
        return model

    return run_until


@pytest.fixture(scope="session")
def saved():
    """The bytes of a model's file."""

    def saved(model, path):
        model.save(path)
        return path.read_bytes()

    return saved


@pytest.fixture(scope="session")
def assert_goes_on(table, run_until, saved):
    """Stop after each of some numbers of steps in turn, and compare the file in the end with that of the unbroken run."""

    def assert_goes_on(spec, steps, folder, rows=table, expected=None):
        expected = expected or saved(mlpkit.train(spec, rows), folder / "unbroken.h5")
        source = None
        for number, part in enumerate(steps):
            target = folder / f"part{number}.h5"
            run_until(spec, part, target, rows, source)
            source = target
        assert saved(mlpkit.train(spec, rows, resume=source), folder / "resumed.h5") == expected

    return assert_goes_on


@pytest.fixture(scope="session")
def names():
    """The names of the files in a folder, sorted."""
    return lambda folder: sorted(path.name for path in folder.iterdir())
