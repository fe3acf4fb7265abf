"""`mlpkit plugins new`: a package that can be installed, passes its own tests and trains; or no files at all."""

import json
import os
import shlex
import tomllib
import zipfile
from pathlib import Path

import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES
from mlpkit.scaffold import new_package

KINDS = [kind for kind in REGISTRIES if not REGISTRIES[kind].base.of_a_run]  # which have no template


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
    assert b"rename an option, update `tests/test_soft_x.py`" in written["README.md"]
    assert json.loads(written["example/spec.json"])["name"] == "soft_x"
    assert 100 < written["example/data.csv"].count(b"\n") < 200
    assert done.err.splitlines()[-3:] == [
        "  pip install -e 'mlpkit-soft-x[test]'",
        "  pytest mlpkit-soft-x",
        "  mlpkit train mlpkit-soft-x/example/spec.json",
    ]


def test_the_default_is_an_activation_and_deterministic(folder, run):
    assert run("plugins", "new", "soft-x", "-o", "one").code == 0
    assert run("plugins", "new", "soft_x", "-o", "two", "-g", "activations").code == 0
    assert files(folder / "one") == files(folder / "two")
    assert b"mlpkit.activations" in (folder / "one" / "pyproject.toml").read_bytes()


@pytest.mark.parametrize("kind", [KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])])
@pytest.mark.slow
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
    needed = "mlpkit-soft-x==0.1.0" in run("plugins", "freeze", "model.h5").out.splitlines()
    assert needed == (kind != "readers")  # a model needs no reader
    assert run("plugins", "show", "soft_x").code == 0


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    """A folder in which mypy keeps what it knows of mlpkit."""
    return str(tmp_path_factory.mktemp("types"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass_and_its_code_is_clean(folder, installed, run, python, types, kind):
    assert run("plugins", "new", "soft_x", "-g", kind).code == 0
    environment, package = installed("mlpkit-soft-x"), folder / "mlpkit-soft-x"
    out = python(["-m", "pytest", "-q", "-p", "no:cacheprovider"], package, environment)
    assert "passed" in out
    python(
        ["-m", "ruff", "check", "--isolated", "--line-length", "140", "--select", "E,F,W,I,UP,B,C4,SIM,RUF,PT,NPY", "."],
        package,
        environment,
    )
    python(["-m", "ruff", "format", "--isolated", "--line-length", "140", "--check", "."], package, environment)
    for part in ("mlpkit_soft_x", "tests"):
        python(["-m", "mypy", "--strict", "--cache-dir", types, part], package, environment)


@pytest.mark.slow
def test_pip_installs_it(folder, run, python, environment, tmp_path_factory):
    assert run("plugins", "new", "soft_x").code == 0
    target = tmp_path_factory.mktemp("target")
    pip = ["-m", "pip", "install", "-q", "--no-index", "--no-build-isolation", "--no-deps", "--target", str(target)]
    python([*pip, "./mlpkit-soft-x"], folder, environment)
    found = environment | {"PYTHONPATH": os.pathsep.join([str(target), environment["PYTHONPATH"]])}
    python(["-m", "mlpkit", "plugins", "check", "mlpkit-soft-x", "-q"], folder, found)
    python(["-m", "mlpkit", "train", "mlpkit-soft-x/example/spec.json", "-q"], folder, found)
    assert (target / "mlpkit_soft_x" / "py.typed").exists()


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
    "Soft": ["lower-case letters", "soft_step"],
    "9lives": ["lower-case letters"],
    "_x": ["lower-case letters"],
    "../x": ["lower-case letters"],
    "soft x": ["lower-case letters"],
    "weiß": ["lower-case letters"],
    "": ["lower-case letters"],
    "x\n": ["lower-case letters"],
    "x" * 101: ["lower-case letters"],
    "x" * 100_000: ["lower-case letters"],
    "x_": ["underscore"],
    "x__y": ["underscore"],
    "mlpkit-soft": ["mlpkit-NAME automatically", "leave mlpkit out: soft"],
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_names_that_are_refused(no_package, name):
    no_package(2, ["cannot be the name of a plugin", "help: ", *NAMES[name]], name)


def test_a_name_is_free_in_another_kind(folder, run):
    assert run("plugins", "new", "relu", "-g", "losses").code == 0


BAD = {
    "a folder that exists": (["soft", "-o", "taken"], 2, ["the folder taken exists", "--force"]),
    "a file in its place": (["soft", "-o", "my.py", "-f"], 2, ["my.py is a file"]),
    "a folder in none": (["soft", "-o", "none/deep"], 2, ["there is no folder none"]),
    "no such group": (["soft", "-g", "layers"], 2, ["layers"]),
    "a kind without a template": (["soft", "-g", "exchanges"], 2, ["copy the package mlpkit-mpi"]),
    "kernels": (["soft", "-g", "kernels"], 2, ["there is no template of kernels: copy the package mlpkit-fused"]),
    "no name": ([], 2, ["missing argument 'NAME'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(folder, no_package, case):
    (folder / "taken").mkdir()
    (folder / "my.py").touch()
    argv, code, words = BAD[case]
    no_package(code, words, *argv)


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
    assert done.err.splitlines()[-3:] == ["  pip install -e '.[test]'", "  pytest .", "  mlpkit train example/spec.json"]
    assert (folder / "here" / "pyproject.toml").exists()


def test_the_next_commands_are_quoted_for_a_shell(folder, run):
    name = "q$(touch pwned)'b\"c"
    done = run("plugins", "new", "soft_x", "-o", name)
    assert done.code == 0
    found = [shlex.split(line) for line in done.err.splitlines()[-3:]]
    assert found == [["pip", "install", "-e", f"{name}[test]"], ["pytest", name], ["mlpkit", "train", f"{name}/example/spec.json"]]


def test_names_of_packages_and_plugins_are_distinguished(run):
    assert "with --from, the name of the package" in " ".join(run("plugins", "new", "--help").out.split())


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fails", ["write", "rename"])
def test_no_partial_output_is_left(folder, run, monkeypatch, fails, existing):
    if existing:
        (folder / "soft").mkdir()
        (folder / "soft" / "README.md").write_text("old")
    before, calls = files(folder), []

    def full(*args, **options):
        calls.append(args)
        if len(calls) == (4 if fails == "write" else 1):
            raise OSError(28, "No space left on device")
        return real(*args, **options)

    real = os.write
    if fails == "write":
        monkeypatch.setattr("os.write", full)
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


def test_a_name_that_another_package_has_too_is_reported(folder, install_package, run):
    install_package("mlpkit-other", entry_points="[mlpkit.losses]\nsoft = other:Soft\n")
    assert "another package" not in run("plugins", "new", "soft", "-o", "one").err
    assert "another package has soft too" in run("plugins", "new", "soft", "-o", "two", "-g", "losses").err
    assert "mlpkit-soft:soft" in run("plugins", "new", "soft", "-o", "three", "-g", "losses").err


@pytest.mark.slow
def test_the_templates_lie_in_the_wheel(folder, python):
    root = Path(__file__).parents[2]
    options = ["-q", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder)]
    python(["-m", "pip", "wheel", *options, str(root)], folder)
    (wheel,) = folder.glob("mlpkit-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("mlpkit/scaffold/templates/")}
    templates = [*(root / "mlpkit" / "scaffold" / "templates").rglob("*.in")]
    assert packed == {path.relative_to(root).as_posix() for path in templates} | {"mlpkit/scaffold/templates/__init__.py"}
    assert len(templates) == 19
