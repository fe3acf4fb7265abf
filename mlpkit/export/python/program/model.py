"""Predictions of a multi-layer perceptron from raw rows. Written by mlpkit; needs NumPy alone.

In a program, with this file beside it as model.py:

    import model
    model.predict([{"age": 31, "city": "Rome"}])  # labels or numbers, one for each row, or for each row and target
    model.predict_proba(rows)                     # probabilities, shape (rows, classes), in the order of model.CLASSES

Rows are a list of dictionaries, a dictionary of columns, a data frame, or an array if all columns are numbers. `COLUMNS` describes the
columns. A missing value is None, NaN or one of the texts in MODEL["inputs"]["missing"].
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

Array = Any  # an array of NumPy

MODEL: dict[str, Any] = {"inputs": {"columns": []}, "target": {"classes": None, "names": []}, "members": 0}
ARRAYS: dict[str, tuple[str, tuple[int, ...], str]] = {}

COLUMNS: list[dict[str, Any]] = MODEL["inputs"]["columns"]
CLASSES: list[Any] | None = MODEL["target"]["classes"]
TARGETS: list[str] = MODEL["target"]["names"]


def arrays(prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a prefix, without it."""
    found = {name.removeprefix(prefix): entry for name, entry in ARRAYS.items() if name.startswith(prefix)}
    return {name: np.frombuffer(base64.b64decode(text), dtype).reshape(shape) for name, (dtype, shape, text) in found.items()}


STATISTICS, TARGET = arrays("inputs/"), arrays("target/")
MEMBERS = [arrays(f"members/{number}/") for number in range(MODEL["members"])]
