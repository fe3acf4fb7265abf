"""Presets: expanded when a spec is read, changed by the other keys, and stored as values."""

import hashlib
import json

import jsonschema
import pytest

import mlpkit
from mlpkit.cli import main
from mlpkit.cli.schema import spec_schema
from mlpkit.errors import SpecError
from mlpkit.spec import Spec
from mlpkit.spec.presets import PRESETS, expanded, newest

SMALL = {
    "network": {"layers": [{"units": 5, "activation": "tanh", "dropout": 0.1}, {"units": 1}], "input_scale": True},
    "loss": {"type": "huber", "delta": 2.0},
    "optimizer": {"type": "adamw", "learning_rate": {"type": "inverse_time", "initial": 0.1}, "weight_decay": 0.02},
    "training": {"epochs": 4, "early_stopping": {"patience": None}},
}
DATA = {"data": {"target": "y", "split": {"validation": 0.25}}}
NAME = next(iter(PRESETS))
TABLE = {"x": [float(number) for number in range(20)], "y": [number % 3 + 0.5 for number in range(20)]}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(PRESETS, "small-1", SMALL)


def test_a_preset_is_the_same_as_its_values():
    assert Spec.model_validate({"preset": "small-1", **DATA}) == Spec.model_validate({**SMALL, **DATA})
    assert "preset" not in Spec.model_validate({"preset": "small-1", **DATA}).to_dict()


@pytest.mark.parametrize(
    ("own", "key", "value"),
    [
        ({"training": {"epochs": 9}}, ("training", "epochs"), 9),
        ({"training": {"epochs": 9}}, ("training", "early_stopping", "patience"), None),
        ({"training": {"early_stopping": None}}, ("training", "early_stopping"), None),
        ({"optimizer": {"type": "adamw", "weight_decay": 0.5}}, ("optimizer", "learning_rate", "initial"), 0.1),
        ({"optimizer": {"type": "adamw", "weight_decay": 0.5}}, ("optimizer", "weight_decay"), 0.5),
        ({"optimizer": {"type": "adamw", "learning_rate": 0.5}}, ("optimizer", "learning_rate"), 0.5),
        ({"optimizer": "sgd"}, ("optimizer", "momentum"), 0.0),
        ({"loss": "mse"}, ("loss",), "mean_squared_error"),
        ({"network": {"layers": [{"units": 1}]}}, ("network", "layers", 0, "units"), 1),
        ({"network": {"layers": [{"units": 1}]}}, ("network", "input_scale"), True),
    ],
)
def test_the_other_keys_change_it(own, key, value):
    found = Spec.model_validate({"preset": "small-1", **own}).to_dict()
    for part in key:
        found = found[part]
    assert (found["type"] if isinstance(value, str) and isinstance(found, dict) else found) == value


def test_a_plugin_without_its_type_is_an_error_as_elsewhere():
    with pytest.raises(SpecError, match="type"):
        Spec.model_validate({"preset": "small-1", "optimizer": {"weight_decay": 0.5}})


def test_the_preset_itself_is_never_changed():
    before = json.dumps(SMALL)
    spec = {"preset": "small-1", "training": {"epochs": 9}}
    assert expanded(spec)["training"]["epochs"] == 9
    assert (json.dumps(SMALL), spec["training"]) == (before, {"epochs": 9})


@pytest.mark.parametrize("name", ["small", "", 3, ["small-1"], {}, "small-1\n", "x" * 10_000])
def test_an_unknown_preset_is_an_error_at_its_line(name, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"name": "m", "preset": name}, indent=1))
    with pytest.raises(SpecError, match=r"there is no preset .* \(use one of .*small-1.*, or remove it\)") as error:
        Spec.read(path)
    assert (error.value.problems[0].line, error.value.problems[0].path, len(str(error.value)) < 1000) == (3, "preset", True)


