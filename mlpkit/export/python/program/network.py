"""The network: embeddings and layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlpkit.export.python.program.activations import ACTIVATIONS
from mlpkit.export.python.program.model import MODEL, Array


def forward(x: Array, member: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the outputs of a network and the pre-activations of its last layer."""
    x, z = first_inputs(x.astype(MODEL["dtype"]).astype(float), member).astype(MODEL["dtype"]), x
    inputs = [x]  # of each layer
    for number, layer in enumerate(MODEL["layers"]):
        name = f"layers.{number}"
        z = (x * member[f"{name}.input_scale"] if f"{name}.input_scale" in member else x) @ member[f"{name}.weight"]
        if f"{name}.bias" in member:
            z = z + member[f"{name}.bias"]
        if layer["normalization"]:
            parts = {part: member.get(f"{name}.normalization.{part}") for part in ("scale", "shift", "mean", "variance")}
            z = normalized(z, layer["normalization"], **parts)
        trained = {path.rpartition(".")[2]: array for path, array in member.items() if path.startswith(f"{name}.activation.")}
        x = activated(z, **layer["activation"], **trained)
        if back := layer["residual"]:
            x = x + inputs[-back]
        inputs.append(x)
    return x, z


def first_inputs(x: Array, member: Mapping[str, Array]) -> Array:
    """Return the inputs of the first layer: encoded inputs, and the values of embeddings."""
    codes = {index for options in MODEL["embeddings"] if options["type"] == "category" for index in options["inputs"]}
    values = [x[:, [index for index in range(x.shape[1]) if index not in codes]]]
    for number, options in enumerate(MODEL["embeddings"]):
        prefix = f"embeddings.{number}."
        parts = {name.removeprefix(prefix): array.astype(float) for name, array in member.items() if name.startswith(prefix)}
        values += [embedded(options, parts, n, x[:, [index]]) for n, index in enumerate(options["inputs"])]
    return np.hstack(values)


def embedded(options: dict[str, Any], parts: Mapping[str, Array], n: int, v: Array) -> Array:
    """Return the values of an embedding for the input v, shape (rows, 1), which is its n-th."""
    kind, turn = options["type"], 2 * math.pi
    if kind == "category":
        start, levels = sum(options["levels"][:n]) + n, options["levels"][n]
        rare = levels + np.zeros(len(v), int)
        known = (v[:, 0] >= 0) & (v[:, 0] < levels)
        return parts["weight"][start + np.where(known, v[:, 0], rare).astype(int)]
    if kind == "piecewise_linear":
        edges = parts["edges"][n]
        features = np.clip((v - edges[:-1]) / np.diff(edges), 0, 1)
    elif kind == "pbld":
        features = np.cos(turn * parts["frequency"][n] * v + parts["phase"][n])
    else:
        angles = turn * parts["frequency"][n] * v
        features = np.hstack([np.sin(angles), np.cos(angles)])
    mapped = parts["bias"][n] + features @ parts["weight"][n]
    return np.maximum(mapped, 0) if kind == "periodic" else mapped


def normalized(z: Array, options: dict[str, Any], scale: Array, shift: Array | None, mean: Array | None, variance: Array | None) -> Array:
    if options["type"] == "rms":
        return z / np.sqrt((z**2).mean(axis=1, keepdims=True) + options["epsilon"]) * scale
    center = z.mean(axis=1, keepdims=True) if mean is None else mean
    spread = z.var(axis=1, keepdims=True) if variance is None else variance
    return (z - center) / np.sqrt(spread + options["epsilon"]) * scale + (0 if shift is None else shift)


def activated(z: Array, type: str, **options: Any) -> Array:
    """Return the activation of pre-activations, in their dtype."""
    return ACTIVATIONS[type](z, **options).astype(z.dtype)
