"""The networks that are trained: from overhead alone to matrix products alone; and data that can be learnt."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import mlpkit


class Network(NamedTuple):
    """Widths, batch size and how many batches an epoch has; `goals` by peer with one thread."""

    widths: tuple[int, ...]
    batch: int
    steps: int
    goals: dict[str, float]

    @property
    def name(self) -> str:
        return "-".join(map(str, self.widths)) + f", batch {self.batch}"


NETWORKS = [
    Network((2, 8, 2), 4, 500, {"torch": 6, "jax": 1, "scikit-learn": 4, "products": 0}),
    Network((64, 64, 10), 32, 300, {"torch": 6, "jax": 1, "scikit-learn": 4, "products": 0}),
    Network((30, 256, 256, 2), 256, 40, {"torch": 1.15, "jax": 1, "scikit-learn": 2, "products": 0}),
    Network((784, 256, 128, 10), 128, 40, {"torch": 1.15, "jax": 1, "scikit-learn": 2, "products": 0}),
    Network((784, 1024, 1024, 10), 256, 8, {"torch": 1, "jax": 1, "scikit-learn": 1.3, "products": 0.8}),
    Network((1024, 2048, 2048, 10), 512, 3, {"torch": 1, "jax": 1, "scikit-learn": 1.3, "products": 0.88}),
]


def data(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Rows of float32 and class numbers, which a linear teacher gives them."""
    rng = np.random.default_rng(0)
    rows, inputs, classes = network.batch * network.steps, network.widths[0], network.widths[-1]
    x = rng.standard_normal((rows, inputs)).astype(np.float32)
    return x, (x @ rng.standard_normal((inputs, classes))).argmax(axis=1)


def spec(network: Network, **training: Any) -> dict[str, Any]:
    """relu, softmax, Adam, float32."""
    hidden = [{"units": units, "activation": "relu"} for units in network.widths[1:-1]]
    return {
        "preprocessing": "none",
        "network": {"layers": [*hidden, {"units": network.widths[-1], "activation": "softmax"}]},
        "loss": "categorical_crossentropy",
        "optimizer": "adam",
        "training": {"epochs": 1, "batch_size": network.batch, **training},
    }


def model(network: Network, **training: Any) -> mlpkit.Model:
    return mlpkit.Model(spec(network, **training), inputs=network.widths[0])


def labels(y: np.ndarray) -> list[str]:
    """Class numbers as classes have names in real tables."""
    return [f"class {number}" for number in y]
