"""mlpkit 0.3.0 reads a model that uses nothing newer: its own wheel loads, verifies and predicts what today's code writes."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, Loss

from .random_specs import spec_of
from .reads import read

HERE = Path(__file__).parent
WHEEL = HERE / "mlpkit-0.3.0-py3-none-any.whl"
MODELS = Path(__file__).parents[3] / "models"
EXAMPLES = ["diabetes", "digits", "iris", "penguins", "xor", "xor-classic"]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder in which mlpkit 0.3.0 is installed."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder), str(WHEEL)], check=True)
    return folder


def read_by_0_3(site, cases, folder):
    """Return the contents that mlpkit 0.3.0 reads from each model file."""
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, str(HERE / "reads.py"), str(site), str(folder / "cases.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def saved(seed, folder):
    """A model of a random spec, trained and saved, and its rows."""
    folder.mkdir()
    spec, rows = spec_of(seed, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that are constant in the few rows of a split
        mlpkit.train(mlpkit.Spec.model_validate(spec, folder=folder)).save(folder / "model.h5")
    return {"model": str(folder / "model.h5"), "rows": rows}


def with_a_third_party_plugin(folder):
    """A model with an activation that another distribution brings, which both mlpkits find."""
    x = np.random.default_rng(1).normal(size=(30, 2))
    layers = [{"units": 4, "activation": {"type": "mlpkit-snake:snake", "a": 0.5}}, {"activation": "linear"}]
    spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2}}
    mlpkit.train(spec, x, x.sum(axis=1)).save(folder / "snake.h5")
    return {"model": str(folder / "snake.h5"), "rows": x.tolist()}


class ExpOfOutputs(Loss):
    """mean((exp(outputs) - targets)^2): predictions are exp of the outputs."""

    @property
    def target_scale(self):
        return "none"

    def predictions(self, outputs, center, scale):
        return {"": np.exp(outputs)}

    def value_and_grad(self, outputs, targets, losses, grad):
        value = np.exp(outputs)
        losses[...] = ((value - targets) ** 2).mean(axis=1)
        grad[...] = 2 * (value - targets) * value / grad.shape[1]


def newer(folder):
    """Models that use something newer: a key, a value, a built-in, a loss that defines its predictions, and the state of a run."""
    x = np.random.default_rng(1).normal(size=(30, 2))
    spec = {"network": {"layers": [{"units": 3}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}
    changes = {
        "key": {"data": {"missing_target": "drop"}},
        "value": {"preprocessing": {"target": "robust"}},
        "built-in": {"optimizer": "nadam"},
        "loss": {"loss": ExpOfOutputs},
    }
    for name, change in changes.items():
        mlpkit.train({**spec, **change}, x, x[:, 0]).save(folder / f"{name}.h5")
    model = mlpkit.Model(spec, inputs=2)
    for _ in mlpkit.epochs(model, x, x[:, 0]):
        model.save(folder / "state.h5", training_state=True)
        break
    return [{"model": str(folder / f"{name}.h5"), "rows": x.tolist()} for name in (*changes, "state")]


def example(name, folder):
    """A worked example as today's code writes it, and its table."""
    folder.mkdir()
    model = mlpkit.load(MODELS / name / "model.h5")
    model.save(folder / "model.h5")
    return {"model": str(folder / "model.h5"), "rows": str(next((MODELS / name).glob("*.csv")))}


def stored_spec(path):
    with h5py.File(path) as file:
        return json.loads(bytes(file["spec"][()]))


def check(site, cases, folder):
    """Hold what 0.3.0 reads to what today's code does, and let it refuse what is newer; returns the specs that it read."""
    refusable = newer(folder)
    found = read_by_0_3(site, [*cases, *refusable], folder)
    for refused, schema in zip(found[len(cases) :], (4, 4, 5, 5, 4), strict=True):
        assert f"its spec has schema version {schema}; this mlpkit reads 3" in refused["refused"]
        assert "install a newer mlpkit" in refused["refused"]
    found = found[: len(cases)]
    for case, old in zip(cases, found, strict=True):
        described = mlpkit.inspect(case["model"])
        assert (described["container"] in ("1.3", "1.4"), described["spec_schema"]) == (True, 3)
        assert old.pop("mlpkit") == "0.3.0"
        assert old["spec"] == stored_spec(case["model"])  # all of its keys, and no other
        assert old.pop("verified")[-1] == ["probe", "the network answers as where it was saved, to 0"]
        today = read(case["model"], case["rows"])
        assert old == {**{name: today[name] for name in old}, "spec": old["spec"]}
    return [old["spec"] for old in found]


def seen(value, path=()):
    """Every key of a spec with its value as text; an option of a plugin stands below the plugin's name."""
    if isinstance(value, dict):
        path = (value["type"],) if "type" in value else path
        for key, entry in value.items():
            yield (*path, key), json.dumps(entry)
            yield from seen(entry, (*path, key))
    elif isinstance(value, list):
        for entry in value:
            yield from seen(entry, path)


def every_key_and_builtin_is_drawn(specs):
    values = {}
    for path, value in (pair for spec in specs for pair in seen(spec)):
        values.setdefault(path, set()).add(value)
    not_drawn = {path for path in values if path[-1] == "type" or "columns" in path or ":" in path[0]}
    always_the_same = {path for path, found in values.items() if len(found) < 2} - not_drawn
    assert always_the_same == set()
    words = {json.loads(value) for found in values.values() for value in found if value.startswith('"')}
    words |= {metric for spec in specs for metric in spec["metrics"]}
    builtins = {name for registry in REGISTRIES.values() for name in registry.builtins if not hasattr(registry.get(name), "since")}
    assert builtins <= words


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_it_reads_the_examples_and_random_specs_of_its_own_keys(count, site, tmp_path):
    cases = [example(name, tmp_path / name) for name in EXAMPLES] + [saved(seed, tmp_path / f"{seed}") for seed in range(count)]
    specs = check(site, [*cases, with_a_third_party_plugin(tmp_path)], tmp_path)
    if count == 50:
        every_key_and_builtin_is_drawn(specs)


@pytest.mark.slow
def test_it_reads_many_more_random_specs(site, tmp_path):
    check(site, [saved(seed, tmp_path / f"{seed}") for seed in range(50, 250)], tmp_path)
