"""The valid files that mutants are made of: small, and between them with every structure that mlpkit writes."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import mlpkit
from mlpkit.modelfile import reader, writer

from ..modelfile.corpus.embeddings import embedded
from .anatomy import Anatomy, Dataset

DIGEST = re.compile(rb'"path":"([^"]+)","role":"[^"]+","sha256":"')


@dataclass(frozen=True)
class Golden:
    """A valid file.

    Attributes
    ----------
    name : str
    data : bytes
    anatomy : Anatomy
    """

    name: str
    data: bytes
    anatomy: Anatomy

    @classmethod
    def of(cls, name: str, data: bytes) -> Golden:
        """The golden file of these bytes."""
        return cls(name, data, Anatomy.explore(data))

    def part(self, path: str) -> bytes:
        """The bytes of a dataset; none for one without elements."""
        place = self.anatomy.datasets[path]
        return self.data[place.offset : place.offset + place.size]

    @cached_property
    def digests(self) -> dict[str, tuple[Dataset, int]]:
        """Each listed dataset, and where its digest stands in the file."""
        places, start = self.anatomy.datasets, self.anatomy.datasets["/manifest"].offset
        found = DIGEST.finditer(self.part("/manifest"))
        return {path: (places[path], start + match.end()) for match in found if (path := match[1].decode())}

    def manifest(self) -> dict[str, Any]:
        """A copy of the manifest to be changed."""
        return json.loads(self.part("/manifest"))


def golden_files() -> dict[str, Golden]:
    """All of them by name; the same on every call on one machine."""
    models = {
        "xor": trained(XOR, np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])),
        "table": trained(TABLE, ROWS),
        "normalized": trained(NORMALIZED, np.eye(4), np.array([[1.0, 2], [3, 5], [2, 2], [9, 1]])),
        "untrained": mlpkit.Model(network(3, 2), inputs=3),
        "dense": trained(network(10, 1), np.eye(4), np.arange(4.0)),
        "large": mlpkit.Model(network(2, 512), inputs=520),  # more than a reader takes at once
        "deep": trained(network(70, 1), np.eye(4), np.arange(4.0)),
    }
    files = {name: saved(model) for name, model in models.items()} | {"resumable": resumable(), "outside": outside(), "learned": embedded()}
    return {name: Golden.of(name, data) for name, data in files.items()}


def saved(model: mlpkit.Model, **options: Any) -> bytes:
    """The bytes of a model's file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.h5", **options)
        return (Path(folder) / "model.h5").read_bytes()


def resumable() -> bytes:
    """The bytes of a file whose run can go on."""
    model = mlpkit.Model({**TABLE, "training": {"epochs": 3, "batch_size": 2}}, inputs=ENCODED, outputs=3)
    next(running := mlpkit.epochs(model, ROWS))
    data = saved(model, training_state=True)
    running.close()
    return data


def outside() -> bytes:
    """The bytes of a file whose activation is of a distribution that is nowhere installed: it predicts through its table."""
    contents = reader.from_bytes(saved(trained({**network(2, 2), "optimizer": "sgd"}, np.eye(4), np.arange(4.0))))
    points = np.linspace(-4.0, 4.0, 9)
    table = {"array": "0", "start": -4.0, "stop": 4.0, "trained": [-1.0, 1.0], "error": 0.01, "output": "bounded"}
    plugins = [
        {**record, "name": "far:away", "distribution": "far", "surrogate": table} if record["name"] == "tanh" else record
        for record in contents.plugins
    ]
    contents.spec["network"]["layers"][0]["activation"] = "far:away"
    tables = {"0": np.stack([np.tanh(points), 1 - np.tanh(points) ** 2])}
    return writer.to_bytes(replace(contents, plugins=plugins, surrogates=tables))


def trained(spec: dict[str, Any], *data: Any) -> mlpkit.Model:
    """A model after an epoch or two, which is enough to have everything in its file."""
    return mlpkit.train({"training": {"epochs": 2}, "optimizer": "sgd", **spec}, *data)


def network(layers: int, units: int) -> dict[str, Any]:
    """The spec of a network of some equal layers, for numbers."""
    hidden = [{"units": units, "activation": "tanh"}] * (layers - 1)
    return {"network": {"layers": [*hidden, {"units": 1, "activation": "linear"}]}, "loss": "mean_squared_error", "optimizer": "sgd"}


XOR = {
    "network": {"layers": [{"units": 2, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "binary_crossentropy",
    "optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "initial": 0.1}},
    "preprocessing": "none",
    "dtype": "float64",
}
TABLE = {
    "data": {"target": "species"},
    "network": {
        "layers": [
            {"units": 4, "activation": {"type": "leaky_relu", "negative_slope": 0.1}, "dropout": 0.1},
            {"activation": "softmax"},
        ]
    },
    "loss": "categorical_crossentropy",
    "optimizer": "adam",
    "metrics": ["accuracy"],
}
ROWS = {
    "length": [1.0, 2.5, None, 4.0, 3.0, 2.0, 1.5, 7.0],
    "island": ["Biscoe", "Dream", None, "Dream", "Biscoe", "Torgersen", "Dream", "Biscoe"],
    "tagged": [True, False, True, True, False, False, True, False],
    "species": ["Adélie", "Gentoo", "Adélie", "Chinstrap", "Gentoo", "Adélie", "Chinstrap", "Gentoo"],
}
ENCODED = 7  # columns of the encoded inputs
NORMALIZED = {
    "network": {
        "layers": [
            {"units": 3, "activation": "relu", "normalization": "batch"},
            {"units": 3, "activation": "tanh", "normalization": "layer"},
            {"activation": "linear"},
        ]
    },
    "loss": "mean_squared_error",
}
