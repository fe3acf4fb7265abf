"""CONTRIBUTING.md lists the files that an addition touches: a stored patch of each kind touches these, and the addition works.

A patch in tests/additions is the diff of one addition: `git diff -U1` of today's code. It is applied to a copy of the checkout by the
lines themselves, not by their numbers, so that it survives changes elsewhere.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlpkit

from .sampling import one_in

ROOT = Path(__file__).parents[1]
PACKAGE = Path(mlpkit.__file__).parent
PATCHES = Path(__file__).parent / "additions"
MOST = {  # files that an addition touches at most
    "activation": 3,
    "trained_activation": 3,
    "layer_option": 5,
    "training_option": 5,
    "metric": 2,
    "command": 2,
    "reader": 2,
}
# the name of each addition, its changes of the spec, and the plugin that is checked with it
USES = {
    "activation": ("bent_identity", {"layer": {"activation": "bent_identity"}}, "bent_identity"),
    "trained_activation": ("scaled_tanh", {"layer": {"activation": {"type": "scaled_tanh", "initial": 0.5}}}, "scaled_tanh"),
    "layer_option": ("quartic", {"layer": {"quartic": 0.1}}, "tanh"),
    "training_option": ("gradient_limit", {"training": {"gradient_limit": 0.01}}, "tanh"),
    "metric": ("mean_quartic_error", {"spec": {"metrics": ["mean_quartic_error"]}}, "mean_quartic_error"),
}
PROGRAM = """
import contextlib, io, sys
import numpy as np
import mlpkit
from mlpkit.cli import main

name, changes, plugin = {use!r}
assert mlpkit.__file__.startswith({folder!r}), mlpkit.__file__
x = np.random.default_rng(0).normal(size=(40, 3))
y = x[:, 0] * x[:, 1]

def spec(layer={{}}, training={{}}, spec={{}}):
    layers = [{{"units": 5, "activation": "tanh", **layer}}, {{"units": 1}}]
    return {{"network": {{"layers": layers}}, "loss": "mse", "training": {{"epochs": 4, "batch_size": 8, **training}}, **spec}}

def command(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(list(arguments))
    assert code == 0, (arguments, out.getvalue())
    return out.getvalue()

assert f'"{{name}}"' in command("schema")
assert f"{{name}}`" in command("schema", "--markdown")
plain = mlpkit.train(spec(), x, y)
model = mlpkit.train(spec(**changes), x, y)
same = np.array_equal(plain.network.parameters.vector, model.network.parameters.vector)
assert same == (name == "mean_quartic_error"), "the addition has no effect"
assert name != "mean_quartic_error" or set(model.history[-1].metrics) == {{name}}
model.save("model.h5")
loaded = mlpkit.load("model.h5")
assert loaded.spec == model.spec
assert np.array_equal(loaded.predict(x), model.predict(x))
assert mlpkit.inspect("model.h5")["spec_schema"] == 5
plain.save("plain.h5")
assert mlpkit.inspect("plain.h5")["spec_schema"] == 3, "a model that does not use the addition stays readable"

part = mlpkit.Model(spec(**changes), inputs=3)
for epoch in mlpkit.epochs(part, x, y):
    if epoch.number == 2:
        break
part.save("part.h5", training_state=True)
resumed = mlpkit.load("part.h5")
assert len(list(mlpkit.epochs(resumed, x, y, resume=True))) == 2
whole = mlpkit.Model(spec(**changes), inputs=3)
list(mlpkit.epochs(whole, x, y))
assert np.array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
command("plugins", "check", plugin)
"""


def files_of(patch):
    return re.findall(r"^\+\+\+ b/(\S+)$", patch, re.M)


def hunks(text):
    """Yield the lines of a file's patch before and after, for each hunk, with the numbers of context lines before and behind."""
    for hunk in re.split(r"^@@.*\n", text, flags=re.M)[1:]:
        lines = hunk.splitlines()
        changed = [number for number, line in enumerate(lines) if line[0] != " "]
        old = [line[1:] for line in lines if line[0] != "+"]
        yield old, [line[1:] for line in lines if line[0] != "-"], changed[0], len(lines) - 1 - changed[-1]


def replaced(lines, old, new, before, behind):
    """Return the lines with one hunk applied: with all of its context, or with that of one side alone."""
    for left, right in ((0, 0), (before, 0), (0, behind)):
        part, other = old[left : len(old) - right], new[left : len(new) - right]
        places = [at for at in range(len(lines) - len(part) + 1) if lines[at : at + len(part)] == part]
        if part and len(places) == 1:
            return [*lines[: places[0]], *other, *lines[places[0] + len(part) :]]
    raise AssertionError("\n".join(["these lines are not there once; make the patch anew:", *old]))


def apply(patch, folder):
    for part in re.split(r"^diff --git .*\n", patch, flags=re.M)[1:]:
        (name,) = files_of(part)
        path = folder / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for hunk in hunks(part):
            lines = replaced(lines, *hunk) if path.exists() else hunk[1]
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path):
    """Return a copy of the package and its documents."""
    folder = tmp_path / "checkout"
    shutil.copytree(PACKAGE, folder / "mlpkit")  # with what is compiled of it: the files that a patch changes are compiled again
    shutil.copytree(ROOT / "models", folder / "models", ignore=shutil.ignore_patterns("*.h5", "*.csv"))
    return folder


