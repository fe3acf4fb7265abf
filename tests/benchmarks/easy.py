"""Activations written with the easy contract, two formulas, against the built-in ones: whole epochs of the same network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import mlpkit

from .networks import NETWORKS, Network, data, labels, spec
from .pairing import Row, Run, pair


class EasyTanh(mlpkit.Elementwise):
    """As in a text book."""

    def function(self, z: np.ndarray) -> np.ndarray:
        return np.tanh(z)

    def derivative(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1 - y * y


class EasySigmoid(mlpkit.Elementwise):
    """As in a text book."""

    def function(self, z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    def derivative(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y * (1 - y)


EASY: dict[str, Callable[[], mlpkit.Elementwise]] = {"tanh": EasyTanh, "sigmoid": EasySigmoid}


def rows(quick: bool) -> list[Row]:
    """For each activation and network the built-in one is the peer; the goal is two thirds of its speed."""
    networks = NETWORKS[1:2] if quick else NETWORKS[1:5]
    return [
        row
        for name, easy in EASY.items()
        for network in networks
        for row in pair(
            f"{name} in two formulas, step of {network.name}",
            epoch(network, easy()),
            {f"the built-in {name}": (epoch(network, name), 1 / 1.5)},
            "us",
            5 if quick else 9,
            1e6,
        )
    ]


def epoch(network: Network, activation: str | mlpkit.Elementwise) -> Run:
    """Seconds a step of an epoch of one long training."""
    x, y = data(network)
    chosen = spec(network, epochs=10_000)
    layers = [{**layer, "activation": activation} for layer in chosen["network"]["layers"][:-1]]
    chosen["network"] = {"layers": [*layers, chosen["network"]["layers"][-1]]}
    loop = mlpkit.epochs(mlpkit.Model(chosen, inputs=network.widths[0]), x, labels(y))
    return lambda: next(loop).seconds / network.steps
