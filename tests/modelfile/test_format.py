"""models/FORMAT.md is enough: a reader that knows h5py, JSON and its rules, and nothing of mlpkit, predicts the same."""

from __future__ import annotations

import csv
import json

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.modelfile.reader import read

ACTIVATIONS = {  # rule 27
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
}


def layer(options, tensors, name, x):
    """Rules 25 to 27."""
    z = x @ tensors[f"{name}/weight"][()].astype(float)
    if f"{name}/bias" in tensors:
        z = z + tensors[f"{name}/bias"][()]
    if options["normalization"]:
        part = tensors[f"{name}.normalization"]
        batch = options["normalization"]["type"] == "batch"
        mean = part["mean"][()] if batch else z.mean(axis=1, keepdims=True)
        variance = part["variance"][()] if batch else z.var(axis=1, keepdims=True)
        z = (z - mean) / np.sqrt(variance + options["normalization"]["epsilon"]) * part["scale"][()] + part["shift"][()]
    activation = options["activation"]
    choices = {"type": activation} if isinstance(activation, str) else dict(activation)
    return ACTIVATIONS[choices.pop("type")](z, **choices)


def encoded(inputs, arrays, rows):
    """Rules 30 and 31, for rows of texts by column."""
    values = [column for column in inputs["columns"] if column["kind"] != "category"]
    raw = [[row[column["name"]] for column in values] for row in rows]
    missing = np.array([[text in inputs["missing"] for text in row] for row in raw])
    numbers = np.array([[np.nan if text in inputs["missing"] else float(text) for text in row] for row in raw])
    numbers = np.where(missing, arrays["fill"][()], numbers)
    parts = [(numbers - arrays["center"][()]) / arrays["scale"][()], missing[:, arrays["gaps"][()] if "gaps" in arrays else []]]
    for column in inputs["columns"]:
        texts = [None if row[column["name"]] in inputs["missing"] else row[column["name"]] for row in rows]
        parts += [np.array([[text == category] for text in texts]) for category in column["categories"]]
    return np.hstack(parts).astype(float)


def predicted(path, rows):
    """The predictions for rows of texts by column, from the file alone."""
    with h5py.File(path) as file:
        manifest, spec = (json.loads(bytes(file[name][()])) for name in ("manifest", "spec"))
        x = encoded(manifest["preprocessing"]["inputs"], file["preprocess/inputs"], rows)
        for number, options in enumerate(spec["network"]["layers"]):
            x = layer(options, file["tensors"], f"layers.{number}", x)
        target = manifest["preprocessing"]["target"]
        if target["form"] == "numbers":
            return (x * file["preprocess/target/scale"][()] + file["preprocess/target/center"][()])[:, 0]
        codes = (x[:, 0] > 0.5).astype(int) if target["form"] == "binary" else x.argmax(axis=1)
        return np.array(target["classes"])[codes]


LAYERS = [
    {"units": 5, "activation": "leaky_relu", "normalization": "batch"},
    {"units": 4, "activation": "tanh", "normalization": "layer", "dropout": 0.1},
    {"units": 4, "activation": "relu", "bias": False},
]
TASKS = {
    "classes": ("species", "softmax", "categorical_crossentropy"),
    "two classes": ("large", "sigmoid", "binary_crossentropy"),
    "number": ("mass", "linear", "mean_squared_error"),
}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(3)
    with (tmp_path / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "island", "width", "species", "large", "mass"])
        for number in range(90):
            kind, length, width = number % 3, rng.normal(number % 3), rng.normal()
            island = ["", "Dream", "Biscoe", "Torgersen"][rng.integers(4)]
            texts = "" if number % 11 == 0 else f"{length:.3f}", island, f"{width:.3f}", "abc"[kind], ["no", "yes"][length > 1]
            writer.writerow([*texts, f"{3000 + 400 * length + 50 * width:.1f}"])
    return tmp_path / "data.csv"


@pytest.mark.parametrize(("target", "activation", "loss"), TASKS.values(), ids=TASKS)
def test_a_prediction_follows_from_the_rules(target, activation, loss, table, tmp_path):
    data = {"path": str(table), "target": target, "inputs": ["length", "island", "width"]}
    network = {"layers": [*LAYERS, {"activation": activation}]}
    spec = {"data": data, "dtype": "float64", "network": network, "loss": loss, "training": {"epochs": 30}}
    model = mlpkit.train(spec)
    model.save(tmp_path / "model.h5")
    with table.open(newline="") as file:
        found = predicted(tmp_path / "model.h5", list(csv.DictReader(file)))
    expected = model.predict(table)
    assert len(set(expected.tolist())) > 1
    if target == "mass":
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    else:
        assert found.tolist() == expected.tolist()


def test_the_tensors_are_those_of_the_network(table, tmp_path):
    data = {"path": str(table), "target": "mass", "inputs": ["length", "island", "width"]}
    model = mlpkit.train({"data": data, "network": {"layers": [*LAYERS, {}]}, "loss": "mean_squared_error", "training": {"epochs": 1}})
    model.save(tmp_path / "model.h5")
    stored = read(tmp_path / "model.h5").tensors
    assert stored.keys() == model.network.parameters.views.keys()
    for name, view in model.network.parameters.views.items():
        assert stored[name].tobytes() == view.tobytes(), name
