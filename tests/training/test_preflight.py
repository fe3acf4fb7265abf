"""Test that an unsavable model is an error before training, and that wide tables can be saved."""

import tracemalloc
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.constants import LONG_SIGN_BYTES, MAX_JSON_SIGNS, MAX_JSON_SIGNS_OF_LONG
from mlpkit.optimizers import SGD
from mlpkit.plugin import REGISTRIES

SPEC = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
X, Y = np.arange(6.0)[:, None], np.arange(6.0)


@pytest.fixture(autouse=True)
def _no_own_plugins_stay():
    before = {kind: dict(registry._own) for kind, registry in REGISTRIES.items()}
    yield
    for kind, registry in REGISTRIES.items():
        registry._own = before[kind]


def metric(name):
    members = {"higher_is_better": True, "task": "regression", "compute": lambda self, outputs, targets, weights: 1.0}
    return type(name, (mlpkit.Metric,), {**members, "__annotations__": {"higher_is_better": ClassVar[bool], "task": ClassVar[str]}})


def test_early_stopping_needs_something_to_watch():
    with pytest.raises(mlpkit.SpecError, match=r"no validation rows\n.*data\.split\.validation"):
        mlpkit.train({**SPEC, "training": {"epochs": 1, "early_stopping": {"patience": 3}}}, X, Y)


@pytest.mark.parametrize("name", ["Epoch", "Loss", "LearningRate", "ValidationLoss", "TrainingLoss"])
def test_a_metric_cannot_be_called_as_a_column_of_the_history(name):
    with pytest.raises(mlpkit.SpecError, match=r"metrics\[0\]: a metric cannot be named '[a-z_]+', like a column of the history"):
        mlpkit.train({**SPEC, "metrics": [metric(name)]}, X, Y)


def test_a_name_that_is_too_long_for_a_file_is_no_name():
    with pytest.raises(mlpkit.PluginError, match="must match"):
        mlpkit.train({**SPEC, "metrics": [metric("A" + "b" * 130)]}, X, Y)
    model = mlpkit.train({**SPEC, "metrics": [metric("A" + "b" * 99)]}, X, Y)
    assert list(model.history[0].metrics) == ["a" + "b" * 99]


def test_the_state_of_an_optimizer_has_names_for_a_file():
    class Odd(SGD):
        state: ClassVar[tuple[str, ...]] = ("a b",)

        def step(self, w, grad, *state, lr, t):
            w -= lr * grad

    with pytest.raises(mlpkit.PluginError, match=r"the state 'a b' of the optimizer 'odd' cannot be saved\n"):
        mlpkit.train({**SPEC, "optimizer": Odd()}, X, Y)


@pytest.mark.parametrize("name", ["x\ud800", pytest.param("x" * 2**24, id="long")])
def test_names_of_columns_that_no_file_holds(name):
    table = {name: X[:, 0], "y": Y}
    with pytest.raises(mlpkit.DataError, match="a model of these data could not be saved: "):
        mlpkit.train({**SPEC, "data": {"target": "y"}}, table)


@pytest.mark.slow
def test_json_of_a_wide_table_fits_and_costs_what_format_says():
    """100,000 columns with the digests of a run's state: as `storable` counts them."""
    column = {"categories": [], "kind": "number", "treatment": "standardize", "width": 1}
    columns = [{**column, "name": f"column {number}"} for number in range(100_000)]
    names, digests = [entry["name"] for entry in columns], ["0123456789abcdef"] * 100_000
    data = strict_json.encode({"columns": columns, "data": [names, digests, digests]}, "the manifest")
    assert strict_json.decode(data, "the manifest")["columns"] == columns


def densest(signs, each):
    """JSON with as many signs as that, and as many bytes for each: objects of one key, which take the most memory."""
    count = signs // 3
    text = b'{"a":[' + b",".join([b'{"":0.5}'] * count) + b"]"
    return text + b',"b":"' + b"b" * max(0, each * (signs + 40) - len(text) - 8) + b'"}'


@pytest.mark.slow
@pytest.mark.parametrize(("signs", "each"), [(MAX_JSON_SIGNS, 1), (MAX_JSON_SIGNS_OF_LONG, LONG_SIGN_BYTES)])
def test_json_takes_80_bytes_for_each_sign(signs, each):
    data = densest(signs - 10, each)
    tracemalloc.start()
    strict_json.decode(data, "the manifest")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(data) + 80 * signs
    with pytest.raises(mlpkit.ModelFileError, match="more than"):
        strict_json.decode(densest(signs + 300, each), "the manifest")


@pytest.mark.slow
def test_a_table_of_100_000_columns_is_trained_saved_and_resumed(tmp_path):
    rng = np.random.default_rng(0)
    table = {f"column_{number}": rng.normal(size=6) for number in range(100_000)} | {"kind": ["a", "b"] * 3}
    spec = {
        "data": {"target": "kind"},
        "network": {"layers": [{"units": 2, "activation": "relu"}, {"activation": "softmax"}]},
        "loss": "categorical_crossentropy",
        "training": {"epochs": 2},
    }
    model = mlpkit.train(spec, table)
    model.save(tmp_path / "wide.h5")
    assert (mlpkit.load(tmp_path / "wide.h5").predict(table) == model.predict(table)).all()
    for _ in mlpkit.epochs(model, table):
        break
    model.save(tmp_path / "part.h5", training_state=True)
    assert mlpkit.load(tmp_path / "part.h5").training_state.place.epochs == 3


class SharedName(mlpkit.Optimizer):
    """An optimizer whose array and scalar have one name."""

    state: ClassVar[tuple[str, ...]] = ("mean",)
    scalars: ClassVar[tuple[str, ...]] = ("mean",)

    def step(self, w, grad, *state, lr, t):
        w -= lr * grad


def test_an_array_and_a_scalar_of_one_name_are_refused_before_training():
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "optimizer": SharedName()}
    with pytest.raises(mlpkit.BrokenPlugin, match=r"the state 'mean' of the optimizer .* cannot be saved") as caught:
        mlpkit.train(spec, np.eye(4), [0.0, 1.0, 2.0, 3.0])
    assert "a name of its own" in caught.value.help
