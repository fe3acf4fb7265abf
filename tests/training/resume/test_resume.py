"""A run that is stopped anywhere and goes on ends with the same file, byte for byte, as one that was not."""

import json
import math
import os
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, Metric, Optimizer
from mlpkit.spec import Spec

from ...builtins import OPTIONS, written
from ...sampling import one_in

NAMES = [info.full_name for info in mlpkit.plugins("optimizers")]
OPTIMIZERS = [name if ("optimizers", name) not in OPTIONS else written("optimizers", name) for name in NAMES] + [
    {"type": "sgd", "momentum": 0.9},
    {"type": "sgd", "momentum": 0.5, "nesterov": True},
    {"type": "adam", "amsgrad": True},
    {"type": "adam", "beta1": 0.5, "learning_rate": {"type": "step", "initial": 0.1, "every": 1}},
    {"type": "adam", "learning_rate": {"type": "reduce_on_plateau", "initial": 0.1, "patience": 0, "threshold": 0.9}},
]


STEADY = {"network__layers__0__dropout": 0.0, "network__layers__0__normalization": "layer", "network__layers__1__dropout": 0.0}


@pytest.mark.parametrize(
    "optimizer", one_in(12, OPTIMIZERS), ids=lambda entry: json.dumps(entry).translate({34: None, 123: None, 125: None})
)
def test_stopped_anywhere_with_any_optimizer(table, spec_with, saved, assert_goes_on, optimizer, tmp_path):
    cls = REGISTRIES["optimizers"].get(optimizer if isinstance(optimizer, str) else optimizer["type"])
    steady = STEADY if cls.scope == "problem" else {}  # it takes no loss that changes by itself
    size, stops = (None, 2) if cls.full_batch else (5, 8)
    if getattr(cls, "uses_jacobian", False):  # two passes in an epoch, at least
        steady, stops = {**STEADY, "network__layers__0__normalization": None}, 4
    spec = spec_with(optimizer=optimizer, training__epochs=2, training__batch_size=size, **steady)
    expected = saved(mlpkit.train(spec, table), tmp_path / "unbroken.h5")
    for steps in range(stops):
        assert_goes_on(spec, [steps], tmp_path, expected=expected)


class Tensorwise(Optimizer):
    """A rule of tensors with an array and a scalar."""

    scope: ClassVar[str] = "tensor"
    state: ClassVar[tuple[str, ...]] = ("sum",)
    scalars: ClassVar[tuple[str, ...]] = ("steps",)

    def step(self, w, grad, *state, lr, t):
        total, steps = state
        steps += 1
        total += grad
        w -= lr * total / np.sqrt(float(steps))


INNER = ["sgd", "adam", "nadam", {"type": "sgd", "momentum": 0.9, "nesterov": True}, {"type": "adam", "amsgrad": True}, Tensorwise]
WRAPPERS = {
    "clipping": lambda inner: {"type": "clipping", "inner": inner, "norm": 0.1, "value": 0.2},
    "averaging": lambda inner: {"type": "averaging", "inner": inner, "decay": 0.9},
    "averaging, clipped": lambda inner: {"type": "clipping", "inner": {"type": "averaging", "inner": inner}, "norm": 0.1},
    "averaging twice": lambda inner: {"type": "averaging", "inner": {"type": "averaging", "inner": inner, "decay": 0.5}},
}


@pytest.mark.parametrize(
    "inner", one_in(6, INNER), ids=lambda inner: "-".join(inner) if isinstance(inner, dict) else getattr(inner, "__name__", inner)
)
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("stopping", [None, pytest.param({"patience": 50}, marks=pytest.mark.slow)], ids=["plain", "stopping"])
def test_200_steps_of_every_wrapper_around_every_optimizer(spec_with, assert_goes_on, wrapper, inner, stopping, tmp_path):
    """50 epochs of 4 steps, which are stopped twice, in the middle of epochs."""
    spec = spec_with(optimizer=WRAPPERS[wrapper](inner), training__epochs=50, training__early_stopping=stopping)
    assert_goes_on(spec, [33, 97], tmp_path)


