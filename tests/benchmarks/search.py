"""Search with trials that end early against whole ones, and two workers against one: `python -m tests.benchmarks.search`.

Epochs and losses are those of three shipped tables and five seeds, each with 50 trials on one worker. Rates are trials a second, in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import mlpkit

MODELS = Path(__file__).parents[2] / "models"
TABLES = ("iris", "penguins", "diabetes")
TURNS = 5


def space(name: str, seed: int, epochs: int = 60) -> dict[str, Any]:
    """The spec of a table with its width, rate, activation and batch size to search, for this number of epochs."""
    spec: dict[str, Any] = json.loads((MODELS / name / "spec.json").read_text())
    first, *_, last = spec["network"]["layers"]
    units = {"search": {"low": 4, "high": 128, "log": True}}
    activation = {"search": {"choice": ["relu", "tanh", "silu"]}}
    spec["network"]["layers"] = [{**first, "units": units, "activation": activation}, last]
    spec["optimizer"] = {"type": "adam", "learning_rate": {"search": {"low": 1e-4, "high": 0.1, "log": True}}}
    stopping = {"early_stopping": {"patience": None}}
    return spec | {"seed": seed, "training": {"epochs": epochs, "batch_size": {"search": {"choice": [16, 32, 64]}}, **stopping}}


def run(spec: dict[str, Any], name: str, **options: Any) -> mlpkit.Search:
    """A search of its own store."""
    with tempfile.TemporaryDirectory() as folder:
        return mlpkit.search(spec, MODELS / name / f"{name}.csv", store=Path(folder) / "a.journal", folder=MODELS / name, **options)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.search", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=50)
    options = parser.parse_args()
    print("| table | epochs, ended early / whole | best loss, ended early / whole |\n| --- | ---: | ---: |")
    everything: list[tuple[float, float]] = []
    for name in TABLES:
        pairs = []
        for seed in range(options.seeds):
            early, whole = (run(space(name, seed), name, trials=options.trials, workers=1, prune=prune) for prune in (True, False))
            epochs = [sum(trial.epochs for trial in found.trials) for found in (early, whole)]
            pairs.append((epochs[0] / epochs[1], (early.best.score or 0.0) / (whole.best.score or 1.0)))
        everything += pairs
        print(f"| {name} | {statistics.mean(a for a, _ in pairs):.2f} | {statistics.mean(b for _, b in pairs):.3f} |", flush=True)
    epochs, losses = zip(*everything, strict=True)
    print(f"| all | {statistics.mean(epochs):.2f} | {statistics.mean(losses):.3f}, median {statistics.median(losses):.3f} |")
    spec, rates = space("diabetes", 0, epochs=1500), {1: [], 2: []}
    for _ in range(TURNS):
        for workers, found in rates.items():
            begun = time.perf_counter()
            run(spec, "diabetes", trials=16, workers=workers, prune=False)
            found.append(16 / (time.perf_counter() - begun))
    one, two = (statistics.median(found) for found in rates.values())
    print(f"\ntwo workers: {two:.2f} trials a second, one: {one:.2f}; {two / one:.2f} times")


if __name__ == "__main__":
    main()