def test_problems_of_other_keys_have_their_line(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text('{"preset": "small-1",\n "training": {"epochs": 0}}')
    with pytest.raises(SpecError, match=r"training\.epochs") as error:
        Spec.read(path)
    assert error.value.problems[0].line == 2


def test_a_model_has_the_values_and_resumes_from_them(tmp_path, monkeypatch):
    spec = {"preset": "small-1", **DATA, "training": {"keep_state": True}}
    model = mlpkit.train(spec, TABLE)
    model.save(tmp_path / "m.h5")
    monkeypatch.delitem(PRESETS, "small-1")  # a later mlpkit need not have it
    loaded = mlpkit.load(tmp_path / "m.h5")
    assert loaded.spec.training.epochs == 4
    monkeypatch.setitem(PRESETS, "small-1", SMALL)
    more = {**spec, "training": {"keep_state": True, "epochs": 6}}
    resumed = mlpkit.train(more, TABLE, resume=tmp_path / "m.h5")
    assert len(resumed.history) == 6


def test_set_changes_a_value_of_the_preset_or_the_preset(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in zip(TABLE["x"], TABLE["y"], strict=True)))
    (tmp_path / "spec.json").write_text(json.dumps({**DATA, "data": {**DATA["data"], "path": "t.csv"}}))
    settings = ["--set", "network.layers.0.units=7", "--set", "preset=small-1", "--set", "training.epochs=1"]
    assert main(["train", "spec.json", *settings]) == 0, capsys.readouterr()
    assert mlpkit.load("model.h5").network.layers[0].units == 7


def test_check_fill_writes_it_out(tmp_path, capsys):
    (tmp_path / "spec.json").write_text(json.dumps({"preset": "small-1"}))
    assert main(["check", str(tmp_path / "spec.json"), "--fill"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"]["delta"] == 2.0


def test_the_json_schema_asks_for_less_with_a_preset():
    check = jsonschema.Draft202012Validator(spec_schema()).is_valid
    assert check({"preset": NAME})
    assert check({"preset": NAME, "network": {"input_scale": False}, "training": {"epochs": 3}})
    assert not check({})
    assert not check({"preset": None})
    assert not check({"network": {}, "loss": "mse"})
    assert not check({"preset": "none"})


RELEASED = {  # the first digits of the SHA-256 of each preset, which never changes
    "fast-numbers-1": "6822f5d1523a962b",
    "fast-binary-1": "23bd080f231e4dc8",
    "fast-classes-1": "e91dfc88ab814248",
    "good-numbers-1": "188ba65110838142",
    "good-binary-1": "ec80c8841f954395",
    "good-classes-1": "73a7a9e4e6bd86a3",
    "best-numbers-1": "be46b9b60006920e",
    "best-binary-1": "b160a2fc6a52c625",
    "best-classes-1": "20b5e37d7dcf8f46",
    "fast-numbers-2": "fce93f8cd40af731",
    "fast-binary-2": "47a3327a72818509",
    "fast-classes-2": "980776c71b3beb46",
    "good-numbers-2": "6635f2c2ef5bc98e",
    "good-binary-2": "099753e296649009",
    "good-classes-2": "d8baad99aa048683",
    "best-numbers-2": "89e21148bcf77780",
    "best-binary-2": "670df976ca7f59c1",
    "best-classes-2": "bdcfd669ca1fa45d",
}


@pytest.mark.parametrize("name", sorted({*PRESETS, *RELEASED}))
def test_a_released_preset_is_valid_and_never_changes(name):
    Spec.model_validate({"preset": name})
    assert hashlib.sha256(json.dumps(PRESETS[name], sort_keys=True).encode()).hexdigest()[:16] == RELEASED[name]


def test_the_newest_preset_of_a_kind_has_the_highest_number(monkeypatch):
    for number in (2, 9, 10):
        monkeypatch.setitem(PRESETS, f"small-{number}", SMALL)
    assert newest("small") == "small-10"
    assert newest("good-classes") == "good-classes-2"