def run(program, checkout, folder):
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run([sys.executable, *program], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(kind):
    """Return the files that CONTRIBUTING.md lists for a kind of addition."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    title = {"trained_activation": "a trained activation", "activation": "an activation"}.get(kind, f"a {kind.replace('_', ' ')}")
    (section,) = re.findall(rf"^### Add {title}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    return re.findall(r"^- `([^`]+)`", section, re.M)


def test_each_kind_has_a_patch():
    assert {path.stem for path in PATCHES.glob("*.patch")} == set(MOST)


@pytest.mark.parametrize("kind", MOST)
def test_the_list_of_files_is_true_and_short(kind):
    files = files_of((PATCHES / f"{kind}.patch").read_text(encoding="utf-8"))
    new = {"command": "mlpkit/cli/NAME.py"}.get(kind)
    found = {new if not (ROOT / name).exists() else name for name in files}
    assert found == set(listed(kind))
    assert len(files) <= MOST[kind]


@pytest.mark.parametrize("kind", one_in(5, USES))
def test_an_addition_trains_saves_loads_resumes_and_is_checked(kind, checkout, tmp_path):
    apply((PATCHES / f"{kind}.patch").read_text(encoding="utf-8"), checkout)
    run(["-c", PROGRAM.format(use=USES[kind], folder=str(checkout))], checkout, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MOST)
def test_an_addition_needs_no_other_file(kind, checkout, tmp_path):
    """The tests of the documents, of the layers and of the language pass with it once SPEC.md is generated again."""
    shutil.copytree(ROOT / "tests", checkout / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    apply((PATCHES / f"{kind}.patch").read_text(encoding="utf-8"), checkout)
    run(["-m", "mlpkit", "schema", "--markdown", "-o", str(checkout / "models" / "SPEC.md"), "-q"], checkout, tmp_path)
    tests = ["modelfile/test_rules.py", "spec/test_markdown_reference.py", "test_language.py", "test_imports.py"]
    run(["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in tests)], checkout, checkout)


def test_an_added_command_runs(checkout, tmp_path):
    apply((PATCHES / "command.patch").read_text(encoding="utf-8"), checkout)
    assert "size" in run(["-m", "mlpkit", "--help"], checkout, tmp_path)
    assert run(["-m", "mlpkit", "size", str(ROOT / "models" / "xor" / "model.h5")], checkout, tmp_path) == "33\n"


READ = """
import pathlib
import mlpkit
from mlpkit.cli import main

text = "".join(f"{number} {2 * number % 5}\\n" for number in range(20))
pathlib.Path("rows.fwf").write_text("x y\\n" + text)
pathlib.Path("rows.txt").write_text("x y\\n" + text)
layers = {"layers": [{"units": 4, "activation": "tanh"}, {}]}
spec = {"network": layers, "loss": "mse", "training": {"epochs": 2}, "data": {"path": "rows.fwf", "target": "y"}}
model = mlpkit.train(spec)
assert model.predict("rows.fwf").tolist() == model.predict({"x": list(range(20))}).tolist()
named = mlpkit.train({**spec, "data": {**spec["data"], "path": "rows.txt", "format": "fwf"}})
assert named.predict("rows.fwf").tolist() == model.predict("rows.fwf").tolist()
model.save("model.h5")
assert main(["predict", "model.h5", "rows.fwf"]) == 0
assert main(["plugins", "check", "fwf"]) == 0
"""


def test_an_added_reader_reads(checkout, tmp_path):
    apply((PATCHES / "reader.patch").read_text(encoding="utf-8"), checkout)
    run(["-c", READ], checkout, tmp_path)
