"""`python -m tests.benchmarks trips`: the modules that `mlpkit train` enters, and the hops from `mlpkit.train` to `Optimizer.step`.

A module is entered if one of its functions runs, at import or later. A module whose body alone runs, to define what others
use, is not counted. The modules are those of `mlpkit train` on models/penguins, from the first line of the command to the
saved file. The hops are mlpkit's frames from `mlpkit.train` to the `step` of the built-in Adam, both included.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

from .pairing import Row

PACKAGE = Path(str(getattr(importlib.util.find_spec("mlpkit"), "origin", ""))).parent  # not imported before the command runs
SPEC = PACKAGE.parent / "models" / "penguins" / "spec.json"
SMALL = {
    "network": {"layers": [{"units": 2, "activation": "tanh"}, {}]},
    "loss": "mean_squared_error",
    "optimizer": "adam",
    "training": {"epochs": 1, "batch_size": 4},
}
MODULES_BEFORE, HOPS_BEFORE = 102, 10  # of mlpkit 0.3, counted by these functions


def module_of(code: CodeType) -> str | None:
    """Return the path of mlpkit's module that code is of, or None for others' code."""
    path = Path(code.co_filename)
    return str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else None


def hops() -> list[str]:
    """Return mlpkit's frames from `mlpkit.train` to the first step of Adam, outermost first."""
    import numpy as np

    import mlpkit
    from mlpkit.optimizers import Adam

    found: list[str] = []
    step = Adam.step

    def watched(self: Adam, *arrays: Any, **options: Any) -> None:
        if not found:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                module = module_of(frame.f_code)
                if module is not None:
                    found.append(f"{module}: {frame.f_code.co_qualname}")
                frame = frame.f_back
            found.reverse()
            found.append(f"optimizers/adam.py: {step.__qualname__}")
        step(self, *arrays, **options)

    rng = np.random.default_rng(0)
    with patch.object(Adam, "step", watched), patch.dict(os.environ, MLPKIT_KERNELS="0"):
        mlpkit.train(SMALL, rng.random((8, 2)), rng.random(8))
    return found


def modules(quick: bool = False) -> list[str]:
    """Return mlpkit's modules that `mlpkit train` on penguins enters, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", str(SPEC), "-o", os.path.join(folder, "model.h5"), *(["--epochs", "2"] if quick else [])]
        done = subprocess.run([sys.executable, "-m", __name__, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def entered(words: list[str]) -> list[str]:
    """Return mlpkit's modules that a command enters in this process."""
    codes: set[CodeType] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        with contextlib.suppress(SystemExit):
            importlib.import_module("mlpkit.cli").main(words)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted({name for code in codes if code.co_flags & inspect.CO_NEWLOCALS and (name := module_of(code)) is not None})


def rows(quick: bool) -> list[Row]:
    """Return both figures, beside those of 0.3."""
    found, path = modules(quick), hops()
    print(*found, "", *path, sep="\n", file=sys.stderr)
    return [
        Row("modules that `mlpkit train` enters on penguins", "0.3", "", len(found), MODULES_BEFORE, MODULES_BEFORE / len(found), None),
        Row("hops from `mlpkit.train` to `Optimizer.step`", "0.3", "", len(path), HOPS_BEFORE, HOPS_BEFORE / len(path), None),
    ]


if __name__ == "__main__":
    print(json.dumps(entered(sys.argv[1:])))
