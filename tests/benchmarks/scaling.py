"""How the time grows with the rows and with the parameters: it should not, for a row and for a parameter."""

from __future__ import annotations

import numpy as np

import mlpkit

from .networks import labels
from .pairing import Row, Run, pair

ROWS = (10**3, 10**4, 10**5, 10**6)
WIDTHS = (6, 26, 94, 310, 1000, 3150)  # two layers of them: 10^2 to 10^7 parameters


def rows(quick: bool) -> list[Row]:
    """The time of an epoch a row against that at 10,000 rows, and of a step a parameter against that at 10^5."""
    counts, widths = (ROWS[:3], WIDTHS[:4]) if quick else (ROWS, WIDTHS)
    runs = {f"{count:,} rows": epoch(count) for count in counts}
    found = against(runs, "10,000 rows", "an epoch, a row", "ns", 1e9)
    steps = {f"{2 * width * width + 3 * width + 1:,} parameters": step(width) for width in widths}
    return found + against(steps, list(steps)[3], "a step, a parameter", "ns", 1e9)


def against(runs: dict[str, Run], usual: str, what: str, unit: str, scale: float) -> list[Row]:
    return [
        row
        for name, run in runs.items()
        if name != usual
        for row in pair(f"{what}, {name}", run, {usual: (runs[usual], None)}, unit, 5, scale)
    ]


def epoch(count: int) -> Run:
    """Seconds a row of an epoch of 20-32-2 in batches of 128."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 20), np.float32)
    spec = {
        "preprocessing": "none",
        "network": {"layers": [{"units": 32, "activation": "relu"}, {"units": 2, "activation": "softmax"}]},
        "loss": "categorical_crossentropy",
        "training": {"epochs": 10**6, "batch_size": 128},
    }
    loop = mlpkit.epochs(mlpkit.Model(spec, inputs=20), x, labels((x[:, 0] > 0).astype(int)))
    return lambda: next(loop).seconds / count


def step(width: int) -> Run:
    """Seconds a parameter of a step of w-w-w-1 with Adam in batches of 64."""
    x = np.random.default_rng(0).standard_normal((640, width), np.float32)
    spec = {
        "preprocessing": "none",
        "network": {"layers": [{"units": width, "activation": "tanh"}, {"units": width, "activation": "tanh"}, {"units": 1}]},
        "loss": "mse",
        "optimizer": "adam",
        "training": {"epochs": 10**6, "batch_size": 64},
    }
    model = mlpkit.Model(spec, inputs=width)
    loop = mlpkit.epochs(model, x, x[:, 0])
    return lambda: next(loop).seconds / 10 / len(model.network.parameters)
