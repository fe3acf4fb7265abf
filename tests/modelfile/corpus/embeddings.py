"""Well-formed files whose embeddings are none: inputs that do not exist, parameters that do not fit, numbers of levels that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import mlpkit
from mlpkit.errors import ModelFileError, NonFinite, TensorMismatch
from mlpkit.modelfile.rules import Rule

from .case import LOADING, READING, Case
from .forger import Forger, saved

EDGES = "tensors/embeddings.2/edges"  # of shape (1, 5), float32


@cache
def embedded() -> bytes:
    """A small trained model with embeddings of all kinds, as mlpkit saves it."""
    rng = np.random.default_rng(11)
    rows = {"a": rng.normal(size=12), "b": rng.normal(size=12), "city": ["x", "y", "z"] * 4, "y": rng.normal(size=12)}
    embeddings = [
        {"type": "pbld", "frequencies": 4},
        {"type": "periodic", "columns": "a", "frequencies": 2},
        {"type": "piecewise_linear", "columns": "b", "bins": 4},
        {"type": "category"},
    ]
    spec = {
        "data": {"target": "y"},
        "preprocessing": {"columns": {"city": "embed"}},
        "network": {"embeddings": embeddings, "input_scale": True, "layers": [{"units": 3}, {"units": 1}]},
        "loss": "mse",
        "training": {"epochs": 1},
    }
    return saved(mlpkit.train(spec, rows))


def forged(change: Callable[[Forger], object]) -> Callable[[], bytes]:
    """A file in which one thing was changed."""

    def build() -> bytes:
        forger = Forger(embedded())
        change(forger)
        return forger.signed()

    return build


def spec_with(change: Callable[[dict[str, Any]], object]) -> Callable[[], bytes]:
    """A file with another network in its spec."""

    def edit(forger: Forger) -> None:
        spec = forger.spec()
        change(spec["network"])
        forger.put_spec(json.dumps(spec).encode())

    return forged(edit)


def embedding_is(number: int, **changes: Any) -> Callable[[], bytes]:
    return spec_with(lambda network: network["embeddings"][number].update(changes))


def many(count: int) -> Callable[[], bytes]:
    """A file whose spec has many embeddings."""
    return spec_with(lambda network: network.update(embeddings=[{"type": "pbld", "inputs": []}] * count))


def tensor_is(path: str, array: Any) -> Callable[[], bytes]:
    return forged(lambda forger: forger.put(path, np.asarray(array, np.float32)))


def column_is(**changes: Any) -> Callable[[], bytes]:
    """A file whose fitted preprocessing says something else of the embedded column."""
    return forged(lambda forger: forger.manifest["preprocessing"]["inputs"]["columns"][2].update(changes))


SPEC = ModelFileError, Rule.SPEC
TENSOR = TensorMismatch, Rule.TENSORS
RISE = ModelFileError, Rule.FINITE, "the edges of bins in embeddings.2.edges do not increase by finite steps", LOADING
PREPROCESSING = ModelFileError, Rule.PREPROCESSING
CASES = {
    "embedded input that there is none": Case(embedding_is(0, inputs=[0, 99]), *SPEC, "there is no input 99", LOADING),
    "embedded input of 2^62": Case(embedding_is(0, inputs=[0, 2**62]), *SPEC, "there is no input", LOADING),
    "embedded input below 0": Case(embedding_is(0, inputs=[0, -1]), *SPEC, ".", LOADING),
    "embedded input that is half": Case(embedding_is(0, inputs=[0, 0.5]), *SPEC, ".", LOADING),
    "embedded inputs that are a text": Case(embedding_is(0, inputs="01"), *SPEC, ".", LOADING),
    "embedded input twice": Case(embedding_is(0, inputs=[0, 0]), *SPEC, "an input is named twice", LOADING),
    "100,000 embedded inputs": Case(embedding_is(0, inputs=[0] * 100_000), *SPEC, "an input is named twice", LOADING),
    "fewer embedded inputs": Case(embedding_is(0, inputs=[0]), *TENSOR, "the tensor embeddings.0", LOADING),
    "embedded inputs left to the data": Case(embedding_is(0, inputs=None), ModelFileError, Rule.TENSORS, "not known", LOADING),
    "category as a number": Case(embedding_is(0, inputs=[0, 2]), *SPEC, "embedded as a number", LOADING),
    "number as a category": Case(embedding_is(3, inputs=[1]), *SPEC, "embedded as a number", LOADING),
    "category without an embedding": Case(spec_with(lambda network: network["embeddings"].pop()), *SPEC, "no embedding takes it", LOADING),
    "embedding of another type": Case(embedding_is(0, type="os:system"), *SPEC, "should be 'pbld'", LOADING),
    "embedding that is a text": Case(spec_with(lambda network: network.update(embeddings=["pbld"] * 3)), *SPEC, ".", LOADING),
    "a million frequencies": Case(embedding_is(0, frequencies=10**6), *SPEC, "less than or equal to 256", LOADING),
    "other frequencies": Case(embedding_is(0, frequencies=5), *TENSOR, "the tensor embeddings.0", LOADING),
    "other units of an embedding": Case(embedding_is(1, units=9), *TENSOR, ".", LOADING),
    "a billion levels": Case(embedding_is(3, levels=[10**9]), *TENSOR, "the tensor embeddings.3.weight", LOADING),
    "2^62 levels": Case(embedding_is(3, levels=[2**62]), *TENSOR, "the tensor embeddings.3.weight", LOADING),
    "no levels": Case(embedding_is(3, levels=[0]), *SPEC, ".", LOADING),
    "levels of two inputs": Case(embedding_is(3, levels=[2, 1]), *SPEC, "one number of levels for each input", LOADING),
    "50,000 embeddings": Case(many(50_000), *TENSOR, "50000 embeddings", LOADING),
    "other bins": Case(embedding_is(2, bins=8), *TENSOR, "the tensor embeddings.2.edges", LOADING),
    "edges that fall": Case(tensor_is(EDGES, [[3, 2, 1, 0, -1]]), *RISE),
    "equal edges": Case(tensor_is(EDGES, [[0, 1, 1, 2, 3]]), *RISE),
    "edges beyond a float's range": Case(tensor_is(EDGES, [[-3e38, 3e38, 3.1e38, 3.2e38, 3.3e38]]), *RISE),
    "edges that are infinite": Case(tensor_is(EDGES, [[0, 1, 2, 3, np.inf]]), NonFinite, Rule.FINITE, "edges holds NaN or inf", READING),
    "edges of another shape": Case(tensor_is(EDGES, [[0, 1, 2, 3]]), *TENSOR, "the tensor embeddings.2.edges", LOADING),
    "embedding of another shape": Case(tensor_is("tensors/embeddings.3/weight", np.zeros((3, 8))), *TENSOR, "embeddings.3.weight", LOADING),
    "factors of another number of inputs": Case(tensor_is("tensors/layers.0/input_scale", np.ones(3)), *TENSOR, "input_scale", LOADING),
    "factors that the spec lacks": Case(spec_with(lambda network: network.pop("input_scale")), *TENSOR, "input_scale", LOADING),
    "tensor of an embedding that there is none": Case(tensor_is("tensors/embeddings.4/weight", [0]), *TENSOR, "embeddings.4", LOADING),
    "levels that differ from the categories": Case(column_is(categories=["x", "y"]), *PREPROCESSING, "embedded categories", LOADING),
    "one-hot category with an embedding": Case(column_is(treatment="one_hot"), *PREPROCESSING, ".", LOADING),
    "embedded column without categories": Case(column_is(categories=[]), *PREPROCESSING, "0 levels to embed", LOADING),
    "rare category that is frequent": Case(column_is(rare=["x"]), *PREPROCESSING, "a category twice", LOADING),
    "embedded number": Case(column_is(kind="number"), *PREPROCESSING, "does not fit its kind", LOADING),
}
