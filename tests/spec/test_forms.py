"""The stored form of a spec leaves out later keys at their default, and states the lowest schema; the full form has every key."""

import json

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit import Spec
from mlpkit.modelfile.constants import SPEC_SCHEMA
from mlpkit.modelfile.migrations import migrate
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.since import BASE_SCHEMA, marked
from mlpkit.spec.data import Data, Split
from mlpkit.spec.forms import full_spec, stored_spec
from mlpkit.spec.network import Layer, NetworkSpec
from mlpkit.spec.preprocessing import Preprocessing
from mlpkit.spec.training import Checkpoint, EarlyStopping, Training

BASE = {"network": {"layers": [{"units": 2}, {"units": 1}]}, "loss": "mse"}
LATER = {  # by part, the keys of schema 4 with other values than their defaults
    "data": {
        "header": [False, ["a", "b"]],
        "encoding": ["cp1252"],
        "decimal": [","],
        "allow_large": [True],
        "target_type": ["number", "class", "text"],
        "missing_target": ["drop"],
    },
    "training": {"keep_state": [True], "weighted_metrics": [True]},
}
CASES = [(part, key, value) for part, keys in LATER.items() for key, values in keys.items() for value in values]
PARTS = [Spec, Data, Split, Preprocessing, NetworkSpec, Layer, EarlyStopping, Checkpoint, Training]


def spec_with(**parts):
    return Spec.model_validate({**BASE, **parts})


def test_the_keys_of_0_4_are_marked_where_they_are_declared():
    assert {name for name, mark in marked(Data).items() if mark.version == 4} == set(LATER["data"])
    assert {name for name, mark in marked(Training).items() if mark.version == 4} == set(LATER["training"])


def test_no_mark_is_above_the_schema_that_this_version_knows_and_every_marked_option_has_a_default():
    plugins = [registry.get(name) for registry in REGISTRIES.values() for name in registry.builtins]
    for cls in [*PARTS, *plugins]:
        assert BASE_SCHEMA <= getattr(cls, "since", BASE_SCHEMA) <= SPEC_SCHEMA
        for name, mark in marked(cls).items():
            assert BASE_SCHEMA < mark.version <= SPEC_SCHEMA
            assert mark.values or not cls.model_fields[name].is_required()


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "nadam"},
        {"optimizer": {"type": "clipping", "inner": "sgd", "norm": 1.0}},
        {"optimizer": {"type": "sgd", "learning_rate": {"type": "reduce_on_plateau", "initial": 0.1, "monitor": "loss"}}},
        {"metrics": ["hamming_loss"]},
    ],
    ids=str,
)
def test_a_later_built_in_raises_the_schema(changes):
    stored, schema = stored_spec(spec_with(**changes))
    assert schema == 5
    assert "header" not in stored["data"]


def test_a_spec_of_old_keys_is_stored_as_0_3_stored_it():
    stored, schema = stored_spec(spec_with())
    assert schema == 3
    assert not stored["data"].keys() & LATER["data"].keys()
    assert not stored["training"].keys() & LATER["training"].keys()
    assert stored["data"]["missing"][:3] == ["", "NA", "N/A"]
    later = {part: {name for name, mark in marked(part).items() if not mark.of_values} for part in (Data, Training)}
    assert stored["data"].keys() == {*Data.model_fields} - later[Data]  # and every other key
    assert stored["training"].keys() == {*Training.model_fields} - later[Training]
    assert stored["optimizer"] == {"type": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "amsgrad": False}


@pytest.mark.parametrize(("part", "key", "value"), CASES)
def test_a_later_key_is_stored_alone_and_raises_the_schema(part, key, value):
    spec = spec_with(**{part: {key: value}})
    stored, schema = stored_spec(spec)
    assert (stored[part][key], schema) == (value, 4)
    assert not (stored["data"].keys() | stored["training"].keys()) & ({*LATER["data"], *LATER["training"]} - {key})
    assert "only" in stored["data"]["missing"]
    assert Spec.model_validate(migrate(stored, schema)) == spec
    assert full_spec(migrate(stored, schema)) == spec.to_dict()


@pytest.mark.parametrize(("part", "key", "value"), CASES)
def test_a_later_key_that_is_given_its_default_counts_as_left_out(part, key, value):
    given = spec_with(**{part: {key: spec_with().to_dict()[part][key]}})
    assert given == spec_with()
    assert stored_spec(given) == stored_spec(spec_with())


@pytest.mark.parametrize(
    ("changes", "schema"),
    [
        ({"preprocessing": {"target": "robust"}}, 4),
        ({"preprocessing": {"target": "standardize"}}, 3),
        ({"training": {"checkpoint": {}}}, 4),
        ({"training": {"checkpoint": {"folder": "points"}}}, 3),
        ({"data": {"header": None}}, 3),
        ({"data": {"header": True}}, 5),
        ({"data": {"missing": ["-"]}}, 3),
        ({"data": {"missing": {"only": ["-"]}}}, 3),
    ],
    ids=str,
)
def test_a_later_value_of_an_old_key_raises_the_schema_too(changes, schema):
    spec = spec_with(**changes)
    stored, needed = stored_spec(spec)
    assert needed == schema
    assert Spec.model_validate(migrate(stored, needed)) == spec
    assert full_spec(migrate(stored, needed)) == spec.to_dict()


def test_invalid_parts_of_a_stored_spec_stay_in_the_full_one():
    for wrong in (None, 3, [], {}, {"data": 3}, {"network": [1, "relu"]}, {"loss": {"type": "none_such"}}):
        found = full_spec(wrong)
        assert found == ({**wrong, "decision": None, "ensemble": None} if isinstance(wrong, dict) else wrong)
    assert full_spec({"data": {"header": 9}})["data"]["header"] == 9


def stored_json(path, name="spec"):
    with h5py.File(path) as file:
        return json.loads(bytes(file[name][()]))


def test_a_model_is_read_resumed_and_shown_in_the_full_form(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 2))
    model = mlpkit.train({**BASE, "training": {"epochs": 2, "keep_state": True}}, x, x[:, 0])
    model.save(tmp_path / "model.h5")
    assert stored_json(tmp_path / "model.h5")["training"].keys() & LATER["training"].keys() == {"keep_state"}
    assert mlpkit.load(tmp_path / "model.h5").spec == model.spec
    assert mlpkit.inspect(tmp_path / "model.h5")["spec"] == model.spec.to_dict()
    longer = {**model.spec.to_dict(), "training": {**model.spec.to_dict()["training"], "epochs": 4}}
    assert len(mlpkit.train(longer, x, x[:, 0], resume=tmp_path / "model.h5").history) == 4
    other = {**longer, "training": {**longer["training"], "weighted_metrics": True}}
    with pytest.raises(mlpkit.SpecError, match="'weighted_metrics' is true, but the run to resume has false"):
        mlpkit.train(other, x, x[:, 0], resume=tmp_path / "model.h5")
