"""A model in other hands: h5py and pyfive in Python, h5wasm and jsfive in Node predict as mlpkit does, from FORMAT.md's rules alone.

The scripts in languages/ know nothing of mlpkit; so do the examples in models/README.md, which are run as they stand there.
"""

from __future__ import annotations

import csv
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

from ..data.test_written_numbers import READ
from ..sampling import one_in
from .scalings import BINS, QUANTILE, ROBUST, TREE

ROOT = Path(__file__).parents[2]
LANGUAGES = Path(__file__).parent / "languages"
TOLERANCES = {"float32": 1e-6, "float64": 1e-10}  # the scripts compute in float64
SHIPPED = ("iris", "penguins", "digits", "diabetes", "xor")
NORMALIZATIONS = ("layer", "batch", None, "rms")
RESIDUAL = (None, None, 1, 2, 3)
LEARNED = {"learned float32": 1e-5, "learned float64": 1e-12}  # the cosines of large dates are worse in float32
DEEP = [
    {"units": 6, "activation": "tanh", "normalization": NORMALIZATIONS[number % 4], "residual": RESIDUAL[number % 5]}
    for number in range(30)
]


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


# -- models with everything that a table can hold, and every form of a target


def mixed_columns():
    rng = np.random.default_rng(11)
    rows = np.arange(60)
    return {
        "length": np.where(rows % 7 == 0, np.nan, rng.normal(3, 2, 60)),
        "wet": rows % 3 == 0,
        "island": [None if row % 9 == 0 else ["Dream", "Biscoe", "Ünst, \"far\""][row % 3] for row in rows],
        "pixels": rng.integers(0, 16, (60, 5)),
        "year": 2007 + rows % 3,
        "seen": [None if row % 13 == 5 else str(np.datetime64("1967-11-30") + 97 * int(row)) for row in rows],
        "called": [f"2024-0{1 + row % 3}-1{row % 10}T{row % 24:02d}:30:{row % 60:02d}.25{'Z' if row % 2 else '-03:30'}" for row in rows],
        "price": [None if row == 7 else written_price(row) for row in rows.tolist()],
        "value": [["€ 1.234,50", "€110,5M", "565K €", "(3,5)", "€ 5,-", "2 mn EUR", "−1 234,5"][row % 7] for row in rows],
        "member": [[" Yes", "no", "TRUE", "f", None, "Nein", "sí"][row % 7] for row in rows],
        "constant": np.full(60, 0.1), "always": np.full(60, True), "word": ["same"] * 60,
    }  # fmt: skip


def written_price(row):
    """A number in dollars, as people write them."""
    number = f"{row * 37.25:,.2f}"
    spaced = number.replace(",", "\u00a0")
    return [f"${number}", f"(${number})", f"{number} USD", f"-$ {number}", number, f" $ ({number}) ", f"+{spaced}$"][row % 7]


UNITS = {"price": ["$", "USD"], "value": {"unit": ["€", "EUR"], "decimal": ",", "magnitudes": True}}


def notations():
    """A column for each notation of numbers in texts, and the spec that reads them."""
    columns, units = {}, {}
    for number, notation in enumerate(dict.fromkeys(notation for notation, _, _ in READ)):
        texts = [text for own, text, _ in READ if own == notation]
        columns[f"a{number}"] = [texts[row % len(texts)] if row % 2 else f"{row}" for row in range(60)]
        units[f"a{number}"] = {"unit": list(notation.unit), "decimal": notation.decimal, "magnitudes": notation.magnitudes}
    data = {"target": "y", "inputs": [*columns], "units": units}
    return columns, {"dtype": "float64", "data": data, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 2}}


def varied(columns):
    """The columns as they come later: what was constant in training varies, with gaps."""
    rows = np.arange(60)
    called = [f"{1890 + 9 * row}-12-31T23:59:59.999Z" for row in rows.tolist()]
    return columns | {"constant": np.where(rows % 4 == 0, np.nan, rows * 1e3), "always": rows % 2 == 0, "called": called}


def mixed_targets():
    rng = np.random.default_rng(12)
    return {
        "mass": rng.normal(4000, 300, 60), "depth": rng.normal(17, 2, 60), "large": np.arange(60) % 4 == 0,
        "spotted": rng.integers(0, 2, 60), "species": np.array(["a", "b", "<c>"])[rng.integers(0, 3, 60)], "code": rng.integers(-1, 2, 60),
    }  # fmt: skip


