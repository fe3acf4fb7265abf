"""Predictions and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpkit.export.python.program.activations import ACTIVATIONS, sigmoid
from mlpkit.export.python.program.inputs import encode
from mlpkit.export.python.program.model import CLASSES, MEMBERS, MODEL, TARGET, TARGETS, Array
from mlpkit.export.python.program.network import forward


def predict(rows: Any) -> Array:
    """Return labels or numbers: shape (rows,), or (rows, targets) for several targets. Raise ValueError for rows that do not fit."""
    target, scores = MODEL["target"], average(rows)
    if target["task"] == "multilabel":
        return (scores > 0.5).astype(target["label_type"])
    if CLASSES is None:
        return scores[:, 0] if len(TARGETS) == 1 else scores
    threshold = target.get("threshold", 0.5)
    best = scores[:, 1] > threshold if len(CLASSES) == 2 else scores.argmax(axis=1)
    return np.array(CLASSES, None if target["label_type"] == "str" else target["label_type"])[best.astype(int)]


def predict_proba(rows: Any) -> Array:
    """Return probabilities, shape (rows, classes), or (rows, labels). Raise ValueError for rows that do not fit, or without classes."""
    if MODEL["target"]["task"] == "regression":
        raise ValueError("this model predicts numbers, not classes: use predict")
    return average(rows)


def average(rows: Any) -> Array:
    """Return the average over the networks: probabilities or numbers, float64, shape (rows, classes or targets)."""
    with np.errstate(all="ignore"):
        x = encode(rows)
        return sum((decode(*forward(x, member)) for member in MEMBERS), np.zeros(())) / len(MEMBERS)


def decode(outputs: Array, z: Array) -> Array:
    """Return the probabilities or numbers of the outputs of a network, float64."""
    target, last = MODEL["target"], MODEL["layers"][-1]["activation"]
    if target["task"] != "regression":
        if last["type"] in ("sigmoid", "softmax", "continuation_ratio"):  # in float64, for precision close to 0 and 1
            outputs = ACTIVATIONS[last["type"]](z.astype(float))
        outputs = outputs.astype(float)
        if target["form"] == "binary":
            return np.hstack([sigmoid(-z.astype(float)) if last["type"] == "sigmoid" else 1 - outputs, outputs])
        total = outputs.sum(axis=1, keepdims=True)
        return outputs / np.where(total > 0, total, 1) if MODEL["distribution"] else outputs
    values = outputs.astype(float)[:, MODEL["main_output"] :: target.get("outputs_per_target", 1)]
    values = np.exp(values) if MODEL["log_mean"] else values * TARGET["scale"] + TARGET["center"]
    return np.clip(values, TARGET["lower"], TARGET["upper"]) if "lower" in TARGET else values
