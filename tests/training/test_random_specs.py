"""Random specs over all built-ins and options: a model predicts, is saved, loaded and evaluated, and a run resumes to the same bits.

A spec that is refused is refused before training; none ends with another error than that of training.
"""

import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import Minimizer

from ..builtins import builtins, written

ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES = (builtins(kind) for kind in ("activations", "losses", "optimizers", "schedules"))
INITIALIZERS = [name for name in builtins("initializers") if name not in ("prior", "constant")]
LAYER = {  # key: probability and values
    "normalization": (0.3, ["batch", "layer", "rms"]),
    "dropout": (0.3, [0.2, {"type": "alpha", "rate": 0.1}, {"type": "gaussian", "rate": 0.2}]),
    "l1": (0.2, [0.01]),
    "l2": (0.2, [0.01]),
    "weight_constraint": (0.2, ["max_norm", "unit_norm", "non_negative"]),
    "trainable": (0.15, [False]),
    "learning_rate_factor": (0.2, [0.5]),
    "decay_factor": (0.2, [0.5]),
    "weight_initializer": (0.3, INITIALIZERS),
}
TRAINING = {
    "batch_size": (1.0, [8, None, "auto", 7]),
    "clip_norm": (0.2, [1.0]),
    "clip_value": (0.2, [0.5]),
    "weight_decay": (0.2, [0.01]),
    "drop_last": (0.2, [True]),
    "average": (0.25, ["ema", "swa"]),
    "early_stopping": (0.2, [{"patience": 2}]),
}
EMBEDDINGS = [
    {"type": "pbld", "frequencies": 2, "columns": ["x0", "x2"]},
    {"type": "periodic", "frequencies": 2, "units": 2},
    {"type": "piecewise_linear", "bins": 3, "units": 2},
    {"type": "category", "units": 2},
]
ROWS = 60


class Draw:
    """Random choices."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one(self, values):
        return values[int(self.rng.integers(len(values)))]

    def some(self, options):
        return {key: self.one(values) for key, (probability, values) in options.items() if self.rng.random() < probability}


def random_case(seed):
    """A spec with rows and targets that fit its loss."""
    draw = Draw(seed)
    name = draw.one([*LOSSES])
    loss = LOSSES[name]
    layers = [{"units": 4, "activation": draw.one([*ACTIVATIONS]), **draw.some(LAYER)} for _ in range(int(draw.rng.integers(1, 4)))]
    for index, layer in enumerate(layers):
        layer |= draw.some({"residual": (0.3, [*range(1, index + 2)])})
    last = loss.joint_with or ("linear" if loss.output == "real" else draw.one([*ACTIVATIONS]))
    optimizer = draw.one([*OPTIMIZERS])
    rule = written("optimizers", optimizer)
    if "inner" not in rule and not isinstance(OPTIMIZERS[optimizer], Minimizer) and draw.rng.random() < 0.4:
        rule["learning_rate"] = written("schedules", draw.one([*SCHEDULES]))
    spec = {
        "dtype": draw.one(["float32", "float64"]),
        "network": {
            "layers": [*layers, {"activation": last, **draw.some({"bias_initializer": (0.4, ["prior"])})}],
            **draw.some({"input_dropout": (0.15, [0.1]), "input_noise": (0.15, [0.1])}),
        },
        "loss": name,
        "optimizer": rule,
        "training": {"epochs": 4, **draw.some(TRAINING)},
        "data": {"split": {"validation": 0.25}},
    }
    x = draw.rng.standard_normal((ROWS, 4))
    if loss.targets == "classes" or "distribution" in (loss.output, ACTIVATIONS[last].output):
        y = draw.rng.integers(0, 3, ROWS)
        spec["data"] |= {"target_type": "class", **draw.some({"class_weight": (0.3, ["balanced"])})}
    elif loss.targets == "binary":
        y = draw.rng.integers(0, 2, ROWS)
        spec["data"] |= draw.some({"class_weight": (0.3, ["balanced"]), "positive": (0.3, [0])})
        spec |= draw.some({"decision": (0.4, [{"threshold": "f1"}, {"threshold": 0.3}])})
    else:
        y = draw.rng.gamma(2.0, 1.0, ROWS) + 0.1
        if draw.rng.random() < 0.3:
            y = np.column_stack([y, np.exp(x[:, 0])])
            spec["data"] |= draw.some({"target_weights": (0.7 * loss.separable, [{"y1": 5.0}, {"y0": 3, "y1": 0.5}])})
    return spec, learned_inputs(Draw([seed, 1]), spec, x), y


def learned_inputs(draw, spec, x):
    """Add embeddings and their options to about half of the specs, and return the rows, with a column of categories if one needs it."""
    if draw.rng.random() < 0.5:
        return x
    adds_inputs = any(layer.get("residual") == index + 1 for index, layer in enumerate(spec["network"]["layers"]))  # of a fixed width
    embeddings = [each for each in EMBEDDINGS if draw.rng.random() < 0.5 and not adds_inputs]
    spec["network"] |= {"embeddings": embeddings, **draw.some({"input_scale": (0.5, [True]), "initialize_from_data": (0.3, [True])})}
    spec["training"] |= draw.some({"learning_rate_factors": (0.2, [{"weights": "fan_in", "embeddings": 0.1, "biases": 0.5}])})
    if EMBEDDINGS[-1] in embeddings:
        x[:, 3] = draw.rng.integers(0, 8, ROWS)
        spec["preprocessing"] = {"columns": {"x3": {"type": "embed", "fewest": draw.one([1, 2, 6])}}}
    return {f"x{index}": column for index, column in enumerate(x.T)}


def checked(seed, folder):
    """Return True if a random spec trains; check its model, and an interrupted run of it."""
    spec, x, y = random_case(seed)
    try:
        whole = mlpkit.train(spec, x, y)
    except (mlpkit.SpecError, mlpkit.DataError, mlpkit.TrainingError):
        return False
    path, steps, most = folder / f"{seed}.h5", [], int(np.random.default_rng(seed).integers(1, 12))
    whole.save(path)
    loaded = mlpkit.load(path)
    assert loaded.spec == whole.spec
    np.testing.assert_array_equal(loaded.predict(x), whole.predict(x))
    assert loaded.evaluate(x, y).keys() == whole.evaluate(x, y).keys()
    part = mlpkit.train(spec, x, y, stop=lambda: steps.append(0) or len(steps) > most)
    if part.training_state is not None:
        part.save(path, training_state=True)
        resumed = mlpkit.train(spec, x, y, resume=path)
        np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
        assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]
    return True


@pytest.mark.parametrize("block", [pytest.param(block, marks=pytest.mark.slow) for block in range(20)])
def test_random_specs_train_save_load_and_resume(block, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of data and of too few rows for a decision
        trained = sum(checked(seed, tmp_path) for seed in range(40 * block, 40 * block + 40))
    assert trained >= 20, "most specs are valid"