FORMS = {  # target columns, last activation, loss
    "numbers": (["mass", "depth"], "linear", "mean_squared_error"),
    "labels": (["large", "spotted"], "sigmoid", "binary_crossentropy"),
    "binary": (["large"], "sigmoid", "binary_crossentropy"),
    "decided": (["large"], "sigmoid", "binary_crossentropy"),
    "classes": (["species"], "softmax", "categorical_crossentropy"),
    "indicators": (["code"], "softmax", "mean_squared_error"),
    "ordered": (["code"], "continuation_ratio", "ordinal"),
    "means": (["mass", "depth"], "linear", "gaussian_nll"),
    "quantiles": (["mass", "depth"], "linear", {"type": "quantile", "quantiles": [0.1, 0.4, 0.6, 0.9]}),
    "counts": (["depth", "spotted"], "linear", "poisson"),
    "averaged numbers": (["mass", "depth"], "linear", "mean_squared_error"),
    "averaged labels": (["large", "spotted"], "sigmoid", "binary_crossentropy"),
    "averaged decision": (["large"], "sigmoid", "binary_crossentropy"),
    "averaged classes": (["species"], "softmax", "categorical_crossentropy"),
    "averaged means": (["mass", "depth"], "linear", "gaussian_nll"),
    "averaged counts": (["depth", "spotted"], "linear", "poisson"),
}
SCALED = {"labels": ROBUST, "means": QUANTILE, "quantiles": BINS, "counts": TREE}  # preprocessing of some of them


def with_dates(preprocessing=None):
    """The preprocessing, with the two columns of dates, and one of words for true and false."""
    options = preprocessing or {}
    columns = {"seen": "date", "called": {"type": "date", "clip": "smooth"}, "member": "boolean", "price": {"type": "robust", "clip": 2}}
    return options | {"columns": options.get("columns", {}) | columns}


EMBEDDINGS = [  # of all four kinds; names of columns of the table below
    {"type": "category", "columns": ["island", "year"], "units": 3},
    {"type": "pbld", "frequencies": 5, "scale": 0.5},
    {"type": "category", "columns": ["word", "wet"], "units": 2},
    {"type": "periodic", "columns": ["pixels", "length"], "frequencies": 3, "units": 2, "scale": 0.5},
    {"type": "piecewise_linear", "columns": ["seen", "pixels"], "bins": 4, "units": 2},
]
EMBEDDED = {"columns": {"island": "embed", "year": {"type": "embed", "fewest": 1}, "word": "embed", "wet": "embed"}}


def learned(dtype="float64"):
    """A spec with all embeddings and factors of the inputs, for the table below."""
    layers = [{"units": 6, "activation": "mish", "normalization": "batch"}, {"units": 4, "activation": "tanh"}, {}]
    return {
        "data": {"target": "mass", "units": UNITS},
        "preprocessing": with_dates(EMBEDDED),
        "dtype": dtype,
        "network": {"layers": layers, "embeddings": EMBEDDINGS, "input_scale": True, "initialize_from_data": True},
        "loss": "mse",
        "training": {"epochs": 20, "batch_size": 16, "learning_rate_factors": {"embeddings": 2.0, "input_scale": 6.0}},
    }


HIDDEN = [
    {"units": 5, "activation": {"type": "leaky_relu", "negative_slope": 0.2}, "normalization": "batch"},
    {"units": 4, "activation": "glu", "bias": False},
    {"units": 4, "activation": "prelu"},
]
CHOICES = [  # every activation in hidden layers, with other options than the defaults too
    ["linear", "sigmoid", "tanh", "relu", {"type": "leaky_relu", "negative_slope": 0.2}, {"type": "prelu", "initial": -0.5}, "relu6"],
    ["elu", {"type": "elu", "alpha": 0.3}, "celu", {"type": "celu", "alpha": 2.5}, "selu", "exponential", "relu_squared"],
    ["gelu", {"type": "gelu", "approximate": "tanh"}, "silu", "mish", "softplus", {"type": "softplus", "beta": 3.0, "threshold": 2.0}],
    ["squareplus", {"type": "squareplus", "b": 0.5}, "softsign", "lecun_tanh", "log_sigmoid", "hard_sigmoid", "hard_silu", "hard_tanh"],
    [
        "tanh_shrink",
        "soft_shrink",
        "hard_shrink",
        {"type": "hard_shrink", "threshold": 0.1},
        "gaussian",
        "sine",
        {"type": "sine", "omega": 3.0},
    ],
    ["glu", "swiglu", "geglu", {"type": "geglu", "approximate": "tanh"}, "reglu", "softmax", "log_softmax", "continuation_ratio"],
]


