"""`mlpkit plugins freeze`: the requirements of a model, from its file alone."""

import hashlib
import json
import re

import pytest

import mlpkit
from mlpkit.model.inspection import inspect
from mlpkit.modelfile import reader, writer

SHA = "3fa9" * 16


@pytest.fixture
def model(trained, monkeypatch):
    """Let a model file list other plugins than it does."""

    def model(*plugins, producer=None):
        def changed(path):
            found = inspect(path)
            base = {"kind": "activations", "name": "x", "distribution": None, "version": None, "target": "m:C", "options": {}}
            found["plugins"] += [base | plugin for plugin in plugins]
            return found | {"producer": found["producer"] | (producer or {})}

        monkeypatch.setattr("mlpkit.provenance.requirements.summary", changed)

    return model


def own(**changes):
    return {"name": "swish", "target": "mlpkit_code_swish:Swish", **changes}


def dist(distribution, version="1.0"):
    return {"name": f"{distribution}:x", "distribution": distribution, "version": version}


def test_a_model_of_built_ins_needs_mlpkit_alone(trained, run):
    done = run("plugins", "freeze", "model.h5")
    assert done == (0, f"mlpkit=={mlpkit.__version__}\n", "")


def test_packages_come_once_and_sorted_after_mlpkit(model, run):
    model(dist("zeta", "2.0"), dist("alpha_b", "1!1.0rc1+local.2"), dist("zeta", "2.0"), dist("Mid.dle"))
    lines = run("plugins", "freeze", "model.h5").out.splitlines()
    assert lines == [f"mlpkit=={mlpkit.__version__}", "alpha-b==1!1.0rc1+local.2", "mid-dle==1.0", "zeta==2.0"]
    assert json.loads(run("plugins", "freeze", "model.h5", "--json").out) == {"requirements": lines, "code": []}


def test_code_of_ones_own_is_a_comment(model, run):
    model(own(), own(kind="losses"), own(name="bend", code={"name": "my bend.py", "sha256": SHA}))
    lines = run("plugins", "freeze", "model.h5").out.splitlines()
    assert lines[1:] == [
        f"# bend: --code my bend.py (SHA-256 {SHA})",
        "# swish: your own code (mlpkit_code_swish:Swish): pass it with --code FILE",
    ]
    found = json.loads(run("plugins", "freeze", "model.h5", "--json").out)
    assert found["code"][0] == {"name": "bend", "target": "mlpkit_code_swish:Swish", "file": "my bend.py", "sha256": SHA}


def test_no_plugin_is_needed(project, site, run):
    text = "from mlpkit import Elementwise\nclass Wave(Elementwise):\n    def function(self, z):\n        return z\n"
    (project / "own.py").write_text(text + "    def derivative(self, z, y):\n        return 0 * z + 1\n")
    assert run("train", "spec.json", "-s", "network.layers.0.activation=wave", "-c", "own.py", "-q").code == 0
    digest = hashlib.sha256((project / "own.py").read_bytes()).hexdigest()
    (project / "own.py").unlink()
    mlpkit.plugin.REGISTRIES["activations"]._own.clear()
    assert f"# wave: --code own.py (SHA-256 {digest})\n" in run("plugins", "freeze", "model.h5").out


HOSTILE = [
    "x --index-url http://evil",
    "x\n--index-url http://evil",
    "x\n",
    "x @ http://evil/x.whl",
    "-r /etc/passwd",
    "x;python_version>'3'",
    "x[extra]",
    ".hidden",
    "x-",
    "",
    "é",
    "x\u2028y",
    "x" * 100_000,
    "$HOME",
    "x\\",
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_invalid_names_are_refused(model, run, name):
    model(dist(name))
    refused(run, "invalid distribution name")


@pytest.mark.parametrize("version", ["1.0 --hash=sha256:0", "1.0\n-e .", "1.0\n", "1.0;x", "*", "", None, "1" * 100_000, ">=1"])
def test_invalid_versions_are_refused(model, run, version):
    model(dist("fine", version))
    refused(run, "invalid version of fine")


def test_an_invalid_version_of_mlpkit_is_refused(model, run):
    model(producer={"mlpkit": "0.2.0\nevil"})
    refused(run, "invalid version of mlpkit")


@pytest.mark.parametrize("name", ["mlpkit", "Mlpkit", "MLPKIT"])
def test_the_version_of_mlpkit_does_not_depend_on_plugins(model, run, name):
    model(dist(name, "0.0.1"))
    assert run("plugins", "freeze", "model.h5").out == f"mlpkit=={mlpkit.__version__}\n"


def test_two_versions_of_one_package_are_refused(model, run):
    model(dist("twin_pack", "1"), dist("Twin-Pack", "2"))
    refused(run, "two versions of twin-pack: 1 and 2")


def refused(run, words):
    done = run("plugins", "freeze", "model.h5")
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "model.h5" in done.err
    assert "Traceback" not in done.err
    assert len(done.err) < 1000
    assert done.err.count("\n") == 2


@pytest.mark.parametrize("letter", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x00"])
@pytest.mark.parametrize("place", ["name", "target", "file"])
def test_a_comment_stays_on_its_line(model, run, letter, place):
    text = f"swish{letter}evil==1.0"
    model(own(code={"name": text, "sha256": SHA}) if place == "file" else own(**{place: text}))
    done = run("plugins", "freeze", "model.h5")
    assert done.code == 0
    _, line = done.out.splitlines()
    assert line.startswith("# ")
    assert f"swish{ascii(letter)[1:-1]}evil==1.0" in line
    assert not re.search(r"^\s*evil", done.out, re.MULTILINE)


def test_a_long_comment_is_shortened(model, run):
    model(own(name="n" * 100_000, code={"name": "f" * 100_000, "sha256": SHA}))
    assert len(run("plugins", "freeze", "model.h5").out) < 1000


def test_an_untrusted_file(trained, run):
    contents = reader.read("model.h5")
    contents.plugins.append({**contents.plugins[0], "name": "evil:x", "distribution": "x\n--index-url http://evil", "version": "1"})
    writer.write("model.h5", contents)
    refused(run, "'x\\n--index-url http://evil'")


@pytest.mark.parametrize(("path", "words"), [("none.h5", "none.h5"), ("spec.json", "not an HDF5 file"), (".", "error: ")])
def test_files_that_are_not_models(trained, run, path, words):
    done = run("plugins", "freeze", path)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err
