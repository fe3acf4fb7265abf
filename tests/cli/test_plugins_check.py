"""`mlpkit plugins check`: forms of TARGET, options, exit codes, and comparison of a folder with the installed package."""

import base64
import hashlib
import json
import sys
from types import ModuleType

import pytest

import mlpkit
from mlpkit.cli.plugins.project_folder import _plain

from ..sampling import one_in

CODE = """
from mlpkit import Elementwise, Schedule

class Bend(Elementwise):
    k: float = 2.0

    def function(self, z):
        return self.k * z

    def derivative(self, z, y):
        return self.k + 0 * z

class Fixed(Schedule):
    value: float
    def at(self, progress):
        return self.value
"""
POINTS = '[project.entry-points."mlpkit.activations"]\nbend = "bend_pack:Bend"\n'
PROJECT = f'[project]\nname = "mlpkit-bend"\nversion = "1.5"\n{POINTS}'
INSTALLED = "[mlpkit.activations]\nbend = bend_pack:Bend\n"


class Report:
    """The report of a check that passes unless the option k is 13."""

    def __init__(self, plugin, kind):
        self.plugin, self.kind = plugin, kind
        self.ok = getattr(plugin, "k", 0) != 13

    def __str__(self):
        return f"{type(self.plugin).__name__} of {self.kind}: {'passed' if self.ok else 'failed'}"

    def to_dict(self):
        return {"plugin": type(self.plugin).__name__, "kind": self.kind, "options": self.plugin.model_dump(mode="json"), "ok": self.ok}


@pytest.fixture
def kit(monkeypatch, site):
    """A conformance kit that takes no time."""
    module = ModuleType("mlpkit.testing")
    module.check_plugin = lambda plugin, *, kind, expected_failures: Report(plugin, kind)
    monkeypatch.setitem(sys.modules, "mlpkit.testing", module)
    return module


@pytest.fixture
def own(folder, kit):
    (folder / "own.py").write_text(CODE)
    return folder


# -- names and files


def test_a_name(kit, run):
    done = run("plugins", "check", "relu")
    assert done == (0, "ReLU of activations: passed\n", "checked 1 plugin: all keep the contract\n")
    (found,) = json.loads(run("plugins", "check", "relu", "--json").out)
    assert found == {"plugin": "ReLU", "kind": "activations", "options": {}, "ok": True}
    assert run("plugins", "check", "mse", "-q", "-g", "metrics") == (0, "MeanSquaredError of metrics: passed\n", "")


def test_a_full_name(kit, install_package, run):
    install_package("mlpkit-bend", "1.5", INSTALLED, {"bend_pack.py": CODE})
    assert run("plugins", "check", "mlpkit-bend:bend").out == run("plugins", "check", "bend").out == "Bend of activations: passed\n"


def test_a_file_has_all_its_plugins_checked(own, run):
    done = run("plugins", "check", "own.py", "--set", "value=0.1")
    assert (done.code, done.out) == (0, "Bend of activations: passed\nFixed of schedules: passed\n")
    assert run("plugins", "check", "own.py", "-g", "activations").out == "Bend of activations: passed\n"
    assert run("plugins", "check", "bend", "-c", "own.py").out == "Bend of activations: passed\n"


def test_one_that_breaks_its_contract(own, run):
    done = run("plugins", "check", "own.py", "-s", "k=13", "-s", "value=1")
    assert done.code == 1
    assert done.out == "Bend of activations: failed\nFixed of schedules: passed\n"
    assert done.err == "checked 2 plugins: 1 broke the contract\n"
    done = run("plugins", "check", "own.py", "-s", "k=13", "-s", "value=1", "--json")
    assert (done.code, [report["ok"] for report in json.loads(done.out)]) == (1, [False, True])


def test_settings_are_the_options(kit, run):
    done = run("plugins", "check", "step", "--set", "initial=0.1", "--set", "every=3", "--json")
    assert json.loads(done.out)[0]["options"] == {"initial": 0.1, "gamma": 0.1, "every": 3}
    nested = ["-s", "learning_rate.type=step", "-s", "learning_rate.initial=0.1", "-s", "learning_rate.every=3"]
    rate = json.loads(run("plugins", "check", "adam", *nested, "--json").out)[0]["options"]["learning_rate"]
    assert rate == {"type": "step", "initial": 0.1, "gamma": 0.1, "every": 3}


