"""Inputs of the first layer: encoded inputs and the embeddings of single ones."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlpkit.export.onnx.graph import INT, Graph
from mlpkit.export.onnx.value import Value
from mlpkit.spec import NetworkSpec
from mlpkit.spec.embeddings import PBLD, AnyEmbedding, CategoryEmbedding, Periodic

Tensors = Mapping[str, NDArray[np.floating]]
TURN = 2.0 * math.pi


def first_inputs(op: Graph, spec: NetworkSpec, tensors: Tensors, x: Value) -> Value:
    """Return the inputs of the first layer, shape (rows, inputs), for encoded inputs."""
    if not spec.embeddings:
        return x
    plain = spec.plain_inputs
    parts = [x if len(plain) == spec.inputs else op.take(x, plain)] if plain else []
    for number, options in enumerate(spec.embeddings):
        prefix = f"embeddings.{number}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if options.inputs:
            parts.append(_embedded(op, options, own, op.take(x, options.inputs)))
    return op.concatenate(parts)


def _embedded(op: Graph, options: AnyEmbedding, tensors: Tensors, numbers: Value) -> Value:
    """Return the values of an embedding, shape (rows, inputs * units), for its inputs, shape (rows, inputs)."""
    if isinstance(options, CategoryEmbedding):
        levels = np.array(options.levels)
        places = op.cast(numbers, INT) + (np.cumsum(levels + 1) - (levels + 1))
        found = op("Gather", op.constant(tensors["weight"], numbers.dtype), places)
    else:
        by_number = op("Unsqueeze", op("Transpose", numbers, perm=[1, 0]), np.array([2]))  # (inputs, rows, 1)
        features = _features(op, options, tensors, by_number)
        mapped = features @ tensors["weight"] + tensors["bias"][:, None]
        if isinstance(options, Periodic):
            mapped = op.maximum(mapped, 0.0)
        found = op("Transpose", mapped, perm=[1, 0, 2])
    return op("Reshape", found, np.array([-1, options.width]))


def _features(op: Graph, options: AnyEmbedding, tensors: Tensors, x: Value) -> Value:
    """Return the features of numbers, shape (inputs, rows, features)."""
    if isinstance(options, PBLD):
        return op.cos(x * _turns(tensors)[:, None] + tensors["phase"][:, None])
    if isinstance(options, Periodic):
        angles = x * _turns(tensors)[:, None]
        return op.concatenate([op("Sin", angles), op.cos(angles)], axis=2)
    edges = tensors["edges"][:, None]
    return op.clip((x - edges[:, :, :-1]) / (edges[:, :, 1:] - edges[:, :, :-1]), 0.0, 1.0)


def _turns(tensors: Tensors) -> NDArray[np.floating]:
    return tensors["frequency"] * tensors["frequency"].dtype.type(TURN)
