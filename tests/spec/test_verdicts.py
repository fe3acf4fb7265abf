"""Specs with every option of every built-in and every key set to values of many types: `Spec` and the JSON Schema give the same verdict.

A JSON Schema does not express relations of several values: those options are listed, and there it is the more lenient one.
"""

import json

import pytest

import mlpkit
from mlpkit.spec import Checkpoint, Data, EarlyStopping, Layer, NetworkSpec, Preprocessing, Spec, Split, Training
from mlpkit.spec.decision import Decision

from ..builtins import builtins, written
from ..schemas import spec_validator

LOSSES = builtins("losses")
LAST = {"real": "linear", "nonnegative": "relu", "probability": "sigmoid", "distribution": "softmax"}
BASE = {"network": {"layers": [{"units": 2, "activation": "tanh"}, {"units": 1}]}, "loss": "mse"}
VALUES = [
    *(-1e9, -1, 0, 0.5, 1, 1.5, 2, 1e9, "text", "auto", "prior", None, True, False),
    *([], [1], [0.5, 0.2], [1, 2], ["a"], ["a", "b"], {}, {"a": 1}, {"type": "none_such"}),
]


def with_loss(loss):
    plugin = LOSSES[loss["type"]]
    last = plugin.joint_with or LAST[plugin.output]
    return {"network": {"layers": [{"units": 2 if last == "softmax" else 1, "activation": last}]}, "loss": loss}


def with_layer(**options):
    return {"network": {"layers": [{"units": 2, **options}, {"units": 1}]}, "loss": "mse"}


PLUGINS = {  # a spec with a plugin, by its kind
    "activations": lambda plugin: with_layer(activation=plugin),
    "losses": with_loss,
    "optimizers": lambda plugin: {**BASE, "optimizer": plugin},
    "initializers": lambda plugin: with_layer(weight_initializer=plugin),
    "schedules": lambda plugin: {**BASE, "optimizer": {"type": "sgd", "learning_rate": plugin}},
    "metrics": lambda plugin: {**BASE, "metrics": [plugin]},
}
PARTS = {  # a spec with a key, by its part
    "": (Spec, lambda key: {**BASE, **key}),
    "data": (Data, lambda key: {**BASE, "data": key}),
    "split": (Split, lambda key: {**BASE, "data": {"split": key}}),
    "preprocessing": (Preprocessing, lambda key: {**BASE, "preprocessing": key}),
    "network": (NetworkSpec, lambda key: {**BASE, "network": {**BASE["network"], **key}}),
    "layer": (Layer, lambda key: with_layer(**key)),
    "training": (Training, lambda key: {**with_layer(dropout=0.5), "training": key}),  # something that fades
    "early_stopping": (EarlyStopping, lambda key: {**BASE, "training": {"early_stopping": key}}),
    "checkpoint": (Checkpoint, lambda key: {**BASE, "training": {"checkpoint": key}}),
    "decision": (Decision, lambda key: {**BASE, "decision": key}),
}
RELATED = {  # options whose values must fit each other, another option or another part
    "quantile.quantiles", "sgd.nesterov", "rprop.steps", "rprop.etas", "levenberg_marquardt.learning_rate", "clipping.norm",
    "random_uniform.low", "random_uniform.high", "piecewise.boundaries", "piecewise.rates", "cyclic.initial", "wsd.decay",
    "warmup.fraction", "sequential.schedules", "sequential.boundaries", "reduce_on_plateau.monitor", "reduce_on_plateau.minimum",
    "data.split", "split.validation", "split.stratify", "split.seed", "split.column", "split.group", "split.time",
    "split.hash", "split.test",
    "data.encoding", "layer.units",
    "layer.residual", "layer.weight_initializer", "layer.bias_initializer", "early_stopping.monitor",
}  # fmt: skip
LATE = {"data.format"}  # a reader is looked up when data are read, so a spec may name one that is not installed


@pytest.fixture(scope="module")
def verdicts():
    validator = spec_validator()

    def both(spec):
        try:
            Spec.model_validate(json.loads(json.dumps(spec)))
        except mlpkit.MLPKitError:
            return False, validator.is_valid(spec)
        return True, validator.is_valid(spec)

    return both


def check(verdicts, name, specs):
    for spec in specs:
        by_spec, by_schema = verdicts(spec)
        if name in RELATED:
            assert by_schema or not by_spec, spec
        elif name not in LATE:
            assert by_spec == by_schema, spec


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind == "initializers" else pytest.mark.slow) for kind in PLUGINS])
def test_options_of_plugins_get_one_verdict(kind, verdicts):
    for name, plugin in builtins(kind).items():
        if name == "prior":  # for a bias
            continue
        base = written(kind, name)
        for option in [*type(plugin).model_fields, "nonsense"]:
            check(verdicts, f"{name}.{option}", [PLUGINS[kind]({**base, option: value}) for value in VALUES])


@pytest.mark.parametrize("part", [pytest.param(part, marks=() if part in ("split", "decision") else pytest.mark.slow) for part in PARTS])
def test_keys_get_one_verdict(part, verdicts):
    cls, place = PARTS[part]
    for name, field in cls.model_fields.items():
        key = field.alias or name
        check(verdicts, f"{part}.{key}", [place({key: value}) for value in VALUES])


def test_listed_options_are_there():
    known = {f"{name}.{option}" for kind in PLUGINS for name, plugin in builtins(kind).items() for option in type(plugin).model_fields}
    known |= {f"{part}.{name}" for part, (cls, _) in PARTS.items() for name in cls.model_fields}
    assert known >= RELATED | LATE
