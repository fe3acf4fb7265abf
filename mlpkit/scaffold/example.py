"""Example of a new package: a small spec that trains with its plugin, and its data."""

from __future__ import annotations

import json
import math
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from mlpkit.model.train import train
from mlpkit.scaffold.templates import filled

ROWS = 120
OUTPUTS = {"linear": "mean_squared_error", "sigmoid": "binary_crossentropy", "softmax": "categorical_crossentropy"}
# last activations that are tried with a loss plugin, in this order, and the default loss for each

Files = dict[str, str]  # path in the package -> text


def example(kind: str, name: str, output: str = "linear") -> Files:
    """Return a spec with the plugin and its data: regression for a linear last layer, else two classes."""
    classes = output != "linear"
    words = {
        "name": name,
        "target": "label" if classes else "y",
        "activations": "tanh",
        "initializers": "glorot_uniform",
        "output": output,
        "losses": OUTPUTS[output],
        "optimizers": "adam",
        "rate": ', "learning_rate": 0.01',
        "metrics": "accuracy" if classes else "rmse",
        "format": f', "format": "{name}"' if kind == "readers" else "",
    }
    words |= {"rate": f', "learning_rate": "{name}"'} if kind == "schedules" else {kind: name}
    if kind == "optimizers":
        words["rate"] = ""  # use the optimizer's default
    return {"example/spec.json": filled("example/spec.json.in", words), "example/data.csv": _data(classes)}


def _data(classes: bool) -> str:
    """Return points spread evenly over a square by a deterministic rule."""
    lines = [f"x1,x2,{'label' if classes else 'y'}"]
    for row in range(1, ROWS + 1):
        x1, x2 = (4.0 * math.fmod(row * step, 1.0) - 2.0 for step in (0.7548776662466927, 0.5698402909980532))
        target = ("outside" if math.hypot(x1, x2) > 1.5 else "inside") if classes else f"{math.sin(2.0 * x1) + 0.5 * x2:.4f}"
        lines.append(f"{x1:.4f},{x2:.4f},{target}")
    return "\n".join(lines) + "\n"


def example_that_trains(kind: str, name: str) -> Files | None:
    """Return the first example that trains with a user's plugin, or None."""
    return next((files for output in _outputs(kind) if _trains(files := example(kind, name, output))), None)


def _outputs(kind: str) -> Iterator[str]:
    yield from OUTPUTS if kind == "losses" else ["linear"]


def _trains(files: Files) -> bool:
    """Return True if two epochs of the example run without an error."""
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
        except Exception:  # a plugin may raise any error
            return False
    return True
