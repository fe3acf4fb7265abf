"""Measure the time per row and per parameter, which should not grow with their number."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np

import mlpkit

from .pairing import Row, Run, pair

ROWS = (10**3, 10**4, 10**5, 10**6, 10**7)
WIDTHS = (6, 26, 94, 310, 1000, 3150, 7070)  # two layers of them: 10^2 to 10^8 parameters


def rows(quick: bool) -> list[Row]:
    """The time of an epoch a row against that at 10,000 rows, and of a step a parameter against that at 10^5.

    And the memory that an epoch takes beside what was there before it.
    """
    counts, widths = (ROWS[:3], WIDTHS[:4]) if quick else (ROWS, WIDTHS)
    runs = {f"{count:,} rows": partial(epoch, count) for count in counts}
    found = against(runs, "10,000 rows", "an epoch, a row", "ns", 1e9)
    found += extra_memory(counts[0], counts[-1])
    steps = {f"{2 * width * width + 3 * width + 1:,} parameters": partial(step, width) for width in widths}
    return found + against(steps, list(steps)[3], "a step, a parameter", "ns", 1e9)


def against(runs: dict[str, Callable[[], Run]], usual: str, what: str, unit: str, scale: float) -> list[Row]:
    """A row for each run; it is made when its turn comes, since a large one fills the memory."""
    other = runs[usual]()
    return [
        row
        for name, make in runs.items()
        if name != usual
        for row in pair(f"{what}, {name}", make(), {usual: (other, None)}, unit, 5, scale)
    ]


def extra_memory(few: int, many: int) -> list[Row]:
    """Measure the most memory that an epoch allocates, with few rows and with many."""
    peaks = []
    for count in (many, few):
        run = epoch(count)
        run()
        tracemalloc.start()
        run()
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e3)
        tracemalloc.stop()
    return [Row(f"extra memory of an epoch, {many:,} rows", f"{few:,} rows", "kB", *peaks, peaks[1] / peaks[0], None)]


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
    y = (x[:, 0] > 0).astype(int)  # as numbers: ten million texts take more memory than the rows
    loop = mlpkit.epochs(mlpkit.Model(spec, inputs=20), x, y)
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
