"""Test a file's records of plugins, and the effect of a plugin that has changed where the model is loaded."""

import hashlib
import io
import json
import math
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.model.verify import verify
from mlpkit.modelfile import reader, writer
from mlpkit.plugin import REGISTRIES, Minimizer
from mlpkit.plugin.builtin_names import CLASSES
from mlpkit.provenance import plugin_probe

from ..builtins import builtins

X = np.linspace(-2, 2, 40)[:, None]
CODE = """import numpy as np
import mlpkit
class Plugin(mlpkit.{base}):
    {more}
    factor: float = 1.0
"""
ACTIVATION = CODE.format(base="Elementwise", more="") + (
    "    def function(self, z):\n        return self.factor * np.tanh(z)\n"
    "    def derivative(self, z, y):\n        return self.factor * (1 - np.tanh(z) ** 2)\n"
)
PLUGINS = {  # by kind: the code, and a change of it that shows in its numbers
    "activations": (ACTIVATION, ("return self.factor * np", "return 1.001 * self.factor * np")),
    "activations, backward": (ACTIVATION, ("(1 - np", "1.002 * (1 - np")),
    "losses": (
        CODE.format(base="Loss", more="")
        + "    def value_and_grad(self, outputs, targets, losses, grad):\n"
        + "        grad[:] = 2 * self.factor * (outputs - targets)\n        losses[:] = (self.factor * (outputs - targets) ** 2).sum(1)\n",
        ("2 * self", "2.002 * self"),
    ),
    "optimizers": (
        CODE.format(base="Optimizer", more="state = ('mean',)")
        + "    def step(self, w, grad, *state, lr, t):\n        state[0][:] += self.factor * grad\n        w -= lr * state[0]\n",
        ("w -= lr", "w -= 1.001 * lr"),
    ),
    "schedules": (
        CODE.format(base="Schedule", more="") + "    def at(self, progress):\n        return self.factor / (100 + progress.epoch)\n",
        ("100 + progress", "101 + progress"),
    ),
    "metrics": (
        CODE.format(base="Metric", more="higher_is_better, task = False, 'regression'")
        + "    def compute(self, outputs, targets, weights):\n        return self.factor * float(abs(outputs - targets).max())\n",
        (".max()", ".mean()"),
    ),
}