BAD = {
    "an unknown name": (["sigmiod"], 3, ["unknown plugin 'sigmiod'", "did you mean 'sigmoid'"]),
    "a name of another kind": (["relu", "-g", "losses"], 3, ["unknown loss 'relu'"]),
    "a name of two kinds": (["constant"], 3, ["several kinds: initializers, schedules", "--group initializers"]),
    "no such distribution": (["mlpkit-none:what"], 3, ["unknown plugin"]),
    "no such file": (["none.py"], 3, ["there is no file none.py"]),
    "a file that does not run": (["bad.py"], 3, ["bad.py does not run: ZeroDivisionError"]),
    "a file that is no Python": (["binary.py"], 3, ["binary.py does not run"]),
    "a file without plugins": (["empty.py"], 3, ["defines no plugin"]),
    "a file without that kind": (["own.py", "-g", "losses"], 3, ["own.py has no losses", "activations, schedules"]),
    "code that does not run": (["relu", "-c", "bad.py"], 3, ["bad.py does not run"]),
    "options without a default": (["step"], 2, ["'initial' is missing", "'every' is missing", "--set initial=VALUE --set every=VALUE"]),
    "no such option": (["relu", "-s", "slope=1"], 2, ["there is no option 'slope'", "use one of: none", "--set slope=1"]),
    "a wrong value": (["leaky_relu", "-s", "negative_slope=7"], 2, ["negative_slope", "less than 1, not 7", "plugins show leaky_relu"]),
    "a wrong type": (["leaky_relu", "-s", "negative_slope=x"], 2, ["negative_slope", "number"]),
    "no setting": (["relu", "-s", "slope"], 2, ["'slope' is not KEY=VALUE"]),
    "a setting given twice": (["leaky_relu", *["-s", "negative_slope=0.1"] * 2], 2, ["negative_slope is set more than once"]),
    "an expectation given twice": (["relu", *["--expect", "output=x"] * 2], 2, ["output is given more than once", "--expect"]),
    "no such group": (["relu", "-g", "layers"], 2, ["layers"]),
    "no target": ([], 2, ["missing argument 'TARGET'"]),
    "a folder that does not exist": (["./nowhere"], 3, ["there is no folder nowhere"]),
    "a folder without a package": (["."], 3, ["has no pyproject.toml", "mlpkit plugins new NAME"]),
    "a file that is something else": (["notes.txt"], 3, ["there is no folder notes.txt", "a .py file"]),
    "an empty name": ([""], 3, ["unknown plugin ''"]),
    "a null letter": (["a\0b"], 3, ["unknown plugin"]),
    "a long name": (["x" * 100_000], 3, ["unknown plugin"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(own, run, case):
    argv, code, words = BAD[case]
    (own / "bad.py").write_text("1 / 0")
    (own / "binary.py").write_bytes(b"\xff\x00\xfe")
    (own / "empty.py").write_text("")
    (own / "notes.txt").write_text("")
    refused(run("plugins", "check", *argv), code, *words)


def refused(done, code, *words):
    assert (done.code, done.out) == (code, "")
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    assert len(done.err) < 5000
    for word in words:
        assert word in done.err


def test_a_broken_plugin(kit, install_package, run):
    install_package("mlpkit-bend", "1.5", INSTALLED, {"bend_pack.py": "import not_installed_at_all"})
    refused(run("plugins", "check", "bend"), 3, "ModuleNotFoundError", "reinstall or update mlpkit-bend")


def test_a_plugin_that_raises_out_of_the_kit(own, kit, run):
    kit.check_plugin = lambda plugin, *, kind, expected_failures: plugin.function("text" - 1)
    done = run("plugins", "check", "bend", "-c", "own.py")
    assert (done.code, "Traceback" in done.err) == (1, False)


# -- folders


@pytest.fixture
def package(folder, kit):
    """The folder of a package."""
    (folder / "pack").mkdir()
    (folder / "pack" / "pyproject.toml").write_text(PROJECT)
    (folder / "pack" / "bend_pack.py").write_text(CODE)
    return folder / "pack"


def test_an_installed_package_has_all_its_plugins_checked(package, install_package, run):
    install_package("mlpkit_bend", "1.5", INSTALLED + "[mlpkit.schedules]\nfixed = bend_pack:Fixed\n", {"bend_pack.py": CODE})
    (package / "pyproject.toml").write_text(f'{PROJECT}[project.entry-points."mlpkit.schedules"]\nfixed = "bend_pack : Fixed"\n')
    done = run("plugins", "check", "pack", "-s", "value=1")
    assert (done.code, done.out) == (0, "Bend of activations: passed\nFixed of schedules: passed\n"), done.err
    assert run("plugins", "check", "./pack/", "-g", "activations").out == "Bend of activations: passed\n"


def test_a_name_goes_before_a_folder(package, install_package, run):
    install_package("mlpkit-bend", "1.5", INSTALLED, {"bend_pack.py": CODE})
    package.rename(package.parent / "bend")
    (package.parent / "bend" / "pyproject.toml").write_text("")
    assert run("plugins", "check", "bend").code == 0
    assert run("plugins", "check", "./bend").code == 3


def test_a_package_that_is_not_installed(package, run):
    refused(run("plugins", "check", "pack"), 3, "mlpkit-bend is not installed", "install it: pip install -e pack")
    package.rename(package.parent / "my pack")
    refused(run("plugins", "check", "my pack"), 3, "install it: pip install -e 'my pack'")


def test_a_package_that_is_shut_out(package, install_package, run, monkeypatch):
    install_package("mlpkit-bend", "1.5", INSTALLED, {"bend_pack.py": CODE})
    monkeypatch.setenv("MLPKIT_PLUGINS", "0")
    mlpkit.refresh_plugins()
    refused(run("plugins", "check", "pack"), 3, "MLPKIT_PLUGINS excludes mlpkit-bend", "add mlpkit-bend to it")


DIFFERENCES = {
    "another version": (("1.4", INSTALLED), "version 1.4 is installed, but the folder has 1.5"),
    "a new entry point": (("1.5", "[mlpkit.losses]\nx = bend_pack:X\n"), "the entry point bend of mlpkit.activations is not installed"),
    "an old entry point": (("1.5", f"{INSTALLED}old = bend_pack:Old\n"), "the entry point old of mlpkit.activations is installed"),
    "another target": (
        ("1.5", INSTALLED.replace("Bend", "Curve")),
        "is installed as bend_pack:Curve, but the folder declares bend_pack:Bend",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences_are_reported(package, install_package, run, case):
    (version, points), words = DIFFERENCES[case]
    install_package("mlpkit-bend", version, points, {"bend_pack.py": CODE})
    refused(run("plugins", "check", "pack"), 3, words, "reinstall: pip install -e pack")


def test_dynamic_fields_are_not_compared(package, install_package, run):
    install_package("mlpkit-bend", "9.9", INSTALLED, {"bend_pack.py": CODE})
    (package / "pyproject.toml").write_text(f'[project]\nname = "mlpkit-bend"\ndynamic = ["version"]\n{POINTS}')
    assert run("plugins", "check", "pack").code == 0
    (package / "pyproject.toml").write_text('[project]\nname = "mlpkit-bend"\ndynamic = ["version", "entry-points"]\n')
    assert run("plugins", "check", "pack").code == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0-Alpha.1", "1.0a1"),
        ("v2.0", "2.0"),
        ("1.0.dev", "1.0.dev0"),
        ("1.0-rc_2", "1.0rc2"),
        ("1.0c2", "1.0rc2"),
        ("1.0.post-3", "1.0.post3"),
    ],
)
def test_versions_that_are_the_same(one, other):
    assert _plain(one) == _plain(other)
    assert _plain(one) != _plain(f"{other}1")


def recorded(files):
    """A RECORD as pip writes one."""
    hashed = {name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=") for name, text in files.items()}
    return "".join(f"{name},sha256={digest},{len(files[name])}\n" for name, digest in hashed.items())


@pytest.mark.parametrize("source", ["", "src"])
def test_files_of_an_ordinary_install_are_compared(package, install_package, run, source):
    modules = {"bend_pack/__init__.py": CODE, "bend_pack/more.py": "x = 1\n"}
    install_package("mlpkit-bend", "1.5", INSTALLED, modules, {"RECORD": recorded(modules)})
    root = package / source / "bend_pack"
    root.mkdir(parents=True)
    for name, text in modules.items():
        (package / source / name).write_text(text)
    assert run("plugins", "check", "pack").code == 0
    (root / "more.py").write_text("x = 2\n")
    refused(run("plugins", "check", "pack"), 3, "bend_pack/more.py is installed with other contents", "reinstall")
    (root / "more.py").unlink()
    refused(run("plugins", "check", "pack"), 3, "bend_pack/more.py is installed, but no longer in the folder")
    (root / "more.py").write_text("x = 1\n")
    (root / "new.py").touch()
    refused(run("plugins", "check", "pack"), 3, "bend_pack/new.py is not installed")


@pytest.mark.parametrize("same", [True, False])
def test_an_editable_install_is_that_of_a_folder(package, install_package, run, same):
    url = (package if same else package.parent).as_uri()
    direct = json.dumps({"url": url, "dir_info": {"editable": True}})
    install_package(
        "mlpkit-bend", "1.5", INSTALLED, {"bend_pack.py": CODE}, {"direct_url.json": direct, "RECORD": recorded({"other.py": ""})}
    )
    done = run("plugins", "check", "pack")
    if same:
        assert done.code == 0
    else:
        refused(done, 3, f"the installed mlpkit-bend differs from the folder pack: it is an editable install of {package.parent}")


BAD_PROJECTS = {
    "no TOML": ("[project\n", ["pyproject.toml is not valid TOML", "line 1"]),
    "other bytes": (b"\xff\xfe", ["pyproject.toml is not valid TOML"]),
    "nothing": ("", ["has no name in [project]", "add [project]"]),
    "no name": ('[project]\nversion = "1"\n', ["has no name in [project]"]),
    "a name that is none": ("[project]\nname = 3\n", ["has no name in [project]"]),
    "no entry points": ('[project]\nname = "x"\n', ["declares no mlpkit plugin", '[project.entry-points."mlpkit.activations"]']),
    "others' entry points": ('[project]\nname = "x"\n[project.entry-points.pytest11]\na = "b:c"\n', ["declares no mlpkit plugin"]),
    "wrong entry points": ('[project]\nname = "x"\nentry-points = 3\n', ["declares no mlpkit plugin"]),
    "a group": (
        '[project]\nname = "x"\n[project.entry-points."mlpkit.layers"]\na = "b:c"\n',
        ["no entry point group 'mlpkit.layers'"],
    ),
    "a target that is none": ('[project]\nname = "x"\n[project.entry-points."mlpkit.losses"]\na = 3\n', ["are not strings by name"]),
    "an empty name": (f'[project]\nname = ""\n{POINTS}', ["is not installed"]),
    "a path as name": (f'[project]\nname = "../x"\n{POINTS}', ["../x is not installed"]),
}


@pytest.mark.parametrize("case", BAD_PROJECTS)
def test_a_pyproject_that_cannot_be_used(package, run, case):
    text, words = BAD_PROJECTS[case]
    (package / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(run("plugins", "check", "pack"), 3, *words)


def test_an_installed_package_without_plugins(package, install_package, run):
    install_package("mlpkit-bend", "1.5")
    (package / "pyproject.toml").write_text('[project]\nname = "mlpkit-bend"\ndynamic = ["version", "entry-points"]\n')
    refused(run("plugins", "check", "pack"), 3, "declares no mlpkit plugin")


# -- what the kit finds


@pytest.mark.slow
def test_the_kit_finds_broken_plugins(folder, site, run):
    (folder / "own.py").write_text(CODE.replace("return self.k + 0 * z", "return self.k + 0.1 + 0 * z"))
    done = run("plugins", "check", "own.py", "-g", "activations", "--json")
    (report,) = json.loads(done.out)
    assert (done.code, report["plugin"], report["kind"], report["options"], report["ok"]) == (1, "bend", "activations", {"k": 2.0}, False)
    assert report["failed"] == sum(check["status"] == "failed" for check in report["checks"]) > 0
    text = run("plugins", "check", "own.py", "-g", "activations")
    assert text.code == 1
    assert "NOT OK" in text.out
    assert all(check["name"] in text.out for check in report["checks"])
    assert "Traceback" not in text.out + text.err


DEFAULTS = {
    "wrong defaults": ("k: float = 'x'", "does not accept its own defaults"),
    "a validator that fails": (
        "k: Annotated[float, BeforeValidator(lambda value: 1 / 0)] = 1.0",
        "fails on its options: ZeroDivisionError",
    ),
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_options_that_cannot_be_made(folder, kit, run, case):
    option, words = DEFAULTS[case]
    head = "from typing import Annotated\nfrom pydantic import BeforeValidator\n"
    (folder / "own.py").write_text(head + CODE.replace("k: float = 2.0", option))
    refused(run("plugins", "check", "bend", "-c", "own.py"), 3, words)
    shown = run("plugins", "show", "bend", "-c", "own.py")
    assert (shown.code, shown.err) == (0, "")
    assert "no plot: it fails" in shown.out


@pytest.mark.slow
def test_a_check_that_is_expected_to_fail(folder, site, run):
    (folder / "own.py").write_text(CODE.replace("return self.k + 0 * z", "return self.k + 0.1 + 0 * z"))
    check = ["plugins", "check", "own.py", "-s", "value=0.1"]
    reports = json.loads(run(*check, "--json").out)
    failed = sorted({check["name"] for report in reports for check in report["checks"] if check["status"] == "failed"})
    assert len(failed) > 1
    assert "documented" in failed
    options = [part for name in failed for part in ("--expect", f"{name}=it is = so")]
    done = run(*check, "--json", *options)
    assert done.code == 0, done.out
    bend, fixed = json.loads(done.out)
    assert [check["reason"] for check in bend["checks"] if check["status"] == "expected"] == ["it is = so"] * len(failed)
    assert fixed["expected"] == 1  # it has none of the others
    (passed, *_) = (check["name"] for check in bend["checks"] if check["status"] == "passed")
    done = run(*check, *options, "--expect", f"{passed}=never")
    assert done.code == 1
    assert "it was expected to fail (never) but passed" in done.out


@pytest.mark.parametrize(
    ("text", "words"), [("nothing=x", "'nothing'"), ("nothing", "CHECK=REASON"), ("pickle=", "CHECK=REASON"), ("=x", "CHECK")]
)
def test_expectations_for_unknown_checks(run, text, words):
    done = run("plugins", "check", "relu", "--expect", text)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "--expect" in done.err


def test_the_error_for_a_wrong_value_names_the_command_that_shows_options(own, run):
    text = "from pydantic import Field\n" + CODE.replace("k: float = 2.0", "k: float = Field(2.0, gt=0)")
    (own / "my own.py").write_text(text)
    refused(run("plugins", "check", "my own.py", "-s", "k=0", "-s", "value=1"), 2, "see mlpkit plugins show 'my own.py'\n")
    refused(run("plugins", "check", "bend", "-s", "k=0", "-c", "my own.py"), 2, "see mlpkit plugins show bend -c 'my own.py'\n")


LOUD = """
print("imported")
import mlpkit

class Loud(mlpkit.Elementwise):
    '''z'''

    def function(self, z):
        print("called")
        return z

    def derivative(self, z, y):
        return 1.0 + 0 * z
"""
JSON = ["check own.py", "check loud -c own.py", "list -c own.py", "list -v -c own.py", "show own.py", "show loud -c own.py"]


@pytest.mark.parametrize("command", one_in(2, JSON))
def test_output_printed_by_a_plugin_is_not_data(folder, site, run, command):
    (folder / "own.py").write_text(LOUD)
    done = run("plugins", *command.split(), "--json")
    told = json.loads(done.out)
    assert "imported\n" in done.err
    assert ("called\n" in done.err) == command.startswith("show")
    if command.startswith("check"):  # which is told of what is printed
        assert done.code == 1
        assert [check["name"] for check in told[0]["checks"] if check["status"] == "failed"] == ["side_effects"]
        assert "it prints 'called'" in done.out
    else:
        assert done.code == 0


def test_output_printed_by_a_plugin_is_not_a_prediction(project, site, run):
    (project / "own.py").write_text(LOUD)
    assert run("train", "spec.json", "-s", "network.layers.0.activation=loud", "-c", "own.py", "-q").out == ""
    done = run("predict", "model.h5", "shapes.csv", "-c", "own.py")
    assert (done.code, len(done.out.splitlines())) == (0, 61)
    assert "called\n" in done.err
    assert "called" not in done.out


def test_hints_repeat_the_code(project, site, run):
    (project / "my own.py").write_text(LOUD)
    layer = ["-s", "network.layers.0.activation=loud", "-c", "my own.py"]
    done = run("train", "spec.json", *layer, "-o", "new model.h5")
    assert "saved new model.h5; next: mlpkit evaluate 'new model.h5' DATA -c 'my own.py'" in done.err.splitlines()
    assert run("evaluate", "new model.h5", "shapes.csv", "-c", "my own.py").code == 0
    done = run("check", "spec.json", "-c", "my own.py")
    assert done.err.splitlines()[-1] == "next: mlpkit train spec.json -c 'my own.py'"
