"""The registry: names to plugins, lazily; one broken plugin breaks nothing but itself."""

import sys
import tomllib
from pathlib import Path

import pytest

import mlpkit
from mlpkit import errors
from mlpkit.builtins import CLASSES
from mlpkit.plugin import CONTRACTS, REGISTRIES, Elementwise
from mlpkit.registry import snake_case
from mlpkit.spec import Spec

PLUGIN = """
import mlpkit

class {cls}(mlpkit.Elementwise):
    def function(self, z):
        return z
    def derivative(self, z, y):
        return 1.0
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one activation into a folder of its own on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution, name, code, target=None):
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[mlpkit.activations]\n{name} = {target or f'{module}:Plugin'}\n")
        REGISTRIES["activations"].refresh()
        return module

    yield install
    REGISTRIES["activations"].refresh()
    for module in [name for name in sys.modules if name.startswith("dist_")]:
        del sys.modules[module]


def activation(name):
    return REGISTRIES["activations"].get(name)


def test_table_in_code_equals_the_entry_points():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    declared = {group.removeprefix("mlpkit."): points for group, points in project["entry-points"].items()}
    assert declared == {kind: {name: f"mlpkit.{kind}:{cls}" for name, cls in names.items()} for kind, names in CLASSES.items()}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.kind)
def test_every_builtin_loads_and_says_what_it_is(contract):
    registry = REGISTRIES[contract.kind]
    for name in (*registry.builtins, *registry.aliases):
        cls = registry.get(name)
        assert issubclass(cls, contract)
        assert cls.__doc__
        assert registry.info(cls).name == registry.aliases.get(name, name)


def test_a_builtin_name_never_looks_at_the_environment(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: pytest.fail("scanned"))
    REGISTRIES["activations"].refresh()
    assert activation("relu") is activation("mlpkit:relu")


def test_a_plugin_is_found_and_imported_only_when_asked_for(install):
    module = install("dist-swish", "swish_x", PLUGIN.format(cls="Plugin"))
    (info,) = [info for info in mlpkit.plugins("activations") if info.distribution == "dist-swish"]
    assert (info.full_name, info.version, info.target) == ("dist-swish:swish_x", "1.2", f"{module}:Plugin")
    assert module not in sys.modules
    cls = activation("swish_x")
    assert activation("dist-swish:swish_x") is cls
    assert REGISTRIES["activations"].info(cls) == info


def test_a_spec_stores_the_full_name(install):
    install("dist-swish", "swish_x", PLUGIN.format(cls="Plugin"))
    spec = Spec.model_validate({"network": {"layers": [{"units": 1, "activation": "swish_x"}]}, "loss": "mse"})
    assert spec.to_dict()["network"]["layers"][0]["activation"] == "dist-swish:swish_x"
    assert Spec.model_validate(spec.to_dict()) == spec


def test_unknown_names_get_the_nearest_and_the_installed():
    with pytest.raises(errors.MissingPlugin) as caught:
        activation("sigmiod")
    assert "did you mean 'sigmoid'" in str(caught.value)
    assert "leaky_relu" in caught.value.help
    with pytest.raises(errors.MissingPlugin, match="pip install mlpkit-none"):
        activation("mlpkit-none:what")


def test_two_distributions_with_one_name(install):
    install("dist-one", "same", PLUGIN.format(cls="Plugin"))
    install("dist-two", "same", PLUGIN.format(cls="Plugin"))
    with pytest.raises(errors.AmbiguousPlugin, match="'dist-one:same' or 'dist-two:same'"):
        activation("same")
    assert activation("dist-two:same").__module__ == "dist_two"


def test_a_builtin_name_always_means_the_builtin(install):
    install("dist-relu", "relu", PLUGIN.format(cls="Plugin"))
    assert activation("relu").__module__ == "mlpkit.activations"
    assert activation("dist-relu:relu").__module__ == "dist_relu"


BROKEN = {
    "does not import": ("import nothing_of_this_name", "ModuleNotFoundError"),
    "syntax": ("class", "SyntaxError"),
    "no such class": ("", "AttributeError"),
    "not a plugin": ("Plugin = int", "not a subclass of Activation"),
    "wrong kind": (PLUGIN.format(cls="Other") + "\nfrom mlpkit.losses import MeanSquaredError as Plugin", "not a subclass"),
    "unfinished": ("import mlpkit\nclass Plugin(mlpkit.Elementwise):\n    pass", "does not define derivative, function"),
    "option called type": (PLUGIN.format(cls="Plugin") + "    type: str = ''", "option called 'type'"),
    "exits": ("raise RuntimeError('no licence')", "no licence"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_and_breaks_nothing_else(install, case):
    code, words = BROKEN[case]
    install("dist-broken", "broken", code)
    install("dist-good", "good", PLUGIN.format(cls="Plugin"))
    with pytest.raises(errors.BrokenPlugin) as caught:
        activation("broken")
    assert words in str(caught.value)
    assert "dist-broken 1.2" in str(caught.value)
    assert activation("good").__module__ == "dist_good"
    assert {"broken", "good", "relu"} <= {info.name for info in mlpkit.plugins("activations")}
    assert Spec.model_json_schema()


def test_a_plugin_with_a_bad_name(install):
    install("dist-bad", "Bad-Name", PLUGIN.format(cls="Plugin"))
    with pytest.raises(errors.BrokenPlugin, match="must match"):
        activation("Bad-Name")


def test_an_own_class_goes_by_its_name():
    class MyReLU(Elementwise):
        def function(self, z):
            return z

        def derivative(self, z, y):
            return 1.0

    assert mlpkit.register(MyReLU)[0].full_name == "my_relu"
    assert activation("my_relu") is MyReLU


def test_an_own_class_must_not_take_a_builtin_name():
    class Tanh(Elementwise):
        def function(self, z):
            return z

        def derivative(self, z, y):
            return 1.0

    with pytest.raises(errors.BrokenPlugin, match="'tanh' is the name of a built-in"):
        mlpkit.register(Tanh)


def test_an_own_class_must_not_take_the_name_of_another(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(PLUGIN.format(cls="Twice"))
    mlpkit.register_file(tmp_path / "one.py")
    mlpkit.register_file(tmp_path / "one.py")  # as a notebook does with a cell that is run again
    with pytest.raises(errors.BrokenPlugin, match="'twice' already means your mlpkit_code_one:Twice"):
        mlpkit.register_file(tmp_path / "two.py")


def test_a_file_registers_what_it_defines(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(cls="Straight"))
    assert [info.name for info in mlpkit.register_file(path)] == ["straight"]
    assert Spec.model_validate({"network": {"layers": [{"units": 1, "activation": "straight"}]}, "loss": "mse"})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1", "defines no plugin"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import mlpkit\nclass A(mlpkit.Loss): ...", "A does not define value_and_grad"),
    ],
)
def test_a_file_without_plugins(tmp_path, code, words):
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(errors.BrokenPlugin, match=words):
        mlpkit.register_file(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(errors.BrokenPlugin, match="there is no file"):
        mlpkit.register_file(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("name", "expected"), [("LeakyReLU", "leaky_relu"), ("SGD", "sgd"), ("GlorotUniform", "glorot_uniform"), ("R2", "r2"), ("ReLU", "relu")]
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected
