"""Measure a new process: `--help`, and the time from its start to the first prediction with a saved model."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mlpkit

from .networks import Network, data, labels, model
from .pairing import Row, Run, pair

NETWORK = Network((64, 64, 10), 32, 2, {})
BARE = """
import typer
app = typer.Typer()
{commands}
app()
"""
FIRST = {
    "mlpkit": "import numpy, mlpkit; print(mlpkit.load('model.h5').predict(numpy.zeros((1, 64))))",
    "scikit-learn": "import numpy, joblib; print(joblib.load('model.joblib').predict(numpy.zeros((1, 64))))",
    "torch": "import numpy, torch\nnet = torch.jit.load('model.pt')\nwith torch.inference_mode(): print(net(torch.zeros(1, 64)).argmax())",
    "import numpy": "import numpy",
}


def rows(quick: bool) -> list[Row]:
    """Cold starts, the files in the page cache and the modules compiled, as an installed package has them."""
    rounds = 5 if quick else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_models(folder)
        goals = {"scikit-learn": 4.0, "torch": 6.0, "import numpy": None}
        there = {peer: code for peer, code in FIRST.items() if peer != "mlpkit" and (peer == "import numpy" or peer_is_there(folder, peer))}
        peers = {peer: (process(folder, "-c", code), goals[peer]) for peer, code in there.items()}
        found = pair("a new process's first prediction", process(folder, "-c", FIRST["mlpkit"]), peers, "ms", rounds, 1e3)
        commands = ["train", "evaluate", "predict", "info", "check", "init", "schema", "plugins", "doctor"]
        bare = "\n".join(f"@app.command()\ndef {command}(file: str, json: bool = False): pass" for command in commands)
        (folder / "bare.py").write_text(BARE.format(commands=bare))
        help = {"bare Typer program": (process(folder, "bare.py", "--help"), 1 / 1.3)}
        return [*found, *pair("--help", process(folder, "-m", "mlpkit", "--help"), help, "ms", rounds, 1e3)]


def peer_is_there(folder: Path, peer: str) -> bool:
    return (folder / {"scikit-learn": "model.joblib", "torch": "model.pt"}[peer]).exists()


def process(folder: Path, *arguments: str) -> Run:
    """Start Python and wait for its end."""
    packages = str(Path(mlpkit.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), "NO_COLOR": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return lambda: subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL) and None  # type: ignore[func-returns-value]


def save_models(folder: Path) -> None:
    """The same network in each peer's usual file."""
    x, y = data(NETWORK)
    mlpkit.train(model(NETWORK).spec, x, labels(y)).save(folder / "model.h5")
    try:
        import joblib
        from sklearn.neural_network import MLPClassifier

        joblib.dump(MLPClassifier((64,), max_iter=1).fit(x, y), folder / "model.joblib")
    except ImportError:
        pass
    try:
        import torch

        net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        torch.jit.save(torch.jit.script(net), folder / "model.pt")
    except ImportError:
        pass
