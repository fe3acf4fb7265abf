"""Invalid input: an error with position and advice, the right exit code, and no output file."""

import json
import re
from importlib import metadata

import numpy as np
import pytest

import mlpkit


def edited(spec, path, value):
    """A spec with a value set, or a key removed (None), at a path such as network.layers.0.units."""
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place = spec
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder, run, code, words, *argv):
    """Run the program; it must fail in that way and write nothing."""
    before = files(folder)
    done = run(*argv)
    assert done.code == code, done
    assert files(folder) == before
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    for word in words:
        assert word in done.err
    return done


BAD_SPECS = {
    "zero units": ({"network.layers.0.units": 0}, 2, ["network.layers[0].units", "greater than or equal to 1, not 0"]),
    "negative units": ({"network.layers.0.units": -4}, 2, ["network.layers[0].units"]),
    "zero rate": ({"optimizer.learning_rate": 0}, 2, ["optimizer.learning_rate", "greater than 0"]),
    "negative rate": ({"optimizer.learning_rate": -0.1}, 2, ["optimizer.learning_rate", "greater than 0"]),
    "zero epochs": ({"training.epochs": 0}, 2, ["training.epochs"]),
    "negative epochs": ({"training.epochs": -5}, 2, ["training.epochs"]),
    "fractional epochs": ({"training.epochs": 2.5}, 2, ["training.epochs"]),
    "wrong type": ({"training.epochs": "ten"}, 2, ["training.epochs", "'ten'"]),
    "unknown key": ({"optimiser": "adam"}, 2, ["unknown key 'optimiser'", "did you mean 'optimizer'"]),
    "unknown option": ({"optimizer.momentun": 0.9}, 2, ["unknown option 'momentun' of adam"]),
    "missing loss": ({"loss": None}, 2, ["'loss' is missing"]),
    "no layers": ({"network.layers": []}, 2, ["network.layers"]),
    "hidden layer without units": ({"network.layers.0.units": None}, 2, ["'units' is missing", "network.layers[0]"]),
    "unknown activation": ({"network.layers.0.activation": "relo"}, 3, ["unknown activation 'relo'", "did you mean 'relu'", "spec.json:"]),
    "plugin of a package that is not installed": ({"loss": "mlpkit-nowhere:loss"}, 3, ["mlpkit-nowhere", "pip install mlpkit-nowhere"]),
    "unknown metric": ({"metrics": ["acuracy"]}, 3, ["did you mean 'accuracy'"]),
    "last layer too wide": ({"network.layers.1.units": 5}, 2, ["5 units", "needs 3", "network.layers[1].units", "spec.json:1:"]),
    "last layer too narrow": ({"network.layers.1.units": 2}, 2, ["2 units", "needs 3"]),
    "softmax on one unit": ({"network.layers.1.units": 1}, 2, ["softmax over one unit is always 1"]),
    "binary loss with a linear output": (
        {"loss": "binary_crossentropy", "network.layers.1.activation": "linear"},
        2,
        ["binary_crossentropy needs probabilities", "'sigmoid'"],
    ),
    "binary loss with three classes": (
        {"loss": "binary_crossentropy", "network.layers.1.activation": "sigmoid"},
        2,
        ["needs two classes", "has 3", "categorical_crossentropy"],
    ),
    "metric of another task": ({"metrics": ["rmse"]}, 2, ["classification", "rmse"]),
    "inputs too wide": ({"network.inputs": 99}, 2, ["network.inputs", "99"]),
    "early stopping with nothing to watch": (
        {"data.split": None, "training.early_stopping": {"patience": 3}},
        2,
        ["there are no validation rows", "training.early_stopping", "data.split.validation"],
    ),
    "no data": ({"data.path": None}, 2, ["names no data", "data.path"]),
    "no target": ({"data.target": None}, 2, ["no column to predict", "data.target", "shape"]),
    "no such target": ({"data.target": "shap"}, 2, ["no column 'shap'", "did you mean 'shape'"]),
    "no such input": ({"data.inputs": ["width", "hight"], "preprocessing": None}, 2, ["no column 'hight'", "'height'"]),
    "no such file": ({"data.path": "nowhere.csv"}, 2, ["no file", "nowhere.csv"]),
    "a folder as data": ({"data.path": ".."}, 2, ["is a folder without files of data"]),
    "unknown kind of file": ({"data.path": "shapes.pkl"}, 2, [".pkl"]),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_bad_specs(project, run, spec, name):
    changes, code, words = BAD_SPECS[name]
    for path, value in changes.items():
        edited(spec, path, value)
    (project / "spec.json").write_text(json.dumps(spec))
    refused(project, run, code, [*words, "error: "], "train", "spec.json", "-o", "new.h5", "-q")


BAD_TEXTS = {
    "broken JSON": ('{"name": "x",\n  "seed" 3}', ["not valid JSON", "spec.json:2:10", "^"]),
    "NaN": ('{"seed": NaN}', ["NaN is not a JSON number"]),
    "a key twice": ('{"seed": 1,\n "seed": 2}', ["'seed' is written twice", "spec.json:2:2"]),
    "empty": ("", ["not valid JSON"]),
    "no object": ("[1, 2]", ["error: "]),
    "too deep": ("[" * 100_000 + "]" * 100_000, ["nested too deep"]),
    "not UTF-8": (b'{"name": "\xff"}', ["not UTF-8"]),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
@pytest.mark.parametrize("command", ["train", "check"])
def test_bad_texts(project, run, name, command):
    text, words = BAD_TEXTS[name]
    (project / "spec.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(project, run, 2, words, command, "spec.json")


BAD_DATA = {
    "an empty file": (lambda text: "", ["shapes.csv is empty"]),
    "a header only": (lambda text: text.splitlines()[0] + "\n", ["has a header but no rows"]),
    "a duplicate column": (lambda text: text.replace("height", "width", 1), ["several columns named 'width'"]),
    "a ragged row": (lambda text: text.replace("blue,disc", "blue,disc,3", 1), ["line 4 of", "6 values", "shapes.csv:4"]),
    "a missing target": (
        lambda text: text.replace("blue,disc", "blue,", 1),
        ["'shape' has a missing value", "line 4", "data.missing_target", '"drop"'],
    ),
    "a constant target": (lambda text: text.replace("box", "bar").replace("disc", "bar"), ["only one class"]),
    "text in a number column": (lambda text: text.replace("NA", "wide", 1), ["'width'", "line 7", "'wide'", "shapes.csv:7"]),
    "infinity": (lambda text: text.replace("NA", "inf", 1), ["'width' has inf", "line 7"]),
    "dates": (lambda text: re.sub("red|green|blue", "2020-05-17", text), ["'colour' has dates", '"colour": "date"', "ignore"]),
    "not UTF-8": (lambda text: text.replace("red", "r\xe9d", 1).encode("latin-1"), ["not UTF-8", "line 2"]),
    "a NUL": (lambda text: text.replace("red", "r\0d", 1), ["NUL", "line 2"]),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(project, run, shapes, name):
    change, words = BAD_DATA[name]
    changed = change(shapes())
    assert changed != shapes()
    (project / "shapes.csv").write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    refused(project, run, 2, words, "train", "spec.json", "-q")


def test_a_class_that_only_the_validation_rows_have(project, run, shapes, spec):
    (project / "more.csv").write_text(shapes(9).replace("disc", "star"))
    edited(spec, "data.split", None)
    spec["data"]["validation"] = "more.csv"
    (project / "spec.json").write_text(json.dumps(spec))
    done = run("train", "spec.json", "-q")
    assert done.code == 0
    assert "3 validation rows left out, whose class is not in the training rows" in done.err


def test_a_constant_number_as_target(project, run, spec):
    (project / "shapes.csv").write_text("width,shape\n" + "".join(f"{row},1.5\n" for row in range(30)))
    edited(spec, "network.layers.1.activation", "linear")
    spec.update(loss="mean_squared_error", metrics=[])
    (project / "spec.json").write_text(json.dumps(spec))
    refused(project, run, 2, ["'shape' is 1.5 in every training row"], "train", "spec.json", "-q")


def test_nan_without_imputation(project, run, spec):
    x = np.ones((30, 2))
    x[7, 1] = np.nan
    np.savez(project / "shapes.npz", x=x, shape=np.arange(30) % 3)
    spec["data"]["path"] = "shapes.npz"
    (project / "spec.json").write_text(json.dumps(spec | {"preprocessing": "none"}))
    refused(project, run, 2, ["'x1' has a missing value in row 7", "impute"], "train", "spec.json", "-q")


def test_all_problems_at_once_each_at_its_place(project, run):
    (project / "spec.json").write_text(
        """{
  "network": {"layers": [
    {"units": 0, "activation": {"type": "leaky_relu", "slope": 0.1}},
    {"activation": "softmx"}
  ]},
  "loss": "categorical_crossentropy",
  "trainng": {}
}"""
    )
    done = refused(project, run, 2, ["4 errors"], "check", "spec.json")
    assert "\n".join(done.err.split("\n\n")[1].splitlines()) == (
        """error: unknown option 'slope' of leaky_relu; did you mean 'negative_slope'?
  --> spec.json:3:55  (network.layers[0].activation.slope)
   |
 3 |     {"units": 0, "activation": {"type": "leaky_relu", "slope": 0.1}},
   |                                                       ^^^^^^^
help: known: negative_slope"""
    )
    assert re.findall(r"--> (spec\.json:\d+:\d+)", done.err) == ["spec.json:3:15", "spec.json:3:55", "spec.json:4:20", "spec.json:7:3"]


def test_problems_as_json(project, run):
    text = '{"network": {"layers": [{"units": 1}]}, "loss": "mse", "seed": -1, "name": 3}'
    (project / "spec.json").write_text(text)
    done = run("check", "spec.json", "--json")
    found = json.loads(done.out)
    assert done.code == 2
    assert found["valid"] is False
    assert [(problem["path"], problem["line"], problem["column"]) for problem in found["problems"]] == [
        ("name", 1, text.index("3}") + 1),
        ("seed", 1, text.index("-1") + 1),
    ]


def test_a_long_line_is_shown_around_the_place(project, run, spec):
    spec["data"]["missing"] = ["x" * 20] * 20
    (project / "spec.json").write_text(json.dumps(spec | {"seed": -1}))
    done = refused(project, run, 2, ["-1", "^^"], "check", "spec.json")
    lines = done.err.splitlines()
    assert max(map(len, lines)) < 140
    caret = lines[4].index("^^")
    assert lines[3][caret : caret + 2] == "-1"


USAGE = {
    "no such command": (["trian"], ["'trian'"]),
    "no such option": (["train", "spec.json", "--epoch", "3"], ["--epoch"]),
    "no spec": (["train"], ["SPEC"]),
    "an option without its value": (["train", "spec.json", "-o"], ["-o"]),
    "text for a number": (["train", "spec.json", "--epochs", "many"], ["invalid value for '--epochs'"]),
    "no epochs": (["train", "spec.json", "--epochs", "0"], ["--epochs"]),
    "unknown progress": (["train", "spec.json", "--progress", "fancy"], ["fancy", "plain"]),
    "a setting without a value": (["train", "spec.json", "-s", "training.epochs"], ["KEY=VALUE"]),
    "a setting without a key": (["train", "spec.json", "-s", "=3"], ["KEY=VALUE"]),
    "everything from stdin": (["train", "-", "-d", "-"], ["stdin"]),
    "a model to stdout": (["train", "spec.json", "-o", "-"], ["stdout"]),
    "a bound that is no number": (["evaluate", "m.h5", "shapes.csv", "--fail-under", "accuracy=good"], ["NAME=VALUE"]),
    "an array to stdout": (["predict", "m.h5", "shapes.csv", "--format", "npy"], ["--output"]),
    "an array with text columns": (["predict", "m.h5", "shapes.csv", "-o", "x.npy", "--keep-columns"], ["--keep-columns"]),
    "no rows at a time": (["predict", "m.h5", "shapes.csv", "--batch-size", "0"], ["--batch-size"]),
    "init of stdin": (["init", "-", "-o", "new.json"], ["must be a file"]),
    "a target without data": (["init", "-t", "shape", "-o", "new.json"], ["needs DATA"]),
    "a spec that exists": (["init", "shapes.csv"], ["spec.json exists", "--force"]),
    "a spec over its data": (["init", "shapes.csv", "-o", "shapes.csv", "-f"], ["an input of the command"]),
    "a model over its spec": (["train", "spec.json", "-o", "spec.json", "-f"], ["an input of the command"]),
    "a model over its data": (["train", "spec.json", "-o", "shapes.csv", "-f"], ["an input of the command"]),
    "no such spec": (["train", "nowhere.json"], ["nowhere.json", "No such file"]),
    "a folder as spec": (["train", "."], ["cannot read the spec"]),
    "no such data": (["train", "spec.json", "-d", "nowhere.csv"], ["no file nowhere.csv"]),
    "no such data to check": (["check", "spec.json", "-d", "nowhere.csv"], ["no file nowhere.csv"]),
    "no such data to begin with": (["init", "nowhere.csv", "-o", "new.json"], ["no file nowhere.csv"]),
    "no such target": (["init", "shapes.csv", "-t", "shap", "-o", "new.json"], ["no column 'shap'", "did you mean 'shape'"]),
    "a target that names the rows": (["init", "shapes.csv", "-t", "id", "-o", "new.json"], ["are row names"]),
    "no such model": (["info", "nowhere.h5"], ["nowhere.h5"]),
    "a model that is none": (["info", "shapes.csv"], ["not an HDF5 file"]),
    "a folder as model": (["predict", ".", "shapes.csv"], ["error: "]),
    "an unknown group": (["plugins", "list", "--group", "layers"], ["layers", "losses"]),
    "a setting of no layer": (
        ["train", "spec.json", "-s", "network.layers.7.units=3"],
        ["--set network.layers.7.units=3", "an index from 0 to 1"],
    ),
    "a setting inside a number": (["train", "spec.json", "-s", "training.epochs.x=3"], ["--set training.epochs.x=3"]),
    "a wrong setting": (["train", "spec.json", "-s", "training.epochs=-3"], ["--> --set training.epochs=-3  (training.epochs)"]),
    "a setting of an unknown key": (["train", "spec.json", "-s", "trainig.epochs=3"], ["--set trainig.epochs=3", "'training'"]),
    "a setting that the data refuse": (["train", "spec.json", "-s", "network.layers[1].units=9"], ["--set network.layers[1].units=9"]),
}


@pytest.mark.parametrize("name", USAGE)
def test_usage(project, run, name):
    argv, words = USAGE[name]
    refused(project, run, 2, [*words, "error: "], *argv)


UNWRITABLE = {
    "no such folder": ("nowhere/new.h5", "its folder does not exist"),
    "a folder": ("taken", "it is a folder"),
    "read-only": ("sealed.h5", "it is read-only"),
    "a device": ("/dev/null", "it is not a regular file"),
    "the name of a folder": ("new.h5/", "its name ends with a path separator"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
@pytest.mark.parametrize("argv", [["train", "spec.json", "-f", "--epochs", "1000000"], ["init", "shapes.csv", "-f"], ["schema"]])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(project, run, name, argv):
    path, words = UNWRITABLE[name]
    (project / "taken").mkdir()
    (project / "sealed.h5").touch()
    (project / "sealed.h5").chmod(0o444)
    refused(project, run, 1, [f"cannot write {path}: {words}"], *argv, "-o", path)


def test_no_permission_to_write(project, run, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    refused(project, run, 1, ["cannot write new.h5: no permission"], "train", "spec.json", "-o", "new.h5")


@pytest.mark.parametrize(("module", "argv"), [("builtins.open", ["train", "spec.json"]), ("builtins.open", ["init", "shapes.csv", "-f"])])
def test_no_permission_to_read(project, run, monkeypatch, module, argv):
    before = files(project)

    def denied(path, *args, **options):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(module, denied)
        done = run(*argv)
    assert (done.code, files(project)) == (2, before)
    assert "Permission denied" in done.err


# -- plugins


def distribution(folder, name, version, entry_points, modules):
    """An installed distribution, as Python sees one."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)
    for module, text in modules.items():
        (folder / module).write_text(text)


TWIN = """
from mlpkit import Elementwise

class Twin(Elementwise):
    def function(self, z):
        return z * abs(z)

    def derivative(self, z, y):
        return 2 * abs(z)
"""


@pytest.fixture
def packages(project, monkeypatch, tmp_path_factory):
    """Two distributions with one name, one of which is broken too."""
    site = tmp_path_factory.mktemp("site")
    distribution(site, "first-pack", "1.0", "[mlpkit.activations]\ntwin = first_pack:Twin\n", {"first_pack.py": TWIN})
    second = "[mlpkit.activations]\ntwin = second_pack:Twin\ncracked = second_pack:Cracked\n"
    distribution(site, "second-pack", "2.0", second, {"second_pack.py": "import not_installed_at_all\n"})
    monkeypatch.syspath_prepend(str(site))
    assert metadata.version("first-pack") == "1.0"
    mlpkit.refresh_plugins()
    yield project
    monkeypatch.undo()
    mlpkit.refresh_plugins()


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("twin", ["'twin' is the name of 2 installed activations", "'first-pack:twin' or 'second-pack:twin'"]),
        ("cracked", ["'cracked' of second-pack 2.0", "not_installed_at_all", "reinstall or update second-pack"]),
        ("third-pack:twin", ["third-pack", "pip install third-pack"]),
    ],
)
def test_plugins_that_cannot_be_used(packages, run, plugin, words):
    refused(packages, run, 3, words, "train", "spec.json", "-s", f"network.layers.0.activation={plugin}")


def test_a_broken_plugin_breaks_nothing_else(packages, run):
    assert run("train", "spec.json", "-q", "-s", "network.layers.0.activation=first-pack:twin").code == 0
    assert "BROKEN: the activation 'cracked'" in run("plugins", "list", "-v").out
    assert "BROKEN" in run("doctor").out
    assert "first-pack:twin" in run("schema").out
    assert run("predict", "model.h5", "shapes.csv").code == 0


FINE = """import mlpkit
class Whole(mlpkit.Elementwise):
    def function(self, z):
        return z
    def derivative(self, z, y):
        return 1.0
"""
BREAKS = """import mlpkit
class Breaks(mlpkit.Elementwise):
    def function(self, z):
        return {function}
    def derivative(self, z, y):
        raise ValueError("no derivative today")
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("z", ["the activation 'breaks'", "failed in derivative: ValueError: no derivative today", "own.py:6", "correct it"]),
        ("z[:, :0]", ["the activation 'breaks'", "failed in forward: ValueError: function returns shape"]),
    ],
)
def test_a_plugin_that_fails_is_named_with_its_place(project, run, function, words):
    (project / "own.py").write_text(BREAKS.format(function=function))
    refused(project, run, 3, words, "train", "spec.json", "-c", "own.py", "-s", "network.layers.0.activation=breaks")


@pytest.mark.parametrize("command", ["check", "train"])
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"metrics": ["r2"]}, ["the metrics r2 do not fit the task classification", "(metrics)"]),
        (
            {"data": {"path": "shapes.csv", "target": "shape"}, "training": {"early_stopping": {}}},
            ["no validation rows", "(training.early_stopping)"],
        ),
    ],
)
def test_errors_that_depend_on_data_are_found_before_training(project, run, command, setting, words):
    spec = json.loads((project / "spec.json").read_text())
    (project / "spec.json").write_text(json.dumps(spec | setting))
    refused(project, run, 2, words, command, "spec.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1 +", ["own.py does not run: SyntaxError"]),
        ("x = 1", ["own.py defines no plugin"]),
        (None, ["there is no file own.py"]),
        (
            FINE + "class Half(mlpkit.Elementwise):\n    def function(self, z):\n        return z\n",
            ["own.py: Half does not define derivative"],
        ),
    ],
)
def test_code_without_plugins(project, run, text, words):
    if text is not None:
        (project / "own.py").write_text(text)
    refused(project, run, 3, words, "train", "spec.json", "-c", "own.py")


# -- what nobody foresaw


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("by zero"), ["internal error: ZeroDivisionError: by zero", "bug in mlpkit", "mlpkit doctor"]),
        (MemoryError(), ["not enough memory"]),
        (RecursionError(), ["nested too deep"]),
        (OSError(28, "No space left on device", "x.h5"), ["x.h5: No space left on device"]),
    ],
)
def test_the_unexpected_is_one_sentence(project, run, monkeypatch, error, words):
    def fail(path):
        raise error

    monkeypatch.setattr("mlpkit.model.inspection.inspect", fail)
    done = run("info", "model.h5")
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert "Traceback" in run("info", "model.h5", "--debug").err


def test_a_run_that_diverges(project, run):
    argv = [
        "train",
        "spec.json",
        "-s",
        'optimizer={"type": "sgd", "learning_rate": 1e30}',
        "-s",
        "network.layers.0.activation=linear",
        "-q",
    ]
    refused(project, run, 1, ["the loss became", "lower the learning rate"], *argv)