VARIANTS = [
    {},
    {"training": {"epochs": 3, "batch_size": 5}},
    {"training": {"epochs": 3, "batch_size": 5, "shuffle": False}},
    {"training": {"epochs": 3, "batch_size": 7, "early_stopping": {"patience": 1, "monitor": "r2", "min_delta": 0.01}}},
    {"training": {"epochs": 3, "batch_size": None, "early_stopping": {"monitor": "training_loss"}}},
    {"data": {"target": "y", "inputs": ["a", "b", "c"]}, "metrics": [], "training": {"epochs": 3, "batch_size": 6}},
    {"dtype": "float64"},
    {"loss": "binary_crossentropy", "data": {"target": "c", "split": {"validation": 0.3}}, "metrics": ["accuracy", "log_loss"]},
]


@pytest.mark.parametrize("variant", one_in(12, VARIANTS), ids=lambda variant: "-".join(variant) or "as it is")
def test_stopped_anywhere_in_any_kind_of_run(table, spec_with, saved, assert_goes_on, variant, tmp_path):
    spec = {**spec_with(), **variant}
    if "loss" in variant:
        spec["network"]["layers"][-1]["activation"] = "sigmoid"
    model = mlpkit.train(spec, table)
    expected = saved(model, tmp_path / "unbroken.h5")
    training_rows = 24 if "split" not in spec["data"] else len(table) - round(24 * spec["data"]["split"]["validation"])
    per_epoch = -(-training_rows // (spec["training"]["batch_size"] or training_rows))
    for steps in range(per_epoch * len(model.history)):
        assert_goes_on(spec, [steps], tmp_path, expected=expected)


@pytest.mark.parametrize("steps", one_in(2, [[1, 1], [3, 1, 4], [5, 0, 6], [0, 0, 11], [1] * 11]), ids=str)
def test_stopped_again_and_again(spec_with, assert_goes_on, steps, tmp_path):
    assert_goes_on(spec_with(), steps, tmp_path)


def test_stopped_at_random_in_bigger_runs(spec_with, saved, assert_goes_on, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({name: rng.standard_normal(300) for name in "abcdefgh"})
    rows["y"], rows["w"] = np.sin(rows["a"]) + rows["b"] * rows["c"], rng.uniform(0.1, 3, 300)
    layers = [{"units": 16, "activation": "relu", "normalization": "batch", "dropout": 0.1}, {"units": 1}]
    spec = spec_with(network__layers=layers, training__epochs=6, training__batch_size=32, training__early_stopping={"patience": 6})
    expected = saved(mlpkit.train(spec, rows), tmp_path / "unbroken.h5")
    for steps in rng.integers(0, 16, (3, 2)).tolist():
        assert_goes_on(spec, steps, tmp_path, rows, expected)


@pytest.mark.slow
def test_another_process_goes_on(table, spec_with, run_until, saved, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(spec_with(data__path="rows.csv")))
    table.to_csv(tmp_path / "rows.csv", index=False)
    spec = Spec.read(tmp_path / "spec.json")
    expected = saved(mlpkit.train(spec), tmp_path / "unbroken.h5")
    run_until(spec_with(data__path="rows.csv"), 6, tmp_path / "part.h5", tmp_path / "rows.csv")
    code = "import mlpkit; mlpkit.train('spec.json', resume='part.h5').save('resumed.h5')"
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH")]))
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": path})
    assert (tmp_path / "resumed.h5").read_bytes() == expected


class Fickle(Metric):
    """A metric that cannot be measured in every epoch."""

    task: ClassVar[str] = "regression"
    higher_is_better: ClassVar[bool] = True

    def compute(self, outputs, targets, weights):
        figure = float(np.abs(outputs).sum())
        return math.nan if int(figure * 1e6) % 2 else figure


@pytest.mark.filterwarnings("ignore::mlpkit.UndefinedMetricWarning")
def test_a_metric_that_is_nan_now_and_then(table, spec_with, saved, assert_goes_on, tmp_path):
    spec = spec_with(metrics=[Fickle(), "r2"], training__epochs=6, training__early_stopping=None)
    model = mlpkit.train(spec, table)
    assert 0 < sum(math.isnan(epoch.metrics["fickle"]) for epoch in model.history) < 6
    expected = saved(model, tmp_path / "unbroken.h5")
    for steps in (4, 13, 20):
        assert_goes_on(spec, [steps], tmp_path, expected=expected)
