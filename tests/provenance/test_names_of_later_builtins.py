"""Users' classes that have the names of built-ins of a later version, in files that 0.4 wrote, in specs and in new files."""

import copy
import json
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.activations import GELU
from mlpkit.cli import main
from mlpkit.losses import Huber
from mlpkit.modelfile import reader
from mlpkit.optimizers import Lion
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.builtin_names import CLASSES

CODE = """
import numpy as np
import mlpkit

class Gelu(mlpkit.Elementwise):
    a: float = 1.0
    def function(self, z):
        return self.a * np.sin(z)
    def derivative(self, z, y):
        return self.a * np.cos(z)

class Huber(mlpkit.Loss):
    scale: float = 1.0
    def value_and_grad(self, outputs, targets, losses, grad):
        grad[...] = outputs - targets
        losses[...] = self.scale * (grad**2).mean(axis=1)
        grad *= 2 * self.scale / grad.shape[1]

class Lion(mlpkit.Optimizer):
    damping: float = 1.0
    def step(self, w, grad, *, lr, t):
        w -= w.dtype.type(lr * self.damping) * grad
"""
NAMES = {"activations": "gelu", "losses": "huber", "optimizers": "lion"}
BUILTINS = {"activations": GELU, "losses": Huber, "optimizers": Lion}
X = np.linspace(-2, 2, 40)[:, None]
Y = np.sin(3 * X[:, 0])


def spec(prefix="", epochs=4):
    layers = [{"units": 6, "activation": {"type": f"{prefix}gelu", "a": 1.5}}, {"units": 1}]
    loss, optimizer = {"type": f"{prefix}huber", "scale": 0.5}, {"type": f"{prefix}lion", "damping": 0.5}
    return {"network": {"layers": layers}, "loss": loss, "optimizer": optimizer, "training": {"epochs": epochs}}


@pytest.fixture(autouse=True)
def no_classes(monkeypatch):
    """Let the classes of a test be registered for this test alone; return a function that removes them."""

    def forget():
        for registry in REGISTRIES.values():
            monkeypatch.setattr(registry, "_own", {})

    forget()
    return forget


@pytest.fixture
def no_builtins():
    """Return a context in which the names are not those of built-ins, as in 0.4."""

    @contextmanager
    def without():
        with pytest.MonkeyPatch.context() as patch:
            for kind, name in NAMES.items():
                patch.delitem(REGISTRIES[kind].builtins, name)
                patch.delitem(CLASSES[kind], name)
            yield

    return without


def classes():
    space = {"__name__": "own_code"}
    exec(compile(CODE, "own.py", "exec"), space)
    return [space["Gelu"], space["Huber"], space["Lion"]]


@pytest.fixture
def before(no_classes, no_builtins):
    """A model of the user's classes and its file, written when no built-in had their names: complete, or after two epochs."""

    def make(path, stop=None):
        with no_builtins():
            mlpkit.register(*classes())
            model = mlpkit.Model(spec(), inputs=1, outputs=1)
            for epoch in mlpkit.epochs(model, X, Y):
                if epoch.number == stop:
                    break
            model.save(path, training_state=stop is not None)
            no_classes()
        contents = reader.read(path)
        assert contents.spec["loss"]["type"] == "huber"
        found = {record["name"]: record["distribution"] for record in contents.plugins if record["kind"] in NAMES}
        assert {name: found[name] for name in NAMES.values()} == dict.fromkeys(NAMES.values())
        return model

    return make


