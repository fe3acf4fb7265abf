"""Test the guide's names of other libraries: its code runs, and what it says of penalties holds."""

import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import mlpkit

MODELS = Path(__file__).parents[2] / "models"
GUIDE = (MODELS / "README.md").read_text("utf-8")
SECTION = GUIDE.partition("## Coming from elsewhere")[2].partition("\n## ")[0]


def test_the_blocks_of_the_guide_run(tmp_path, monkeypatch, capsys):
    shutil.copy(MODELS / "penguins" / "penguins.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    for block in blocks:
        exec(compile(block, "models/README.md", "exec"), names)
    assert len(blocks) == 3
    shown = capsys.readouterr().out
    assert "(16, 4)" in shown
    assert (tmp_path / "best.h5").exists()


def test_the_block_on_streams_runs(tmp_path, monkeypatch, capsys):
    for name in ("penguins.csv", "spec.json"):
        shutil.copy(MODELS / "penguins" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    spec = json.loads(Path("spec.json").read_text())
    spec["training"]["epochs"] = 1
    mlpkit.train({**spec, "data": {**spec["data"], "path": str(tmp_path / "penguins.csv")}}).save("model.h5")
    (block,) = re.findall(r"^<!-- stream -->\n```python\n(.*?)^```$", GUIDE, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    assert capsys.readouterr().out == "(100, 3)\n(100, 3)\n(100, 3)\n(44, 3)\n"


def test_the_table_names_all_four_in_each_row():
    rows = [line for line in SECTION.splitlines() if line.startswith("|")]
    assert len(rows) > 20
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    for word in ("compile", "validation_split", "callback", "state_dict", "alpha"):
        assert any(word in row for row in rows), word


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_an_alpha_of_scikit_learn_is_this_l2(estimator):
    """One epoch of full-batch gradient descent from the same weights gives the same weights."""
    rng = np.random.default_rng(0)
    x, alpha, rate = rng.normal(size=(40, 3)), 3.0, 0.05
    classifies = estimator is MLPClassifier
    y = rng.integers(0, 3, 40) if classifies else x @ [1.0, -1.0, 0.5]
    y = y if classifies else (y - y.mean()) / y.std()
    options = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": rate, "batch_size": 40, "shuffle": False, "alpha": alpha}
    other = estimator(hidden_layer_sizes=(4,), activation="tanh", random_state=0, max_iter=1, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        other.fit(x, y)
    l2 = alpha / (2 * 40) if classifies else alpha / 40
    layer = {"units": 4, "activation": "tanh", "l2": l2}
    last = {"units": 3, "activation": "softmax", "l2": l2} if classifies else {"units": 1, "l2": l2}
    spec = {
        "dtype": "float64",
        "network": {"layers": [layer, last]},
        "loss": "categorical_crossentropy" if classifies else "mse",
        "optimizer": {"type": "sgd", "learning_rate": rate if classifies else rate / 2},  # scikit-learn halves the squared error
        "training": {"epochs": 1, "batch_size": 40},
        "preprocessing": {"numbers": "none"},
    }
    model = mlpkit.Model(spec, inputs=3)
    names = {f"layers.{index}.{kind}" for index in range(2) for kind in ("weight", "bias")}
    start = {f"layers.{index}.weight": array for index, array in enumerate(other.coefs_)}
    start |= {f"layers.{index}.bias": array for index, array in enumerate(other.intercepts_)}
    model.set_weights(start)
    for _ in mlpkit.epochs(model, x, y):
        pass
    other.partial_fit(x, y)
    found = model.get_weights()
    assert found.keys() == names
    for index in range(2):
        np.testing.assert_allclose(found[f"layers.{index}.weight"], other.coefs_[index], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[f"layers.{index}.bias"], other.intercepts_[index], rtol=1e-9, atol=1e-12)
