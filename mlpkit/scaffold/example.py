"""The example of a new package: a small spec that trains with its plugin, and the data of it."""

from __future__ import annotations

import copy
import json
import math
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlpkit.running import train

ROWS = 120
SPEC: dict[str, Any] = {
    "name": "",
    "seed": 0,
    "data": {"path": "data.csv", "target": "y", "split": {"validation": 0.25}},
    "network": {"layers": [{"units": 16, "activation": "tanh"}, {"activation": "linear"}]},
    "loss": "mean_squared_error",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "training": {"epochs": 100, "batch_size": 16},
    "metrics": ["rmse"],
}
OUTPUTS = ("linear", "sigmoid", "softmax")  # the last layer, in the order in which a loss is tried with it
PLACES: dict[str, tuple[str | int, ...]] = {
    "activations": ("network", "layers", 0, "activation"),
    "losses": ("loss",),
    "optimizers": ("optimizer",),
    "initializers": ("network", "layers", 0, "weight_initializer"),
    "schedules": ("optimizer", "learning_rate"),
    "metrics": ("metrics", 0),
}

Files = dict[str, str]  # path in the package -> text


def example(kind: str, name: str, output: str = OUTPUTS[0]) -> Files:
    """A spec with the plugin, which learns numbers when the last layer is linear and else two classes, and its data."""
    spec = copy.deepcopy(SPEC)
    spec["name"] = name
    classes = output != OUTPUTS[0]
    if classes:
        spec["data"]["target"] = "label"
        spec["loss"] = "categorical_crossentropy" if output == "softmax" else "binary_crossentropy"
        spec["metrics"] = ["accuracy"]
    spec["network"]["layers"][-1]["activation"] = output
    *path, last = PLACES[kind]
    place: Any = spec
    for part in path:
        place = place[part]
    place[last] = name
    return {"example/spec.json": json.dumps(spec, indent=2) + "\n", "example/data.csv": _data(classes)}


def _data(classes: bool) -> str:
    """Points spread evenly over a square, by a rule: no random number is drawn."""
    lines = [f"x1,x2,{'label' if classes else 'y'}"]
    for row in range(1, ROWS + 1):
        x1, x2 = (4.0 * math.fmod(row * step, 1.0) - 2.0 for step in (0.7548776662466927, 0.5698402909980532))
        target = ("outside" if math.hypot(x1, x2) > 1.5 else "inside") if classes else f"{math.sin(2.0 * x1) + 0.5 * x2:.4f}"
        lines.append(f"{x1:.4f},{x2:.4f},{target}")
    return "\n".join(lines) + "\n"


def example_that_trains(kind: str, name: str) -> Files | None:
    """The first example that trains with a plugin of the user's own; None when none does."""
    return next((files for output in _outputs(kind) if _trains(files := example(kind, name, output))), None)


def _outputs(kind: str) -> Iterator[str]:
    yield from OUTPUTS if kind == "losses" else OUTPUTS[:1]


def _trains(files: Files) -> bool:
    """Whether two epochs of it end well."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        spec = json.loads(files["example/spec.json"])
        spec["training"]["epochs"] = 2
        spec["data"]["path"] = str(Path(folder, "example", "data.csv"))
        try:
            train(spec)
        except Exception:  # a plugin may fail in any way
            return False
    return True
