"""Models with everything that a file can hold, and every form of a target, with rows to predict."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np

import mlpkit

from ..data.test_written_numbers import READ
from .scalings import BINS, QUANTILE, ROBUST, TREE

ROOT = Path(__file__).parents[2]
SHIPPED = ("iris", "penguins", "digits", "diabetes", "xor")
NORMALIZATIONS = ("layer", "batch", None, "rms")
RESIDUAL = (None, None, 1, 2, 3)
DEEP = [
    {"units": 6, "activation": "tanh", "normalization": NORMALIZATIONS[number % 4], "residual": RESIDUAL[number % 5]}
    for number in range(30)
]


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


def make_cases(folder):
    """Return by name: the file of a model in a folder, its rows as JSON, and the same rows as mlpkit takes them."""
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
    shortcut = {"layers": [{"units": 4, "activation": "tanh", "residual": 1}, {}], "input_scale": True}
    spec = {"data": {"target": "mass"}, "dtype": "float64", "network": shortcut, "loss": "mse", "training": {"epochs": 20}}
    numbers = {f"x{index}": targets["depth"] ** index for index in range(1, 5)}
    found["shortcut"] = make_model(folder, "shortcut", spec, numbers | {"mass": targets["mass"]}), json_rows(numbers), numbers
    for number, choices in enumerate(CHOICES):
        layers = [{"units": 6, "activation": choice, "normalization": "layer"} for choice in choices]
        data = {"target": "mass", "inputs": [*columns], "units": UNITS}
        spec = {"data": data, "dtype": "float64", "network": {"layers": [*layers, {}]}, "loss": "mse"}
        spec["preprocessing"] = with_dates()
        path = make_model(folder, f"choices {number}", spec | {"training": {"epochs": 2}}, columns | {"mass": targets["mass"]})
        found[f"choices {number}"] = path, json_rows(varied(columns)), varied(columns)
    return found
