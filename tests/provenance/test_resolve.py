"""A plugin that is missing, older, newer or changed where a model is loaded, or a run goes on."""

import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import mlpkit_snake
import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.model.verify import verify
from mlpkit.modelfile import reader, writer

SNAKE = Path(__file__).parents[1] / "modelfile" / "golden" / "1.1-snake.h5"
HERE = version("mlpkit-snake")


@pytest.fixture
def trained_with(tmp_path):
    """The golden file with an outside plugin, as another version of it would have made it."""

    def make(then, **changes):
        contents = reader.read(SNAKE)
        plugins = [
            {**entry, "version": then, **changes} if entry["distribution"] == "mlpkit-snake" else entry for entry in contents.plugins
        ]
        writer.write(tmp_path / "model.h5", replace(contents, plugins=plugins))
        return tmp_path / "model.h5"

    return make


@pytest.mark.parametrize("then", ["0.0.1", "99.0"])
def test_an_older_or_newer_plugin_that_computes_the_same_is_taken(then, trained_with):
    path = trained_with(then)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlpkit.load(path)
    facts = dict(verify(path))
    assert facts["plugins"] == f"have other versions here: mlpkit-snake {then} then, {HERE} now"
    assert "plugins" not in dict(verify(SNAKE))


@pytest.mark.parametrize("way", [{}, {"mmap": True}], ids=str)
def test_a_plugin_that_computes_something_else_is_named(way, trained_with, monkeypatch):
    forward = mlpkit_snake.Snake.forward

    def changed(self, z, out):
        forward(self, z, out)
        out *= np.float32(1.01)

    monkeypatch.setattr(mlpkit_snake.Snake, "forward", changed)
    with pytest.warns(mlpkit.ProbeWarning, match=rf"largest output: mlpkit-snake 0\.0\.1 then, {HERE} now"):
        mlpkit.load(trained_with("0.0.1"), **way)
    with pytest.warns(mlpkit.ProbeWarning, match="a plugin has changed, or this machine computes wrongly"):
        mlpkit.load(SNAKE, **way)


def test_a_plugin_that_is_missing_says_what_to_install(trained_with):
    path = trained_with("2.0", name="far-away:snake", distribution="far-away")
    with pytest.raises(
        errors.MissingPlugin,
        match=r"'far-away:snake', which is not installed\nhelp: pip install far-away  \(if you trust it; trained with 2\.0\)",
    ) as caught:
        mlpkit.load(path)
    assert caught.value.code == "missing_plugin"


def test_a_run_that_goes_on_with_another_version_of_a_plugin_is_warned_of(tmp_path):
    spec = {
        "network": {"layers": [{"units": 2, "activation": "snake"}, {"units": 1}]},
        "loss": "mse",
        "training": {"epochs": 3},
    }
    rows, y = np.arange(8.0)[:, None], np.arange(8.0)
    model = mlpkit.Model(spec, inputs=1, outputs=1)
    for _ in mlpkit.epochs(model, rows, y):
        break
    model.save(tmp_path / "part.h5", training_state=True)
    contents = reader.read(tmp_path / "part.h5")
    assert contents.training["versions"]["mlpkit-snake"] == HERE
    contents.training["versions"]["mlpkit-snake"] = "0.0.1"
    writer.write(tmp_path / "part.h5", contents)
    with pytest.warns(UserWarning, match=rf"may differ in the last bits .*: mlpkit-snake 0\.0\.1 then, {HERE} now"):
        mlpkit.train(spec, rows, y, resume=tmp_path / "part.h5")


def test_every_error_of_a_plugin_has_a_code():
    kinds = (errors.PluginError, errors.MissingPlugin, errors.AmbiguousPlugin, errors.BrokenPlugin)
    assert [kind.code for kind in kinds] == ["plugin", "missing_plugin", "ambiguous_plugin", "broken_plugin"]