def test_every_activation_is_among_the_choices():
    names = {choice if isinstance(choice, str) else choice["type"] for choices in CHOICES for choice in choices}
    assert names == set(REGISTRIES["activations"].builtins)


def make_model(folder, name, spec, data=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.ConstantColumnWarning)
        model = mlpkit.train(spec) if data is None else mlpkit.train(spec, data)
    model.save(folder / f"{name}.h5")
    return folder / f"{name}.h5"


def text_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def json_rows(columns):
    """The rows of columns as JSON can hold them: a list for a block, None for NaN."""
    plain = [[None if value != value else value for value in np.asarray(values, object).tolist()] for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """By name: the file, its rows as JSON, and the same rows as mlpkit takes them."""
    folder = tmp_path_factory.mktemp("models")
    tables = {name: ROOT / "models" / name / f"{name}.csv" for name in SHIPPED}
    found = {name: (ROOT / "models" / name / "model.h5", text_rows(path), path) for name, path in tables.items()}
    data = {"path": str(tables["penguins"]), "target": "species"}
    network = {"layers": [*DEEP, {"activation": "softmax"}]}
    # /tensors has more than the 8 links that an object header holds
    deep = {"data": data, "dtype": "float64", "network": network, "loss": "categorical_crossentropy", "training": {"epochs": 1}}
    found["deep"] = (make_model(folder, "deep", deep), found["penguins"][1], tables["penguins"])
    columns, targets = mixed_columns(), mixed_targets()
    for name, (target, activation, loss) in FORMS.items():
        spec = {
            "data": {"target": target if len(target) > 1 else target[0], "inputs": [*columns], "units": UNITS},
            "preprocessing": with_dates(SCALED.get(name, {"columns": {"year": "one_hot"}})),
            "dtype": "float64",
            "network": {"layers": [*HIDDEN, {"activation": activation}]},
            "loss": loss,
            "training": {"epochs": 20},
            **({"decision": {"threshold": 0.2}} if name in ("decided", "averaged decision") else {}),
            **({"ensemble": {"members": 3, "folds": "rotate"}} if name.startswith("averaged") else {}),
        }
        path = make_model(folder, name, spec, columns | {key: targets[key] for key in target})
        found[name] = path, json_rows(varied(columns)), varied(columns)
    columns, spec = notations()
    found["notations"] = make_model(folder, "notations", spec, columns | {"y": targets["mass"]}), json_rows(columns), columns
    columns = mixed_columns()
    for dtype in ("float32", "float64"):
        spec = learned(dtype) | {"data": {"target": "mass", "inputs": [*columns], "units": UNITS}}
        path = make_model(folder, f"learned {dtype}", spec, columns | {"mass": targets["mass"]})
        later = varied(columns) | {"island": ["new" if row % 5 == 0 else value for row, value in enumerate(columns["island"])]}
        found[f"learned {dtype}"] = path, json_rows(later), later
    for number, choices in enumerate(CHOICES):
        layers = [{"units": 6, "activation": choice, "normalization": "layer"} for choice in choices]
        data = {"target": "mass", "inputs": [*columns], "units": UNITS}
        spec = {"data": data, "dtype": "float64", "network": {"layers": [*layers, {}]}, "loss": "mse"}
        spec["preprocessing"] = with_dates()
        path = make_model(folder, f"choices {number}", spec | {"training": {"epochs": 2}}, columns | {"mass": targets["mass"]})
        found[f"choices {number}"] = path, json_rows(varied(columns)), varied(columns)
    return found


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
    "name", one_in(2, [*SHIPPED, "deep", "notations", *FORMS, *LEARNED, *(f"choices {number}" for number in range(len(CHOICES)))])
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


@pytest.mark.parametrize("library", ["h5py", "h5wasm"])
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
