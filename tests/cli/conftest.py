"""Running the program: in this process for breadth, in one of its own for streams and signals."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main

ROOT = Path(mlpkit.__file__).parents[1]
SPEC = {
    "name": "shapes",
    "data": {"path": "shapes.csv", "target": "shape", "split": {"validation": 0.25}},
    "preprocessing": {"columns": {"id": "ignore"}},
    "network": {"layers": [{"units": 4, "activation": "relu"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "training": {"epochs": 3, "batch_size": 16},
    "metrics": ["accuracy"],
}


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def shapes_text(rows=60):
    """A table of three shapes that two numbers and a colour tell apart, with gaps, as CSV."""
    rng = np.random.default_rng(5)
    lines = ["id,width,height,colour,shape"]
    for row in range(rows):
        number = row % 3
        width, height = number + 0.1 * rng.standard_normal(), 2.0 - number + 0.1 * rng.standard_normal()
        shown = "NA" if row % 17 == 5 else f"{width:.3f}"
        lines.append(f"k{row:05d},{shown},{height:.3f},{('red', 'green', 'blue')[number]},{('bar', 'box', 'disc')[number]}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that is the working directory, with no setting of colours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(folder, capfdbinary):
    """Run the program with these arguments, in this process."""

    def run(*argv):
        capfdbinary.readouterr()
        code = main([str(argument) for argument in argv])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return run


@pytest.fixture
def project(folder):
    """A folder with a spec and its data."""
    (folder / "shapes.csv").write_text(shapes_text())
    (folder / "spec.json").write_text(json.dumps(SPEC))
    return folder


@pytest.fixture
def spec():
    """A valid spec for `shapes`."""
    return copy.deepcopy(SPEC)


@pytest.fixture
def shapes():
    """Text of a CSV file with as many rows as asked for."""
    return shapes_text


@pytest.fixture
def trained(project, run):
    """A folder with a trained model too."""
    assert run("train", "spec.json", "-q").code == 0
    return project


@pytest.fixture
def environment():
    """Variables for a process of its own: this package, no colours, one thread."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def start(folder, environment):
    """Start the program in a process of its own."""
    started = []

    def start(*argv, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "env": environment, **options}
        process = subprocess.Popen([sys.executable, "-m", "mlpkit", *map(str, argv)], cwd=folder, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