WAYS = [{}, {"mmap": True}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_old_file_never_takes_a_built_in(tmp_path, before, way):
    before(tmp_path / "old.h5")
    with pytest.raises(errors.MissingPlugin, match=r"load\(\.\.\., plugins=\[Gelu\]\).*allow_surrogate=True"):
        mlpkit.load(tmp_path / "old.h5", **way)


def test_not_even_one_that_computes_the_same(tmp_path, no_builtins):
    with no_builtins():
        mlpkit.register(type("Gelu", (GELU,), {"__module__": "own_code"}))
        layers = [{"units": 6, "activation": "gelu"}, {"units": 1}]
        mlpkit.Model({"network": {"layers": layers}, "loss": "mse"}, inputs=1, outputs=1).save(tmp_path / "old.h5")
    REGISTRIES["activations"]._own.clear()
    with pytest.raises(errors.MissingPlugin, match="pass the code of 'gelu'"):
        mlpkit.load(tmp_path / "old.h5")


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("passed", [True, False], ids=["passed", "registered"])
def test_with_its_classes_an_old_file_works_as_before(tmp_path, before, passed, way):
    model, given = before(tmp_path / "old.h5"), classes()
    if not passed:
        mlpkit.register(*given)
    loaded = mlpkit.load(tmp_path / "old.h5", plugins=given if passed else [], **way)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    assert (type(loaded.spec.loss), loaded.spec.loss.scale) == (given[1], 0.5)
    assert copy.deepcopy(loaded).spec == loaded.spec
    more = [list(mlpkit.epochs(trained, X, Y))[-1].loss for trained in (loaded, model)]
    assert more[0] == more[1]


def test_it_is_saved_with_names_that_cannot_clash(tmp_path, before):
    model, given = before(tmp_path / "old.h5"), classes()
    mlpkit.load(tmp_path / "old.h5", plugins=given).save(tmp_path / "new.h5")
    old, new = reader.read(tmp_path / "old.h5"), reader.read(tmp_path / "new.h5")
    assert (new.spec["loss"]["type"], new.spec["optimizer"]["type"]) == (":huber", ":lion")
    for then, now in zip(old.plugins, new.plugins, strict=True):
        assert now == {**then, "name": now["name"], "target": now["target"]}
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "new.h5", plugins=given).predict(X), model.predict(X))
    REGISTRIES["activations"]._own.clear()
    with pytest.raises(errors.MissingPlugin, match=r"pass the code of ':gelu'"):
        mlpkit.load(tmp_path / "new.h5")


def test_the_lookup_table_goes_on_working_and_through_a_copy(tmp_path, before):
    model = before(tmp_path / "old.h5")
    for name, saved in (("old.h5", "one.h5"), ("one.h5", "two.h5")):
        with pytest.warns(errors.SurrogateWarning, match=":gelu"):
            loaded = mlpkit.load(tmp_path / name, allow_surrogate=True)
        np.testing.assert_allclose(loaded.predict(X), model.predict(X), atol=1e-5)
        with pytest.raises(errors.MissingPlugin, match=r"pass the code of ':?gelu'"):
            next(mlpkit.epochs(loaded, X, Y))
        loaded.save(tmp_path / saved)
    loaded = mlpkit.load(tmp_path / "two.h5", plugins=classes())
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_run_of_an_old_file_is_resumed(tmp_path, before):
    whole = before(tmp_path / "whole.h5")
    before(tmp_path / "part.h5", stop=2)
    mlpkit.register(*classes())
    resumed = mlpkit.train(spec(":"), X, Y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))


def test_a_changed_class_is_noticed(tmp_path, before):
    before(tmp_path / "old.h5")
    given = classes()
    given[0].function = lambda self, z: 1.1 * self.a * np.sin(z)
    with pytest.warns(errors.PluginDriftWarning, match="gelu by"):
        mlpkit.load(tmp_path / "old.h5", plugins=given)


def test_in_a_spec_the_name_is_the_built_in_and_both_fit_in_one_file(tmp_path):
    gelu = classes()[0]
    layers = [{"units": 3, "activation": "mlpkit:gelu"}, {"units": 3, "activation": gelu}, {"units": 3, "activation": gelu(a=2.0)}, {}]
    model = mlpkit.Model({"network": {"layers": layers}, "loss": "mse"}, inputs=1, outputs=1)
    types = [type(layer.activation) for layer in model.spec.network.layers[:3]]
    assert types == [GELU, gelu, gelu]
    model.save(tmp_path / "both.h5")
    loaded = mlpkit.load(tmp_path / "both.h5", plugins=[gelu])
    assert [type(layer.activation) for layer in loaded.spec.network.layers[:3]] == types
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    with pytest.warns(UserWarning, match=r"'gelu' is the built-in of the activations; your class of this name is ':gelu'"):
        plain = mlpkit.Spec.model_validate({"network": {"layers": [{"units": 2, "activation": "gelu"}, {}]}, "loss": "mse"})
    assert type(plain.network.layers[0].activation) is GELU


@pytest.mark.parametrize("kind", NAMES)
def test_a_class_has_its_own_full_name(kind):
    mlpkit.register(*classes())
    registry, name = REGISTRIES[kind], NAMES[kind]
    assert registry.get(name) is registry.get(f"mlpkit:{name}") is BUILTINS[kind]
    assert registry.info(registry.get(f":{name}")).full_name == f":{name}"
    assert registry.get(f":{name}") in registry.own()


