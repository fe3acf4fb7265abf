"""`mlpkit schema`: a valid JSON Schema that accepts valid specs and refuses the errors that an editor can detect."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

import mlpkit
from mlpkit.cli.schema import spec_schema
from mlpkit.plugin import REGISTRIES

STORED = Path(__file__).parents[2] / "models" / "SPEC.md"
KINDS = {kind for kind in REGISTRIES if not REGISTRIES[kind].base.of_a_run}  # which stand in no spec
LAYERS = [{"units": 3, "activation": "relu"}, {"activation": "softmax"}]
BASE = {"network": {"layers": LAYERS}, "loss": "categorical_crossentropy"}
LAYER = {"units": 2, "activation": "tanh"}


def regression(**layer):
    return {"network": {"layers": [{**LAYER, **layer}, {"units": 1}]}, "loss": "mse"}


GOOD = {
    "the least": BASE,
    "editor's key": BASE | {"$schema": "./mlpkit.schema.json"},
    "short names": regression() | {"optimizer": "sgd"},
    "full names": regression(activation="mlpkit:tanh"),
    "aliases with options": regression(activation={"type": "identity"}) | {"loss": {"type": "mse"}},
    "options": BASE | {"optimizer": {"type": "adam", "learning_rate": 0.01, "amsgrad": True}},
    "schedule": BASE | {"optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "initial": 0.1}}},
    "initializers": regression(weight_initializer="auto", bias_initializer={"type": "constant", "value": [1, 2]}),
    "no initializer": regression(weight_initializer=None),
    "alias of an initializer": regression(weight_initializer="he"),
    "normalization": regression(normalization="batch"),
    "normalization with options": regression(normalization={"type": "layer", "epsilon": 0.1}),
    "no normalization": regression(normalization=None, dropout=0.5, bias=False),
    "one target": BASE | {"data": {"path": "a.csv", "target": "a", "split": {"validation": 0.2}}},
    "several targets": BASE | {"data": {"target": ["a", "b"], "inputs": ["c"], "weight": "w", "split": {"column": "part"}}},
    "no preprocessing": BASE | {"preprocessing": "none"},
    "preprocessing": BASE | {"preprocessing": {"numbers": "none", "columns": {"zip": "one_hot", "id": "ignore"}}},
    "training": BASE | {"training": {"epochs": 5, "batch_size": None, "early_stopping": {"patience": 3}}},
    "metrics": BASE | {"metrics": ["accuracy", {"type": "log_loss"}]},
    "all defaults written out": mlpkit.Spec.model_validate(BASE).to_dict(),
}
BAD = {
    "nothing": {},
    "no loss": {"network": BASE["network"]},
    "unknown key": BASE | {"optimiser": "adam"},
    "unknown key of a part": BASE | {"training": {"epoch": 3}},
    "unknown option": BASE | {"optimizer": {"type": "adam", "lr": 1}},
    "unknown option of a layer": regression(activation={"type": "leaky_relu", "slope": 1}),
    "unknown loss": BASE | {"loss": "mean_cubed_error"},
    "unknown metric": BASE | {"metrics": ["acuracy"]},
    "unknown normalization": regression(normalization="group"),
    "negative seed": BASE | {"seed": -1},
    "seed that is true": BASE | {"seed": True},
    "unknown dtype": BASE | {"dtype": "float16"},
    "negative rate": BASE | {"optimizer": {"type": "adam", "learning_rate": -1}},
    "no layers": BASE | {"network": {"layers": []}},
    "zero units": regression(units=0),
    "whole dropout": regression(dropout=1),
    "text for a number": BASE | {"training": {"epochs": "3"}},
    "fraction for a count": BASE | {"training": {"epochs": 3.5}},
    "unknown preprocessing": BASE | {"preprocessing": "some"},
    "unknown treatment": BASE | {"preprocessing": {"columns": {"a": "drop"}}},
    "no target": BASE | {"data": {"target": []}},
    "nameless target": BASE | {"data": {"target": ""}},
    "share above one": BASE | {"data": {"split": {"validation": 1.5}}},
}


@pytest.fixture
def validator(run):
    schema = json.loads(run("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_accepts_valid_specs(validator):
    for name, spec in GOOD.items():
        mlpkit.Spec.model_validate(copy.deepcopy(spec))
        assert [(name, list(error.path), error.message) for error in validator.iter_errors(spec)] == []


def test_the_schema_refuses_invalid_specs(validator):
    for name, spec in BAD.items():
        with pytest.raises(mlpkit.MLPKitError):
            mlpkit.Spec.model_validate(copy.deepcopy(spec))
        assert not validator.is_valid(spec), name


def test_it_knows_every_plugin_and_option(run):
    text = run("schema").out
    for info in mlpkit.plugins():
        assert info.kind not in KINDS or f'"{info.full_name}"' in text
    for option in ("negative_slope", "beta1", "nesterov", "gamma", "every"):
        assert f'"{option}"' in text


def test_it_is_written_to_a_file(folder, run):
    assert run("schema", "-o", "s.json").code == 0
    assert json.loads((folder / "s.json").read_text()) == json.loads(run("schema").out)


def test_the_reference_in_markdown_is_the_stored_one(folder, run):
    """Run `mlpkit schema --markdown -o models/SPEC.md` after a change of a key, an option or a text."""
    assert run("schema", "--markdown", "-o", "SPEC.md").code == 0
    assert (folder / "SPEC.md").read_text(encoding="utf-8") == STORED.read_text(encoding="utf-8")
    assert run("schema", "--markdown").out == STORED.read_text(encoding="utf-8")


def test_the_reference_is_a_markdown_file(run):
    done = run("schema", "--markdown", "-o", "SPEC.json")
    assert done.code == 2
    assert "written as Markdown" in done.err


def test_each_kind_stands_once_among_the_definitions():
    schema = spec_schema()
    kinds = [name for name in schema["$defs"] if name.partition("_by_name")[0] in REGISTRIES]
    assert {name.partition("_by_name")[0] for name in kinds} == KINDS
    assert len(kinds) == len(KINDS) + 2  # optimizers inside of optimizers, and schedules inside of schedules, have names alone
    assert json.dumps(schema).count('"momentum_decay"') == 1  # an option of one optimizer
    assert len(json.dumps(schema)) < 300_000
