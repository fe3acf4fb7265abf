"""Activations by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mlpkit.export.python.program.model import Array


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softplus(z: Array) -> Array:
    return np.logaddexp(z, 0)


def gelu(z: Array, approximate: str) -> Array:
    if approximate == "none":
        return z * (1 + np.vectorize(math.erf, [float])(z / math.sqrt(2))) / 2
    return z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2


def softmax(z: Array) -> Array:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def gated(z: Array, function: Callable[[Array], Array]) -> Array:
    a, b = np.hsplit(z, 2)
    return a * function(b)


def continuation_ratio(z: Array) -> Array:
    above = np.cumprod(np.hstack([np.ones((len(z), 1)), sigmoid(z[:, :-1])]), axis=1)
    return above * np.hstack([sigmoid(-z[:, :-1]), np.ones((len(z), 1))])


SELU = 1.6732632423543772, 1.0507009873554805
ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "linear": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
    "prelu": lambda z, slope, **_: np.where(z > 0, z, slope * z),
    "relu6": lambda z: np.clip(z, 0, 6),
    "relu_squared": lambda z: np.maximum(z, 0) ** 2,
    "elu": lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(z)),
    "celu": lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(z / alpha)),
    "selu": lambda z: SELU[1] * np.where(z > 0, z, SELU[0] * np.expm1(z)),
    "exponential": np.exp,
    "gelu": gelu,
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "softplus": lambda z, beta, threshold: np.where(beta * z > threshold, z, softplus(beta * z) / beta),
    "squareplus": lambda z, b: (z + np.sqrt(z**2 + b)) / 2,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "lecun_tanh": lambda z: 1.7159 * np.tanh(2 * z / 3),
    "log_sigmoid": lambda z: -softplus(-z),
    "hard_sigmoid": lambda z: np.clip(z + 3, 0, 6) / 6,
    "hard_silu": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "tanh_shrink": lambda z: z - np.tanh(z),
    "soft_shrink": lambda z, threshold: z - np.clip(z, -threshold, threshold),
    "hard_shrink": lambda z, threshold: np.where(np.abs(z) > threshold, z, 0),
    "gaussian": lambda z: np.exp(-(z**2)),
    "sine": lambda z, omega: np.sin(omega * z),
    "glu": lambda z: gated(z, sigmoid),
    "swiglu": lambda z: gated(z, lambda b: b * sigmoid(b)),
    "geglu": lambda z, approximate: gated(z, lambda b: gelu(b, approximate)),
    "reglu": lambda z: gated(z, lambda b: np.maximum(b, 0)),
    "softmax": softmax,
    "log_softmax": lambda z: z - z.max(axis=1, keepdims=True) - np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)),
    "continuation_ratio": continuation_ratio,
}
