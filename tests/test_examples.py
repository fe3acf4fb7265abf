"""The worked examples: each trains to what its README says, and its model.h5 is what training gives."""

import json
from pathlib import Path

import numpy as np
import pytest

import mlpkit

MODELS = Path(__file__).parents[1] / "models"
REACHED = {  # what the README says of the rows that were held out, or of all rows where none were
    "xor": {"accuracy": (1.0, 1.0), "loss": (0.0, 0.01)},
    "xor-classic": {"loss": (0.12815, 0.12825)},
    "iris": {"accuracy": (0.96, 1.0), "log_loss": (0.0, 0.1)},
    "penguins": {"accuracy": (1.0, 1.0), "log_loss": (0.0, 0.01)},
    "digits": {"accuracy": (0.98, 1.0), "log_loss": (0.0, 0.1)},
    "diabetes": {"r2": (0.49, 1.0), "rmse": (0.0, 57.5)},
}


def data(name):
    (path,) = (MODELS / name).glob("*.csv")
    return path


def test_every_example_is_here():
    assert {path.parent.name for path in MODELS.glob("*/spec.json")} == set(REACHED)
    for name in REACHED:
        assert {path.name for path in (MODELS / name).iterdir()} == {"README.md", "spec.json", "model.h5", data(name).name}


@pytest.mark.filterwarnings("ignore::mlpkit.ConstantColumnWarning")  # some pixels of the digits are never inked
@pytest.mark.parametrize("name", REACHED)
def test_training_reaches_what_the_readme_says(name):
    model = mlpkit.train(MODELS / name / "spec.json")
    stopping = model.spec.training.early_stopping
    epoch = min(model.history, key=lambda epoch: epoch.validation_loss) if stopping else model.history[-1]  # whose weights it has
    measured = {"loss": epoch.loss, **epoch.metrics}
    for metric, (lowest, highest) in REACHED[name].items():
        assert lowest <= measured[metric] <= highest, (metric, measured)


@pytest.mark.filterwarnings("ignore::mlpkit.ConstantColumnWarning")
@pytest.mark.parametrize("name", REACHED)
def test_the_file_is_what_training_gives(name):
    """Up to the rounding of another machine's BLAS, which a long run in float32 amplifies."""
    trained, stored = mlpkit.train(MODELS / name / "spec.json"), mlpkit.load(MODELS / name / "model.h5")
    assert stored.spec == trained.spec
    assert stored.spec.to_dict()["data"] == mlpkit.Spec.read(MODELS / name / "spec.json").to_dict()["data"]
    fresh, shipped = trained.evaluate(data(name)), stored.evaluate(data(name))
    assert shipped == pytest.approx(fresh, rel=0.1, abs=0.02)


def xor_predictions(seed):
    spec = json.loads((MODELS / "xor" / "spec.json").read_text())
    model = mlpkit.train({**spec, "seed": seed, "metrics": []}, data("xor"))
    return model.predict_proba(data("xor"))[:, 1], sum(epoch.seconds for epoch in model.history)


@pytest.mark.parametrize("seed", range(20))
def test_xor_is_learned(seed):
    np.testing.assert_allclose(xor_predictions(seed)[0], [0, 1, 1, 0], atol=0.1)


@pytest.mark.slow
def test_xor_is_learned_from_every_seed():
    runs = [xor_predictions(seed) for seed in range(1000)]
    worst = max(np.abs(predictions - [0, 1, 1, 0]).max() for predictions, _ in runs)
    print(f"worst error {worst:.4f}, median time {np.median([seconds for _, seconds in runs]):.4f} s")
    assert worst < 0.1