def spec(kind):
    made = {"network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]}, "loss": "mse", "optimizer": "sgd"}
    plugin = {"type": "odd", "factor": 0.5}
    if kind.startswith("activations"):
        made["network"]["layers"][0]["activation"] = plugin
    elif kind == "schedules":
        made["optimizer"] = {"type": "sgd", "learning_rate": plugin}
    else:
        made[{"losses": "loss", "optimizers": "optimizer", "metrics": "metrics"}[kind]] = [plugin] if kind == "metrics" else plugin
    return {**made, "training": {"epochs": 2}}


@pytest.fixture
def trained(install, tmp_path):
    """A model that was trained with a plugin of a distribution, of which another version is installed then."""

    def make(kind, code, then, rows=X):
        name = install("dist-odd", "odd", code, group=kind.partition(",")[0])
        mlpkit.train({**spec(kind), "preprocessing": "none"}, rows, np.sin(rows[:, 0])).save(tmp_path / "model.h5")
        upgrade(install, name, then)
        return tmp_path / "model.h5"

    return make


def upgrade(install, module, code, version="2.0"):
    del sys.modules[module]
    for file in [*install.site.glob(f"{module}*/*"), install.site / f"{module}.py"]:
        file.unlink()
    for folder in install.site.glob(f"{module}*"):
        folder.rmdir()
    for folder in install.site.glob("__pycache__"):
        for file in folder.iterdir():
            file.unlink()
    group = next(info.kind for info in mlpkit.plugins() if info.full_name == "dist-odd:odd")
    install("dist-odd", "odd", code, group=group, version=version)


@pytest.mark.parametrize("kind", PLUGINS)
def test_another_version_is_silent_while_the_numbers_agree(trained, kind):
    code = PLUGINS[kind][0]
    path = trained(kind, code, code + "\n# faster now\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlpkit.load(path)
        mlpkit.load(path, strict=True)
    assert dict(verify(path))["plugins"] == "have other versions here: dist-odd 1.2 then, 2.0 now"


def used(path, **way):
    """Predict, and ask for all of the spec."""
    model = mlpkit.load(path, **way)
    model.predict(X)
    return model.spec.to_dict()


@pytest.mark.parametrize("way", [{}, {"mmap": True}, {"mmap": True, "verify": "lazy"}], ids=str)
@pytest.mark.parametrize("kind", PLUGINS)
def test_a_plugin_that_computes_something_else_is_told_with_the_difference(trained, kind, way):
    code, change = PLUGINS[kind]
    path = trained(kind, code, code.replace(*change))
    words = (
        r"model\.h5: plugins compute other values .*: dist-odd:odd by 0\.\d+ relative to the largest of its (outputs|derivatives) "
        r"\(dist-odd 1\.2 then, 2\.0 now\)"
    )
    if not kind.startswith("activations"):  # no prediction needs it, so it is not looked at before it is asked for
        mlpkit.load(path, **way).predict(X)
    with pytest.warns(errors.PluginDriftWarning, match=words):
        used(path, **way)
    with pytest.raises(errors.DriftedPlugin, match="compute other values") as caught:
        mlpkit.load(path, strict=True, **way).predict(X)
    assert caught.value.code == "drifted_plugin"
    assert "mlpkit plugins freeze" in caught.value.help
    with pytest.raises(errors.DriftedPlugin, match=r"dist-odd 1\.2 then, 2\.0 now"):
        verify(path)


@pytest.mark.parametrize("beyond", [True, False])
def test_an_activation_is_compared_on_all_scores_of_the_training(trained, beyond):
    """The probe ends at 4; where the training had larger scores, the table in the file knows better."""
    changed = ACTIVATION.replace("return self.factor * np.tanh(z)", "return np.where(abs(z) < 4.5, self.factor * np.tanh(z), 0.1)")
    path = trained("activations", ACTIVATION, changed, rows=(20 if beyond else 1) * X)
    if beyond:
        with pytest.warns(errors.PluginDriftWarning, match="dist-odd:odd by"):
            mlpkit.load(path)
    else:
        mlpkit.load(path, strict=True)


def test_a_minimizer_that_takes_long_delays_neither_a_save_nor_a_load(install, tmp_path):
    code = CODE.format(base="Minimizer", more="") + (
        "    def minimize(self, w, problem, *state, lr, t):\n        for _ in range(10**9):\n            w -= 1e-9 * problem(w)[1]\n"
    )
    install("dist-odd", "odd", code, group="optimizers")
    model = mlpkit.Model(spec("optimizers"), inputs=1, outputs=1)
    model.save(tmp_path / "model.h5")
    (record,) = [record for record in mlpkit.inspect(tmp_path / "model.h5")["plugins"] if record["kind"] == "optimizers"]
    assert "probe" not in record
    mlpkit.load(tmp_path / "model.h5")


def test_strictly_by_the_environment(trained, monkeypatch):
    code, change = PLUGINS["losses"]
    path = trained("losses", code, code.replace(*change))
    monkeypatch.setenv("MLPKIT_STRICT_PLUGINS", "1")
    with pytest.raises(errors.DriftedPlugin):
        mlpkit.load(path)
    model = mlpkit.load(path, strict=False)
    with pytest.warns(errors.PluginDriftWarning):
        model.evaluate(X, X[:, 0])


def test_one_that_fails_on_its_probe_has_drifted(trained):
    code = PLUGINS["losses"][0]
    path = trained("losses", code, code.replace("        grad[:] =", "        raise ValueError('gone')\n        grad[:] ="))
    model = mlpkit.load(path)
    with pytest.warns(errors.PluginDriftWarning, match="dist-odd:odd by inf"):
        assert model.spec.dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", CLASSES)
def test_every_builtin_has_a_probe_that_it_gives_again(kind, dtype):
    for name, plugin in builtins(kind).items():
        probe = plugin_probe.make_probe(plugin, dtype)
        if kind in ("initializers", "readers") or isinstance(plugin, Minimizer):  # a model does not depend on them
            assert probe is None
            continue
        assert json.loads(json.dumps(probe)) == probe
        assert plugin_probe.drift(plugin, probe, dtype).size == 0.0, name
        largest = max(1.0, *map(abs, probe["outputs"]))
        changed = {**probe, "outputs": [value + 0.01 * largest for value in probe["outputs"]]}
        assert plugin_probe.drift(plugin, changed, dtype).size > 1e-4


def test_the_probe_of_an_activation_has_17_inputs_with_outputs_and_derivatives():
    sigmoid = REGISTRIES["activations"].get("sigmoid")()
    probe = plugin_probe.make_probe(sigmoid, "float64")
    z = np.array(probe["inputs"])
    y = 1 / (1 + np.exp(-z))
    assert z.shape == (17,)
    np.testing.assert_allclose(probe["outputs"], y, rtol=1e-14)
    np.testing.assert_allclose(probe["derivatives"], y * (1 - y), rtol=1e-14)
    softmax = plugin_probe.make_probe(REGISTRIES["activations"].get("softmax")(), "float64")
    p = np.exp(z) / np.exp(z).sum()
    np.testing.assert_allclose(softmax["derivatives"], p * (1 - p), rtol=1e-12)


def test_values_that_are_not_finite_are_kept_as_such(install):
    install("dist-odd", "odd", ACTIVATION.replace("self.factor * np.tanh(z)", "np.where(z > 4, np.inf, z)"))
    plugin = REGISTRIES["activations"].get("odd")()
    probe = plugin_probe.make_probe(plugin, "float32")
    assert probe["outputs"][-1] is None
    assert plugin_probe.drift(plugin, probe, "float32").size == 0.0
    assert plugin_probe.drift(plugin, {**probe, "outputs": [*probe["outputs"][:-1], 4.0]}, "float32").size == math.inf


@pytest.fixture
def by_file(tmp_path):
    """A model that was trained with the code of a file."""
    (tmp_path / "curved.py").write_text(ACTIVATION.replace("Plugin", "Curved"))
    mlpkit.register_file(tmp_path / "curved.py")
    made = spec("activations")
    made["network"]["layers"][0]["activation"] = {"type": "curved", "factor": 2.0}
    mlpkit.train(made, X, np.sin(X[:, 0])).save(tmp_path / "model.h5")
    yield tmp_path
    REGISTRIES["activations"]._own.pop("curved", None)


def test_a_file_of_code_is_recorded_by_name_and_digest(by_file):
    (record,) = [record for record in mlpkit.inspect(by_file / "model.h5")["plugins"] if record["name"] == "curved"]
    digest = hashlib.sha256((by_file / "curved.py").read_bytes()).hexdigest()
    assert record["code"] == {"name": "curved.py", "sha256": digest}
    assert str(by_file) not in (by_file / "model.h5").read_bytes().decode("latin-1")
    REGISTRIES["activations"]._own.pop("curved")
    with pytest.raises(errors.MissingPlugin, match=r"--code curved\.py or load\(\.\.\., plugins=\[Curved\]\)") as caught:
        mlpkit.load(by_file / "model.h5")
    assert digest[:16] in caught.value.help


@pytest.mark.parametrize("changed", [False, True])
def test_another_file_of_code_is_told_when_it_computes_something_else(by_file, changed):
    text = (by_file / "curved.py").read_text()
    (by_file / "other").mkdir()
    (by_file / "other" / "curved.py").write_text(
        text.replace("return self.factor * np", "return self.factor * 1.01 * np") if changed else text + "#\n"
    )
    REGISTRIES["activations"]._own.pop("curved")
    mlpkit.register_file(by_file / "other" / "curved.py")
    if not changed:
        mlpkit.load(by_file / "model.h5", strict=True)
        return
    with pytest.warns(
        errors.PluginDriftWarning, match=r"curved\.py differs from the curved\.py that it was trained with: its SHA-256 does not match"
    ):
        mlpkit.load(by_file / "model.h5")


@pytest.mark.parametrize("same", [True, False])
def test_a_package_takes_the_place_of_a_file_of_code_that_computes_the_same(by_file, install, same):
    REGISTRIES["activations"]._own.pop("curved")
    code = ACTIVATION if same else ACTIVATION.replace("return self.factor * np", "return self.factor * 1.01 * np")
    install("dist-curved", "curved", code)
    if not same:
        with pytest.raises(errors.MissingPlugin, match=r"--code curved\.py"):
            mlpkit.load(by_file / "model.h5")
        return
    model = mlpkit.load(by_file / "model.h5", strict=True)
    assert model.spec.to_dict()["network"]["layers"][0]["activation"] == {"type": "dist-curved:curved", "factor": 2.0}


def test_mlpkits_own_are_asked_when_another_version_wrote_the_file(tmp_path):
    mlpkit.train(spec("metrics") | {"metrics": []}, X, X[:, 0]).save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")

    def forged(version):
        plugins = [
            {**record, "version": version, "probe": {**record["probe"], "outputs": [1.0] * 17}} if record["name"] == "sgd" else record
            for record in contents.plugins
        ]
        writer.write(tmp_path / "other.h5", replace(contents, plugins=plugins))
        return tmp_path / "other.h5"

    mlpkit.load(forged(mlpkit.__version__), strict=True)
    with pytest.warns(errors.PluginDriftWarning, match="sgd by"):
        mlpkit.load(forged("0.0.1"))


def test_each_plugin_is_recorded_once(tmp_path):
    layers = [{"units": 2, "activation": "tanh"}] * 5 + [{"units": 1}]
    mlpkit.Model({"network": {"layers": layers}, "loss": "mse"}, inputs=1).save(tmp_path / "model.h5")
    names = [(record["kind"], record["name"]) for record in mlpkit.inspect(tmp_path / "model.h5")["plugins"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", ["losses", "metrics", "optimizers", "schedules"])
@pytest.mark.parametrize("fault", ["raise ImportError('gone')", "import nothing_of_this_name", "raise SystemExit", "Plugin = 3"])
def test_one_that_no_prediction_needs_may_be_broken(trained, kind, fault):
    code = PLUGINS[kind][0]
    path = trained(kind, code, fault)
    for way in ({}, {"mmap": True}, {"mmap": True, "verify": "lazy"}):
        model = mlpkit.load(path, **way)
        assert model.predict(X).shape == (len(X),)
        assert "dist_odd" not in sys.modules or fault == "Plugin = 3"
    with pytest.raises(errors.BrokenPlugin, match="dist-odd"):
        list(mlpkit.epochs(model, X, X[:, 0]))
    again = io.BytesIO()
    model.save(again)
    assert mlpkit.load(again.getvalue()).predict(X).shape == (len(X),)


@pytest.mark.parametrize("kind", ["activations", "losses", "optimizers", "schedules", "metrics"])
def test_an_option_that_is_gone_is_told_as_a_change_of_the_plugin(trained, kind):
    code = PLUGINS[kind][0]
    path = trained(kind, code, code.replace("    factor: float = 1.0", "    scale: float = 1.0").replace("self.factor", "self.scale"))
    words = r"'dist-odd:odd' has changed since the model was saved .* unknown option 'factor' .*\(dist-odd 1\.2 then, 2\.0 now\)"
    if kind == "activations":
        with pytest.raises(errors.DriftedPlugin, match=words) as caught:
            mlpkit.load(path)
        assert "pip install dist-odd==1.2  (if you trust it); or predict with its lookup table" in caught.value.help
        with pytest.warns(errors.SurrogateWarning):
            model = mlpkit.load(path, allow_surrogate=True)
        assert model.predict(X).shape == (len(X),)
        return
    model = mlpkit.load(path)
    assert model.predict(X).shape == (len(X),)
    with pytest.raises(errors.DriftedPlugin, match=words):
        list(mlpkit.epochs(model, X, X[:, 0]))