def test_a_file_of_the_built_in_keeps_it_where_a_class_has_its_name(tmp_path):
    layers = [{"units": 3, "activation": "gelu"}, {}]
    mlpkit.Model({"network": {"layers": layers}, "loss": "mse"}, inputs=1, outputs=1).save(tmp_path / "model.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = mlpkit.load(tmp_path / "model.h5", plugins=classes())
    assert type(loaded.spec.network.layers[0].activation) is GELU


def test_a_package_has_its_full_name_or_one_that_excludes_the_built_in(install, tmp_path):
    install("dist-gelu", "gelu", "\n".join(CODE.split("class Huber")[:1]).replace("class Gelu", "class Plugin"))
    registry = REGISTRIES["activations"]
    assert registry.get("gelu") is GELU
    assert registry.get("dist-gelu:gelu") is registry.get(":gelu")
    layers = [{"units": 3, "activation": "dist-gelu:gelu"}, {}]
    model = mlpkit.Model({"network": {"layers": layers}, "loss": "mse"}, inputs=1, outputs=1)
    model.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").spec == model.spec
    loaded = mlpkit.load(tmp_path / "model.h5", plugins=classes())
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_package_of_an_old_class_is_taken_if_it_computes_the_same(install, tmp_path, before):
    model = before(tmp_path / "old.h5")
    install("dist-gelu", "gelu", "\n".join(CODE.split("class Huber")[:1]).replace("class Gelu", "class Plugin"))
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "old.h5").predict(X), model.predict(X))


@pytest.fixture
def program(tmp_path, capsys, monkeypatch, no_classes):
    """Run the program in a folder with the rows and the code, each time as in a new process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(CODE)
    lines = ["x,y", *(f"{x},{y}" for x, y in zip(X[:, 0], Y, strict=True))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    for name, prefix in (("old.json", ""), ("new.json", ":")):
        (tmp_path / name).write_text(json.dumps({**spec(prefix), "data": {"path": "rows.csv", "target": "y"}}))

    def program(line, code=0):
        no_classes()
        capsys.readouterr()
        found, (out, err) = main(line.split()), capsys.readouterr()
        assert found == code, err
        return out, err

    return program


def test_the_program_takes_the_code(program, no_builtins):
    with no_builtins():
        program("train old.json -o old.h5 --code own.py")
        out, _ = program("predict old.h5 rows.csv --code own.py")
    assert program("predict old.h5 rows.csv --code own.py")[0] == out
    for command in ("evaluate old.h5 rows.csv", "info old.h5 --verify", "train new.json -o further.h5 --from old.h5"):
        program(f"{command} --code own.py")
    _, err = program("predict old.h5 rows.csv", code=3)
    assert "pass the code of 'gelu': --code own.py" in err
    assert program("train new.json -o new.h5 --code own.py")[1].count("built-in") == 0
    assert program("predict new.h5 rows.csv --code own.py")[0] == out


def test_the_program_resumes_a_run_of_an_old_file(program, no_builtins):
    with no_builtins():
        program("train old.json -o part.h5 --code own.py -s training.keep_state=true")
        program("train old.json -o whole.h5 --code own.py --epochs 6")
    program("train new.json -o resumed.h5 --resume part.h5 --code own.py --epochs 6")
    whole, resumed = (program(f"predict {name} rows.csv --code own.py")[0] for name in ("whole.h5", "resumed.h5"))
    assert resumed == whole


def test_an_own_initializer_called_prior_is_not_the_built_in():
    class Prior(mlpkit.Initializer):
        def fill(self, array, rng):
            array[...] = 7.0

    layers = [{"units": 1, "bias_initializer": Prior}]
    training = {"epochs": 1}
    given = {"network": {"layers": layers}, "loss": "mse", "optimizer": {"type": "sgd", "learning_rate": 1e-9}, "training": training}
    model = mlpkit.train(given, X, Y)
    np.testing.assert_allclose(model.network.layers[0].bias, 7.0, rtol=1e-6)


def test_the_program_says_what_the_name_in_an_old_spec_means(program):
    _, err = program("train old.json -o new.h5 --code own.py", code=2)
    for kind, name in NAMES.items():
        assert f"warning: '{name}' is the built-in of the {kind}; your class of this name is ':{name}' in a spec" in err
    assert "unknown option 'a' of gelu" in err


def test_a_bound_of_an_own_metric_goes_in_its_direction(program, tmp_path):
    metric = "\nclass MaxError(mlpkit.Metric):\n    higher_is_better = True\n    task = 'regression'\n"
    (tmp_path / "own.py").write_text(CODE + metric + "    def compute(self, outputs, targets, weights):\n        return 5.0\n")
    program("train new.json -o new.h5 --code own.py")
    program("evaluate new.h5 rows.csv --code own.py --metric :max_error --fail-under :max_error=4")
    program("evaluate new.h5 rows.csv --code own.py --metric :max_error --fail-under :max_error=6", code=4)
