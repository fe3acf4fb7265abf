"""`mlpkit plugins new`: a package that can be installed, passes its own tests, and trains; or nothing at all."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES
from mlpkit.scaffold import new_package

CODE = '''"""Plugins of mine, with  odd spacing kept."""
import numpy as np
from pydantic import Field
import mlpkit


class _Base(mlpkit.Elementwise):
    def derivative(self, z, y):
        return 1 - y * y


class HardBend(_Base):
    """tanh(z)"""

    def function(self, z):
        return np.tanh(z)


class Fixed(mlpkit.Schedule):
    """value"""

    value: float = Field(gt=0, lt=0.5)
    every: int = Field(ge=3)
    mode: str
    on: bool

    def rate(self, epoch, epochs):
        return self.value


class Half(mlpkit.Loss):
    """(o - t)^2 / 2"""

    zero_at_target = True

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        losses[...] = (grad * grad).mean(axis=1) / 2
        grad /= grad.shape[1]
'''
PLAIN = """
import mlpkit
class {}(mlpkit.Elementwise):
    def function(self, z):
        return z
    def derivative(self, z, y):
        return 1.0 + 0 * z
"""
KINDS = list(REGISTRIES)


@pytest.fixture
def installed(folder, install, site, environment):
    """Install a package as pip would with `-e`, without pip; the environment of a process that has it too."""

    def installed(package):
        project = tomllib.loads((folder / package / "pyproject.toml").read_text())["project"]
        groups = [(group, points) for group, points in project["entry-points"].items()]
        text = "".join(f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items()) for group, points in groups)
        install(project["name"], project["version"], text)
        path = str(folder / package)
        sys.path.insert(0, path)
        added.append(path)
        return environment | {"PYTHONPATH": os.pathsep.join([path, str(site), environment["PYTHONPATH"]])}

    added = []
    yield installed
    for path in added:
        sys.path.remove(path)
        for name in [name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(path)]:
            del sys.modules[name]


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# -- what is written


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_whole(folder, run, kind):
    done = run("plugins", "new", "soft_x", "--group", kind)
    assert (done.code, done.out) == (0, ""), done.err
    assert [path.name for path in folder.iterdir()] == ["mlpkit-soft-x"]
    written = files(folder / "mlpkit-soft-x")
    assert written.keys() == {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "mlpkit_soft_x/__init__.py",
        "mlpkit_soft_x/py.typed",
        "tests/test_soft_x.py",
        "example/spec.json",
        "example/data.csv",
    }
    assert not any(b"${" in text for text in written.values())
    project = tomllib.loads(written["pyproject.toml"].decode())
    assert project["build-system"]["requires"] == ["hatchling>=1.18"]
    assert project["project"]["name"] == "mlpkit-soft-x"
    assert project["project"]["dependencies"] == [f"mlpkit>={mlpkit.__version__}", "numpy>=2.0"]
    assert project["project"]["optional-dependencies"] == {"test": ["pytest>=8"]}
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["project"]["entry-points"] == {f"mlpkit.{kind}": {"soft_x": "mlpkit_soft_x:SoftX"}}
    assert project["tool"]["pytest"]["ini_options"]["filterwarnings"] == ["error"]
    assert b"MIT License\n\nCopyright (c) The authors of mlpkit-soft-x\n" in written["LICENSE"]
    assert json.loads(written["example/spec.json"])["name"] == "soft_x"
    assert 100 < written["example/data.csv"].count(b"\n") < 200
    assert done.err.splitlines()[-3:] == [
        '  pip install -e "mlpkit-soft-x[test]"',
        "  pytest mlpkit-soft-x",
        "  mlpkit train mlpkit-soft-x/example/spec.json",
    ]


def test_it_is_an_activation_when_nothing_is_said_and_always_the_same(folder, run):
    assert run("plugins", "new", "soft-x", "-o", "one").code == 0
    assert run("plugins", "new", "soft_x", "-o", "two", "-g", "activations").code == 0
    assert files(folder / "one") == files(folder / "two")
    assert b"mlpkit.activations" in (folder / "one" / "pyproject.toml").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_contract_and_trains_as_it_is(folder, installed, run, kind):
    assert run("plugins", "new", "soft_x", "-g", kind).code == 0
    installed("mlpkit-soft-x")
    done = run("plugins", "check", "mlpkit-soft-x")
    assert done.code == 0, done.out
    assert "ok: " in done.out
    spec = json.loads((folder / "mlpkit-soft-x" / "example" / "spec.json").read_text())
    assert '"soft_x"' in json.dumps({**spec, "name": ""})
    done = run("train", "mlpkit-soft-x/example/spec.json", "--json")
    assert done.code == 0, done.err
    model = mlpkit.load("model.h5")
    assert model.history[-1].loss < 0.5 * model.history[0].loss
    assert "mlpkit-soft-x==0.1.0" in run("plugins", "freeze", "model.h5").out.splitlines()
    assert run("plugins", "show", "soft_x").code == 0


def in_process(command, folder, environment):
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass_and_its_code_is_clean(folder, installed, run, kind):
    assert run("plugins", "new", "soft_x", "-g", kind).code == 0
    environment, package = installed("mlpkit-soft-x"), folder / "mlpkit-soft-x"
    out = in_process(["-m", "pytest", "-q", "-p", "no:cacheprovider"], package, environment)
    assert "passed" in out
    in_process(
        ["-m", "ruff", "check", "--isolated", "--line-length", "140", "--select", "E,F,W,I,UP,B,C4,SIM,RUF,PT,NPY", "."],
        package,
        environment,
    )
    in_process(["-m", "ruff", "format", "--isolated", "--line-length", "140", "--check", "."], package, environment)
    for part in ("mlpkit_soft_x", "tests"):
        in_process(["-m", "mypy", "--strict", "--cache-dir", os.devnull, part], package, environment)


@pytest.mark.slow
def test_pip_installs_it(folder, run, environment, tmp_path_factory):
    assert run("plugins", "new", "soft_x").code == 0
    target = tmp_path_factory.mktemp("target")
    pip = ["-m", "pip", "install", "-q", "--no-index", "--no-build-isolation", "--no-deps", "--target", str(target)]
    in_process([*pip, "./mlpkit-soft-x"], folder, environment)
    found = environment | {"PYTHONPATH": os.pathsep.join([str(target), environment["PYTHONPATH"]])}
    in_process(["-m", "mlpkit", "plugins", "check", "mlpkit-soft-x", "-q"], folder, found)
    in_process(["-m", "mlpkit", "train", "mlpkit-soft-x/example/spec.json", "-q"], folder, found)
    assert (target / "mlpkit_soft_x" / "py.typed").exists()


# -- from a file of one's own


@pytest.fixture
def own(folder, site):
    (folder / "my.py").write_text(CODE)
    return folder


def test_a_file_becomes_a_package_unchanged(own, run):
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0, done.err
    written = files(own / "mlpkit-pack")
    assert written["mlpkit_pack/__init__.py"] == CODE.encode()
    assert tomllib.loads(written["pyproject.toml"].decode())["project"]["entry-points"] == {
        "mlpkit.activations": {"hard_bend": "mlpkit_pack:HardBend"},
        "mlpkit.schedules": {"fixed": "mlpkit_pack:Fixed"},
        "mlpkit.losses": {"half": "mlpkit_pack:Half"},
    }
    tests = written["tests/test_pack.py"].decode()
    ast.parse(tests)
    assert "from mlpkit_pack import Fixed, Half, HardBend\n" in tests
    assert '    HardBend(),\n    Fixed(value=0.1, every=3, mode="a", on=False),\n    Half(),\n' in tests
    assert json.loads(written["example/spec.json"])["network"]["layers"][0]["activation"] == "hard_bend"
    assert "specs keep working as they are, without --code; models trained with --code my.py still need it" in done.err
    assert done.err.splitlines()[-1] == "  mlpkit train mlpkit-pack/example/spec.json"


def test_the_package_of_a_file_takes_its_place(own, installed, run):
    assert run("plugins", "new", "pack", "--from", "my.py").code == 0
    spec = "mlpkit-pack/example/spec.json"
    assert run("train", spec, "--code", "my.py", "-q", "-o", "with_code.h5").code == 0
    REGISTRIES["activations"]._own.clear()
    REGISTRIES["schedules"]._own.clear()
    REGISTRIES["losses"]._own.clear()
    environment = installed("mlpkit-pack")
    assert run("train", spec, "-q", "-o", "without.h5").code == 0
    assert "mlpkit-pack==0.1.0" in run("plugins", "freeze", "without.h5").out
    assert run("predict", "without.h5", "mlpkit-pack/example/data.csv").code == 0
    assert run("predict", "with_code.h5", "mlpkit-pack/example/data.csv").code == 3
    assert run("predict", "with_code.h5", "mlpkit-pack/example/data.csv", "-c", "my.py").code == 0
    out = in_process(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "half or fixed"], own / "mlpkit-pack", environment)
    assert "passed" in out


ALONE = {
    "a loss of probabilities": ("binary", "probability", "sigmoid", "label"),
    "a loss of distributions": ("numbers", "distribution", "softmax", "label"),
}


@pytest.mark.parametrize("case", ALONE)
def test_the_example_of_a_loss_has_the_last_layer_that_it_needs(folder, site, run, case):
    targets, output, activation, target = ALONE[case]
    text = CODE[: CODE.index("class _Base")] + CODE[CODE.index("class Half") :]
    text = text.replace("    zero_at_target = True\n", f'    zero_at_target = True\n    targets = "{targets}"\n    output = "{output}"\n')
    (folder / "my.py").write_text(text)
    assert run("plugins", "new", "pack", "--from", "my.py").code == 0
    spec = json.loads((folder / "mlpkit-pack" / "example" / "spec.json").read_text())
    assert (spec["network"]["layers"][1]["activation"], spec["loss"], spec["data"]["target"]) == (activation, "half", target)


@pytest.mark.parametrize(
    "text",
    [
        CODE[: CODE.index("class _Base")] + CODE[CODE.index("class Fixed") : CODE.index("class Half")],
        PLAIN.format("Fails").replace("return z", "raise ValueError"),
    ],
    ids=["a schedule", "an activation that fails"],
)
def test_there_is_no_example_that_would_not_train(folder, site, run, text):
    (folder / "my.py").write_text(text)
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0
    assert not (folder / "mlpkit-pack" / "example").exists()
    assert "example" not in (folder / "mlpkit-pack" / "README.md").read_text()
    assert done.err.splitlines()[-1] == "  pytest mlpkit-pack"


def test_options_that_no_value_is_found_for_are_told(folder, site, run):
    text = (
        "import mlpkit\nclass Odd(mlpkit.Schedule):\n    rates: tuple[float, ...]\n    def rate(self, epoch, epochs):\n        return 1.0\n"
    )
    (folder / "my.py").write_text(text)
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0
    assert "write the options that have no default into its tests: Odd" in done.err
    assert "# Odd(...)" in (folder / "mlpkit-pack" / "tests" / "test_pack.py").read_text()


# -- what is refused


NAMES = {
    "relu": ["built-in of the activations", "my_relu"],
    "identity": ["built-in of the activations"],
    "leaky-relu": ["built-in of the activations"],
    "class": ["keyword", "class_plugin"],
    "none": ["keyword"],
    "match": ["keyword"],
    "json": ["Python has a module json", "json_plugin"],
    "elementwise": ["Elementwise", "my_elementwise"],
    "class_var": ["ClassVar"],
    "Soft": ["small letters", "soft_step"],
    "9lives": ["small letters"],
    "_x": ["small letters"],
    "../x": ["small letters"],
    "soft x": ["small letters"],
    "weiß": ["small letters"],
    "": ["small letters"],
    "x\n": ["small letters"],
    "x" * 101: ["small letters"],
    "x" * 100_000: ["small letters"],
    "x_": ["underscore"],
    "x__y": ["underscore"],
    "mlpkit-soft": ["mlpkit-NAME by itself", "leave mlpkit out: soft"],
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_names_that_are_refused(folder, run, name):
    refused(folder, run, 2, ["cannot be the name of a plugin", "help: ", *NAMES[name]], name)


def test_a_name_is_free_in_another_kind(folder, run):
    assert run("plugins", "new", "relu", "-g", "losses").code == 0


def refused(folder, run, code, words, *argv):
    before = files(folder)
    done = run("plugins", "new", *argv)
    assert (done.code, done.out) == (code, ""), done.err
    assert "Traceback" not in done.err
    assert len(done.err) < 1000
    assert files(folder) == before
    assert not list(folder.rglob("*.tmp"))
    for word in words:
        assert word in done.err


BAD = {
    "a folder that exists": (["soft", "-o", "taken"], 2, ["the folder taken exists", "--force"]),
    "a file in its place": (["soft", "-o", "my.py", "-f"], 2, ["my.py is a file"]),
    "a folder in none": (["soft", "-o", "none/deep"], 2, ["there is no folder none"]),
    "no such file": (["pack", "--from", "none.py"], 3, ["there is no file none.py"]),
    "a file that does not run": (["pack", "--from", "bad.py"], 3, ["ZeroDivisionError"]),
    "a file that is no Python": (["pack", "--from", "notes.txt"], 3, ["is not a Python file"]),
    "a folder as file": (["pack", "--from", "taken"], 3, ["there is no file taken"]),
    "a file without plugins": (["pack", "--from", "empty.py"], 3, ["defines no plugin"]),
    "a file with a built-in's name": (["pack", "--from", "tanh.py"], 3, ["'tanh' is the name of a built-in"]),
    "a class without a name": (["pack", "--from", "hidden.py"], 3, ["has no name in the file"]),
    "a group of a file": (["pack", "--from", "my.py", "-g", "losses"], 2, ["leave --group out"]),
    "a package's name that is none": (["Pack", "--from", "my.py"], 2, ["small letters"]),
    "no such group": (["soft", "-g", "layers"], 2, ["layers"]),
    "no name": ([], 2, ["missing argument 'NAME'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(own, run, case):
    argv, code, words = BAD[case]
    (own / "taken").mkdir()
    for name, text in {"bad.py": "1 / 0", "notes.txt": "", "empty.py": ""}.items():
        (own / name).write_text(text)
    (own / "tanh.py").write_text(PLAIN.format("Tanh"))
    (own / "hidden.py").write_text(PLAIN.format("Veiled") + "globals()['not a name'] = Veiled\ndel Veiled\n")
    refused(own, run, code, words, *argv)


def test_force_replaces_its_files_and_leaves_others(folder, run):
    assert run("plugins", "new", "soft_x").code == 0
    package = folder / "mlpkit-soft-x"
    fresh = files(package)
    (package / "NOTES").write_text("mine")
    (package / "pyproject.toml").write_text("old")
    assert run("plugins", "new", "soft_x").code == 2
    assert run("plugins", "new", "soft_x", "--force").code == 0
    assert files(package) == {**fresh, "NOTES": b"mine"}
    assert [path.name for path in folder.iterdir()] == ["mlpkit-soft-x"]


def test_it_can_be_written_into_the_working_folder(folder, run):
    (folder / "here").mkdir()
    os.chdir(folder / "here")
    done = run("plugins", "new", "soft_x", "-o", ".", "-f")
    assert done.code == 0
    assert done.err.splitlines()[-3:] == ['  pip install -e ".[test]"', "  pytest .", "  mlpkit train example/spec.json"]
    assert (folder / "here" / "pyproject.toml").exists()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fails", ["write_bytes", "rename"])
def test_nothing_is_left_of_what_cannot_be_written(folder, run, monkeypatch, fails, existing):
    if existing:
        (folder / "soft").mkdir()
        (folder / "soft" / "README.md").write_text("old")
    before, calls = files(folder), []

    def full(*args, **options):
        calls.append(args)
        if len(calls) == (4 if fails == "write_bytes" else 1):
            raise OSError(28, "No space left on device")
        return real(*args, **options)

    real = Path.write_bytes
    if fails == "write_bytes":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr("os.replace" if existing else "os.rename", full)
    done = run("plugins", "new", "soft", "-o", "soft", "-f")
    assert (done.code, "cannot write soft: No space left on device" in done.err) == (1, True), done.err
    assert "Traceback" not in done.err
    assert files(folder) == before
    assert [path.name for path in folder.iterdir()] == (["soft"] if existing else [])


def test_an_interrupted_write_leaves_nothing(folder, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        new_package("soft")
    assert list(folder.iterdir()) == []
