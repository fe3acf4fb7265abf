"""A small model's contents with every kind of value, and how two of them are compared."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mlpkit.modelfile import Contents


@pytest.fixture
def contents() -> Contents:
    rng = np.random.default_rng(7)
    return Contents(
        spec={"name": "é 日本 😀", "seed": 2**63 - 1, "network": {"layers": [{"units": 3, "bias": True, "rate": 0.1, "none": None}]}},
        tensors={
            "layers.0.weight": rng.normal(size=(4, 3)).astype(np.float32),
            "layers.0.bias": rng.normal(size=3).astype(np.float32),
            "layers.0.normalization.mean": rng.normal(size=3),
        },
        preprocessing={"inputs": {"columns": [{"name": "bill length", "kind": "number"}]}, "target": {"classes": ["Adélie", "Gentoo"]}},
        arrays={"inputs/mean": rng.normal(size=4), "inputs/present": np.array([True, False, True]), "target/codes": np.arange(5)},
        history={"epoch": np.array([1.0, 2.0]), "loss": np.array([0.5, 0.25]), "validation_loss": np.array([0.75, np.nan])},
        plugins=[
            {"kind": "activations", "name": "relu", "distribution": "mlpkit", "version": "0.1.0", "target": "a:B", "options": {"x": [1]}},
            {"kind": "losses", "name": "own", "distribution": None, "version": None, "target": "__main__:Own", "options": {}},
        ],
        metadata={"authör": "Ünïcode", "tiny": 5e-324, "negative zero": -0.0, "quote": '"\\\n\u2028', "large": 2**64 - 1, "empty": {}},
    )


def assert_same(one: Contents, other: Contents) -> None:
    """Equal values, and arrays equal in dtype, shape and every bit."""
    for field in fields(Contents):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if field.name not in ("tensors", "arrays", "history"):
            assert left == right, field.name
            continue
        assert left.keys() == right.keys()
        for name in left:
            assert (left[name].dtype, left[name].shape) == (right[name].dtype, right[name].shape), name
            assert left[name].tobytes() == right[name].tobytes(), name


@pytest.fixture
def same():
    return assert_same
