"""Runs with and without kernels write the same files, and a run goes on with or without them."""

import numpy as np
import pytest
from mlpkit_fused import kernels as fused

import mlpkit

RNG = np.random.default_rng(17)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))
COSINE = {"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.02}}
EMA = {"average": {"type": "ema", "decay": 0.9}}
CASES = {  # optimizer, training options, options of the first layer
    "sgd": ({"type": "sgd", "momentum": 0.9, "nesterov": True}, {}, {}),
    "adam": (COSINE, {}, {}),
    "nadam": ("nadam", {}, {}),
    "rprop": ("rprop", {"batch_size": 30}, {}),
    "muon": ("muon", {"weight_decay": 0.1, **EMA}, {"learning_rate_factor": 0.5}),
    "schedule-free": ("schedule_free_adamw", {}, {"learning_rate_factor": 2.0}),
    "averaging": ({"type": "averaging", "inner": {"type": "clipping", "norm": 0.1, "inner": "lion"}}, {}, {}),
    "averaging of tensors": ({"type": "averaging", "inner": "muon"}, {}, {}),
    "factors": ("rmsprop", {"learning_rate_factors": {"biases": 0.1, "weights": "fan_in"}}, {"learning_rate_factor": 3.0}),
    "frozen": ("adamw", {}, {"trainable": False}),
    "fading": ("adam", {"weight_decay": 0.3, "fade_from": 0.3, "decay_all": True, **EMA}, {"decay_factor": 2.0}),
    "clip_value": ("adagrad", {"clip_value": 0.01}, {}),
    "clip_both": ("adadelta", {"clip_value": 0.01, "clip_norm": 0.02}, {"l1": 0.1, "l2": 0.1}),
    "swa": ("radam", {"average": "swa"}, {}),
    "constraint": ("adamax", EMA, {"weight_constraint": "unit_norm"}),
}


@pytest.fixture
def taken(monkeypatch):
    """The numbers of the steps that kernels take."""
    numbers, step = [], fused.FusedKernels.step

    def recording(self, parts):
        kernel = step(self, parts)
        return lambda gradient, lr, t, *rest: (numbers.append(t), kernel(gradient, lr, t, *rest))

    monkeypatch.setattr(fused.FusedKernels, "step", recording)
    return numbers


@pytest.fixture
def train(monkeypatch, tmp_path):
    """A function that trains with kernels or without, and returns the bytes of the model."""

    def train(spec, kernels, stop=None, **options):
        monkeypatch.setenv("MLPKIT_KERNELS", str(int(kernels)))
        mlpkit.train(spec, X, Y, **options).save(tmp_path / "model.h5")
        return (tmp_path / "model.h5").read_bytes()

    return train


def spec_of(case, dtype="float32"):
    optimizer, training, layer = CASES[case]
    layers = [{"units": 5, "activation": "tanh", "normalization": "batch", **layer}, {"units": 2}]
    training = {"epochs": 6, "batch_size": 8, "keep_state": True, **training}
    return {"dtype": dtype, "network": {"layers": layers}, "loss": "mse", "optimizer": optimizer, "training": training}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_a_run_with_kernels_writes_the_same_file(case, dtype, taken, train):
    spec = spec_of(case, dtype)
    assert train(spec, kernels=True) == train(spec, kernels=False)
    assert taken == list(range(1, 7 if case == "rprop" else 25))


@pytest.mark.parametrize("case", ["adam", "muon", "averaging", "fading", "schedule-free"])
def test_a_run_that_is_resumed_with_and_without_kernels_writes_the_same_file(case, taken, train, monkeypatch, tmp_path):
    spec = spec_of(case)
    whole = train(spec, kernels=True)
    for order in ((True, False, True), (False, True, False)):
        taken.clear()
        for part, kernels in enumerate(order):
            steps = []
            stop = None if part == 2 else lambda steps=steps: steps.append(0) or len(steps) > 9
            monkeypatch.setenv("MLPKIT_KERNELS", str(int(kernels)))
            model = mlpkit.train(spec, X, Y, stop=stop, resume=tmp_path / "part.h5" if part else None)
            model.save(tmp_path / "part.h5", training_state=True)
        assert (tmp_path / "part.h5").read_bytes() == whole
        assert len(taken) == (9 + 6 if order[0] else 9)


def test_a_vector_in_pieces_on_two_threads(taken, train, monkeypatch):
    monkeypatch.setenv("MLPKIT_THREADS", "2")
    for module in ("mlpkit.training.update", "mlpkit_fused.kernels"):
        monkeypatch.setattr(f"{module}.MANY", 1)
        monkeypatch.setattr(f"{module}.PIECE", 7)
    assert train(spec_of("fading"), kernels=True) == train(spec_of("fading"), kernels=False)
    assert len(taken) == 24
