"""A model in other hands: h5py and pyfive in Python, h5wasm and jsfive in Node predict as mlpkit does, from FORMAT.md's rules alone.

The scripts in languages/ know nothing of mlpkit; so do the examples in models/README.md, which are run as they stand there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES

from ..sampling import one_in
from .models import CHOICES, FORMS, ROOT, SHIPPED, json_rows, make_cases, make_model

LANGUAGES = Path(__file__).parent / "languages"
TOLERANCES = {"float32": 1e-6, "float64": 1e-10}  # the scripts compute in float64
LEARNED = {"learned float32": 1e-5, "learned float64": 1e-12}  # the cosines of large dates are worse in float32


def node() -> str:
    """The program; a test is skipped where it is missing, but in CI it fails."""
    found = shutil.which("node")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("Node is not installed")
    assert found, "CI needs Node"
    return found


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory):
    """A folder with predict.mjs and the packages that it imports."""
    node()
    folder = tmp_path_factory.mktemp("node")
    for name in ("predict.mjs", "package.json", "package-lock.json"):
        shutil.copy(LANGUAGES / name, folder)
    install = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def command(request):
    """The program and the script that use a library."""

    def made(library):
        if library in ("h5py", "pyfive"):
            return [sys.executable, str(LANGUAGES / "predict.py"), library]
        return [node(), str(request.getfixturevalue("node_folder") / "predict.mjs"), library]

    return made


def test_every_activation_is_among_the_choices():
    names = {choice if isinstance(choice, str) else choice["type"] for choices in CHOICES for choice in choices}
    assert names == set(REGISTRIES["activations"].builtins)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    return make_cases(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def answers(cases, command, tmp_path_factory):
    """Return the output of a library's script for all models, from one process."""
    folder, known = tmp_path_factory.mktemp("rows"), {}
    for name, (_, rows, _) in cases.items():
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")

    def ask(library):
        if library not in known:
            files = [str(part) for name, (path, _, _) in cases.items() for part in (path, folder / f"{name}.json")]
            done = subprocess.run([*command(library), *files], capture_output=True, text=True, encoding="utf-8")
            assert done.returncode == 0, done.stderr
            known[library] = dict(zip(cases, map(json.loads, done.stdout.splitlines()), strict=True))
        return known[library]

    return ask


@pytest.mark.parametrize(
    "name",
    one_in(2, [*SHIPPED, "deep", "shortcut", "notations", *FORMS, *LEARNED, *(f"choices {number}" for number in range(len(CHOICES)))]),
)
@pytest.mark.parametrize("library", one_in(4, ["h5py", "pyfive", "h5wasm", "jsfive"]))
def test_another_library_predicts_the_same(library, name, cases, answers):
    path, rows, source = cases[name]
    model, answer = mlpkit.load(path), answers(library)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        expected = model.predict(source)
    tolerance = TOLERANCES[model.spec.dtype] if name not in LEARNED else LEARNED[name]
    assert len(answer["predictions"]) == len(rows) == len(expected)
    if model.classes is not None or expected.dtype.kind in "bi":
        np.testing.assert_array_equal(np.array(answer["predictions"]), expected)
        np.testing.assert_allclose(answer["scores"], model.predict_proba(source), rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_allclose(np.reshape(answer["predictions"], expected.shape), expected, rtol=tolerance)


@pytest.mark.parametrize("library", ["h5py", pytest.param("h5wasm", marks=pytest.mark.slow)])
def test_an_activation_that_a_reader_lacks_is_named(library, command, tmp_path):
    class Bent(mlpkit.Elementwise):
        """A plugin of the user."""

        def function(self, z):
            return abs(z)

        def derivative(self, z, y):
            return np.sign(z)

    columns = {"x": np.arange(20.0), "y": np.arange(20.0)}
    layers = [{"units": 2, "activation": "gelu"}, {"units": 2, "activation": Bent()}, {}]
    spec = {"data": {"target": "y"}, "network": {"layers": layers}, "loss": "mse", "training": {"epochs": 1}}
    path = make_model(tmp_path, "bent", spec, columns)
    (tmp_path / "rows.json").write_text(json.dumps(json_rows({"x": columns["x"]})), encoding="utf-8")
    done = subprocess.run([*command(library), str(path), str(tmp_path / "rows.json")], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode != 0
    assert re.search(r"layer 1 has the activation \S*bent, which this reader does not know", done.stderr), done.stderr


# -- the examples in models/README.md


def example(language):
    _, _, section = (ROOT / "models" / "README.md").read_text(encoding="utf-8").partition("## Reading a model without mlpkit\n")
    (block,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return block


@pytest.mark.parametrize("library", ["h5py", "pyfive", "h5wasm"])
def test_the_example_predicts_the_same(library, request, tmp_path):
    if library == "h5wasm":
        program, script, text = node(), request.getfixturevalue("node_folder") / "example.mjs", example("javascript")
    else:
        program, script, text = sys.executable, tmp_path / "example.py", example("python").replace("h5py", library)
    script.write_text(text, encoding="utf-8")
    done = subprocess.run([program, str(script)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer, model = json.loads(done.stdout), mlpkit.load(ROOT / "models" / "penguins" / "model.h5")
    row = {"island": "Biscoe", "bill_length_mm": 50.0, "bill_depth_mm": None, "flipper_length_mm": 220, "body_mass_g": 5000}
    assert [*answer] == model.classes.tolist()
    chances = model.predict_proba([row | {"sex": "male", "year": "2008"}])[0]
    np.testing.assert_allclose([*answer.values()], chances, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_an_example_is_short(language):
    assert len(example(language).splitlines()) <= 24
