"""A file in each layout that can stay on disk, with the same rows, and a spec for them."""

from __future__ import annotations

import h5py
import numpy as np

from mlpkit.spec import Spec

ROWS = 500
RNG = np.random.default_rng(4)
X = RNG.normal(3, 2, (ROWS, 4)).astype(np.float32)
X[::7, 1] = np.nan
Y = np.where(X[:, 0] > 3, "yes", "no").astype("S3")


def spec_with(path=None, *, in_memory=False, data=(), training=(), **rest):
    return Spec.model_validate(
        {
            "data": {"target": "y", "in_memory": in_memory, **({"path": str(path)} if path else {}), **dict(data)},
            "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
            "loss": "binary_crossentropy",
            "training": {"epochs": 2, "batch_size": 16, **dict(training)},
            **rest,
        }
    )


def structured(folder):
    rows = np.empty(ROWS, [("a", "<i2"), ("x", "<f4", (4,)), ("b", "?"), ("y", "S3"), ("c", ">f8")])
    rows["a"], rows["x"], rows["b"], rows["y"], rows["c"] = np.arange(ROWS), X, X[:, 0] > 2, Y, X[:, 2] * 1e9
    np.save(folder / "rows.npy", rows)
    return folder / "rows.npy"


def matrix(order):
    def write(folder):
        np.save(folder / "rows.npy", np.array(np.column_stack([X, X[:, 0] > 3]), order=order))
        return folder / "rows.npy"

    return write


def datasets(**options):
    def write(folder):
        with h5py.File(folder / "rows.h5", "w", userblock_size=512) as file:
            file["y"] = Y
            file.create_dataset("group/x", data=X, **options)
            file.create_dataset("n", data=np.arange(ROWS)[::-1].astype(">i4"), **options)
            file.create_dataset("b", data=X[:, 0] > 2, **options)
            file.create_dataset("half", data=X[:, :1].astype(np.float16), **options)
            file["scalar"] = 3
        return folder / "rows.h5"

    return write
