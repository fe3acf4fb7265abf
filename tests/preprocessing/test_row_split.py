"""Splits by group and by time from a spec to encoded rows, for every source of rows."""

import hashlib
import json

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

NETWORK = {"network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}
CLASSIFIER = {**NETWORK, "network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy"}
RNG = np.random.default_rng(0)
ROWS = 60
G = RNG.integers(0, 12, ROWS)
X = RNG.normal(size=(ROWS, 2))
Y = X[:, 0] + 0.1 * X[:, 1]
TABLE = {"g": G, "a": X[:, 0], "b": X[:, 1], "y": Y}
FACTS = {
    "group": lambda rows: {"group": "g", "groups": 12, "validation_groups": len(set(G[rows]))},
    "time": lambda rows: {"time": "g", "from": str(G[rows].min())},
    "hash": lambda rows: {"hash": "g"},
}


def spec_with(split, **data):
    return Spec.model_validate({**NETWORK, "data": {"split": {"validation": 0.25, **split}, **data}})


def rows_of(values):
    """The rows of the table with these targets."""
    return np.flatnonzero(np.isin(Y, values.ravel()))


@pytest.mark.parametrize("key", FACTS)
def test_every_source_of_rows_is_split_alike(key, tmp_path):
    array = np.column_stack([G, X])
    np.save(tmp_path / "x.npy", array)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.update(TABLE)
    lines = ["g,a,b,y", *(f"{g},{a!r},{b!r},{y!r}" for g, a, b, y in zip(G, *X.T.tolist(), Y.tolist(), strict=True))]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    named, by_position = ({key: "g"}, ("a", "b")), ({key: "x0"}, ("x1", "x2"))
    cases = [
        (named, {"target": "y"}, TABLE, None),
        (named, {"target": "y"}, tmp_path / "d.csv", None),
        (named, {"target": "y", "in_memory": False}, tmp_path / "d.h5", None),
        (named, {"target": "y", "inputs": ["a", "b"]}, tmp_path / "d.h5", None),
        (by_position, {}, array, Y),
        (by_position, {}, array.tolist(), Y),
        (by_position, {"in_memory": False}, mapped, Y),
        (by_position, {"in_memory": False}, tmp_path / "x.npy", Y),
    ]
    found = [(prepare(spec_with(split, **data), source, y), split, order) for (split, order), data, source, y in cases]
    for prepared, split, order in found:
        assert prepared.inputs.order == order
        np.testing.assert_allclose(prepared.values, found[0][0].values, rtol=1e-15)
        assert prepared.split == {**FACTS[key](rows_of(found[0][0].values)), key: split[key]}


def test_predictions_need_no_group():
    model = mlpkit.train(spec_with({"group": "x0"}), np.column_stack([G, X]), Y)
    named = mlpkit.train(spec_with({"group": "g"}, target="y"), TABLE)
    np.testing.assert_array_equal(model.predict(X), named.predict({"a": X[:, 0], "b": X[:, 1]}))
    assert model.evaluate(X, Y) == model.evaluate(np.column_stack([G, X]), Y) == named.evaluate(TABLE)


@pytest.mark.parametrize("key", FACTS)
def test_the_column_is_an_input_only_if_the_spec_names_it(key):
    assert prepare(spec_with({key: "g"}, target="y"), TABLE).inputs.order == ("a", "b")
    assert prepare(spec_with({key: "g"}, target="y", inputs=["g", "a"]), TABLE).inputs.order == ("g", "a")


@pytest.mark.parametrize("key", FACTS)
def test_a_column_that_is_ignored_may_be_tried_for_the_split(key):
    spec = Spec.model_validate(
        {**NETWORK, "preprocessing": {"columns": {"g": "ignore"}}, "data": {"target": "y", "split": {"validation": 0.2}}}
    )
    assert prepare(spec, TABLE).inputs.order == ("a", "b")
    spec = spec.model_copy(update={"data": spec_with({key: "g"}, target="y").data})
    assert prepare(spec, TABLE).inputs.order == ("a", "b")
    with pytest.raises(mlpkit.SpecError, match="'g' is not one of the inputs"):
        prepare(spec.model_copy(update={"preprocessing": spec.preprocessing.model_copy(update={"columns": {"g": "none"}})}), TABLE)


@pytest.mark.parametrize("key", FACTS)
def test_rows_without_weight_or_target_take_no_part(key):
    weights, y = np.ones(ROWS), Y.copy()
    weights[:10], y[10:20] = 0, np.nan
    groups = [None] * 20 + G[20:].tolist()
    prepared = prepare(spec_with({key: "g"}, missing_target="drop"), {"g": groups, "a": X[:, 0]}, y, weights=weights)
    assert prepared.untargeted == 10
    assert len(prepared.train.inputs) + len(prepared.validation.inputs) == ROWS - 20
    kept, validation = np.arange(20, ROWS), rows_of(prepared.values)
    training = np.setdiff1d(kept, validation)
    assert not set(G[training]) & set(G[validation])


@pytest.mark.parametrize("key", FACTS)
def test_other_validation_rows_replace_the_split(key):
    prepared = prepare(spec_with({key: "g"}, target="y"), {name: values[:40] for name, values in TABLE.items()}, validation=TABLE)
    assert (len(prepared.train.inputs), len(prepared.validation.inputs), prepared.split) == (40, ROWS, None)


@pytest.mark.parametrize("key", FACTS)
def test_a_column_that_does_not_exist(key):
    for data, source, y, near in (({"target": "y"}, TABLE, None, "the columns are g, a, b, y"), ({}, X, Y, "the columns are x0, x1")):
        with pytest.raises(mlpkit.SpecError, match="there is no column 'h'") as caught:
            prepare(spec_with({key: "h"}, **data), source, y)
        (problem,) = caught.value.problems
        assert (problem.path, problem.help) == (f"data.split.{key}", near)


@pytest.mark.parametrize("key", ["group", "time"])
def test_training_rows_of_one_class_are_the_fault_of_the_split(key):
    spec = Spec.model_validate({**CLASSIFIER, "data": {"target": "y", "split": {"validation": 0.2, key: "g"}}})
    with pytest.raises(mlpkit.SpecError, match="only one class in the training rows") as caught:
        prepare(spec, {"g": [1] * 15 + [2] * 5, "x": np.arange(20.0), "y": ["u"] * 15 + ["v"] * 5})
    assert caught.value.problems[0].path == f"data.split.{key}"


@pytest.mark.parametrize("key", ["group", "time"])
def test_validation_rows_of_a_class_without_training_rows_are_left_out(key):
    spec = Spec.model_validate({**CLASSIFIER, "data": {"target": "y", "split": {"validation": 0.5, key: "g"}}})
    rows = {"g": [1] * 15 + [2] * 15, "x": np.arange(30.0), "y": ["u", "v", "w"] * 5 + ["u", "v", "z"] * 5}
    with pytest.warns(mlpkit.LeftOutWarning, match="5 validation rows left out"):
        assert len(prepare(spec, rows).validation.inputs) == 10


def test_hashes_that_leave_one_class_are_the_fault_of_the_split():
    spec = Spec.model_validate({**CLASSIFIER, "data": {"target": "y", "split": {"validation": 0.5, "hash": "g"}}})
    numbers = np.array([int.from_bytes(hashlib.sha256(f"0:{g}".encode()).digest()[:8], "big") / 2**64 for g in range(20)])
    with pytest.raises(mlpkit.SpecError, match="only one class in the training rows") as caught:
        prepare(spec, {"g": np.arange(20), "x": np.arange(20.0), "y": np.where(numbers < 0.5, "u", "v")})
    assert caught.value.problems[0].path == "data.split.hash"


def test_texts_that_count_as_missing_are_no_group():
    with pytest.raises(mlpkit.DataError, match="no value in row 3, and a missing value is no group"):
        prepare(spec_with({"group": "g"}, target="y", missing=["unknown"]), {**TABLE, "g": ["a", "b", "c", "unknown"] * 15})


def test_a_random_split_of_a_random_walk_flatters_and_one_by_time_does_not():
    walk = np.cumsum(np.random.default_rng(3).normal(size=600))
    rows = {"day": np.arange(600) + np.datetime64("2023-01-01"), "t": np.arange(600.0), "y": walk}
    spec = {**NETWORK, "network": {"layers": [{"units": 32, "activation": "tanh"}, {"units": 1}]}, "metrics": ["r2"]}
    spec |= {"optimizer": {"type": "adam", "learning_rate": 0.02}, "training": {"epochs": 200, "batch_size": 64}}
    r2 = {}
    for name, split in (("random", {}), ("time", {"time": "day"})):
        data = {"target": "y", "inputs": ["t"], "split": {"validation": 0.2, **split}}
        r2[name] = mlpkit.train({**spec, "data": data}, rows).history[-1].metrics["r2"]
    assert r2["random"] > 0.6
    assert r2["time"] < 0


def test_a_resumed_run_finds_changed_groups(tmp_path):
    spec = spec_with({"group": "g"}, target="y")
    model = mlpkit.Model.for_data(spec, prepare(spec, TABLE))
    next(mlpkit.epochs(model, TABLE))
    model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec, TABLE, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, mlpkit.train(spec, TABLE).network.parameters.vector)
    with pytest.raises(mlpkit.DataError, match="differ from those of the run"):
        mlpkit.train(spec, {**TABLE, "g": G[::-1]}, resume=tmp_path / "part.h5")
    with pytest.raises(mlpkit.SpecError) as caught:
        mlpkit.train(spec_with({"time": "g"}, target="y"), TABLE, resume=tmp_path / "part.h5")
    assert {problem.path for problem in caught.value.problems} == {"data.split.group", "data.split.time"}
    tuned = mlpkit.train(spec, TABLE, start_from=resumed)
    assert len(tuned.history) == 2


def test_only_the_new_keys_need_the_new_schema(tmp_path):
    for split, schema in (({}, 3), ({"group": "g"}, 5), ({"time": "g"}, 5)):
        model = mlpkit.train(spec_with(split, target="y", inputs=["a", "b"]), TABLE)
        model.save(tmp_path / "m.h5", replace=True)
        found = mlpkit.inspect(tmp_path / "m.h5")
        assert found["spec_schema"] == schema
        assert mlpkit.load(tmp_path / "m.h5").spec == model.spec
        assert json.loads(json.dumps(found["spec"]))["data"]["split"] == model.spec.to_dict()["data"]["split"]
