"""Kernels: a run whose steps a kernel takes writes the same file, and only long runs ask for one."""

from collections import Counter
from contextlib import closing

import numpy as np
import pytest

import mlpkit
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.plugin import REGISTRIES, entry_points
from mlpkit.spec import Spec
from mlpkit.testing.kernels import numpy_step
from mlpkit.training import step_kernel
from mlpkit.training.run import Run
from mlpkit.training.update import Update

RNG = np.random.default_rng(17)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))
STEPS, PARTS = Counter(), []


class Recorded(mlpkit.Kernels):
    """The steps with which the conformance kit compares kernels."""

    def step(self, parts):
        PARTS.append(parts)
        step = numpy_step(parts)

        def kernel(gradient, lr, t, fading, threads):
            assert {type(lr), type(fading)} == {float}
            STEPS[t] += 1
            step(gradient, lr, t, fading, threads)

        return kernel


class Absent(mlpkit.Kernels):
    """Kernels that leave all to NumPy."""

    def step(self, parts):
        return None


class Broken(mlpkit.Kernels):
    """Kernels that fail."""

    def step(self, parts):
        raise OSError("no library")


@pytest.fixture(autouse=True)
def nothing_recorded(monkeypatch):
    STEPS.clear()
    PARTS.clear()
    monkeypatch.setenv("MLPKIT_PLUGINS", "0")
    mlpkit.refresh_plugins()
    yield
    monkeypatch.undo()
    mlpkit.refresh_plugins()


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setenv("MLPKIT_KERNELS", "1")


COSINE = {"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.02}}
CASES = {  # optimizer, training options, options of the first layer
    "plain": ("sgd", {}, {}),
    "state": ("adam", {}, {}),
    "scalars": ("nadam", {}, {}),
    "schedule": (COSINE, {}, {}),
    "tensors": ("muon", {"weight_decay": 0.1}, {"learning_rate_factor": 0.5}),
    "wrapper": ({"type": "clipping", "norm": 0.01, "inner": "adam"}, {}, {}),
    "wrappers of tensors": ({"type": "clipping", "value": 0.01, "inner": "muon"}, {}, {}),
    "own average": ({"type": "averaging", "inner": "adam"}, {}, {}),
    "schedule-free": ("schedule_free_adamw", {}, {}),
    "factors": ("adam", {"learning_rate_factors": {"biases": 0.1}}, {"learning_rate_factor": 3.0}),
    "frozen": ("adam", {"weight_decay": 0.1}, {"trainable": False}),
    "decay": ("adamw", {}, {"decay_factor": 2.0}),
    "fading": ("adam", {"weight_decay": 0.3, "fade_from": 0.3, "decay_all": True}, {}),
    "clip_value": ("sgd", {"clip_value": 0.01}, {}),
    "clip_norm": ("sgd", {"clip_norm": 0.01}, {}),
    "clip_both": ("adam", {"clip_value": 0.01, "clip_norm": 0.02}, {}),
    "ema": ("adam", {"average": {"type": "ema", "decay": 0.9}}, {}),
    "swa": ("adam", {"average": "swa"}, {}),
    "penalty": ("adam", {"clip_value": 0.01}, {"l1": 0.1, "l2": 0.1}),
    "constraint": ("adam", {"average": {"type": "ema", "decay": 0.9}}, {"weight_constraint": "unit_norm"}),
}


def spec_of(case, dtype="float32", epochs=6):
    optimizer, training, layer = CASES[case]
    return {
        "dtype": dtype,
        "preprocessing": "none",
        "network": {"layers": [{"units": 5, "activation": "tanh", **layer}, {"units": 2}]},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": epochs, "batch_size": 8, "keep_state": True, **training},
    }


def written(spec, path, **options):
    mlpkit.train(spec, X, Y, **options).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_a_run_with_a_kernel_writes_the_same_file(case, dtype, asked, tmp_path):
    spec = spec_of(case, dtype)
    expected = written(spec, tmp_path / "numpy.h5")
    mlpkit.register(Absent)
    assert written(spec, tmp_path / "absent.h5") == expected
    assert not STEPS
    mlpkit.register(Recorded)
    assert written(spec, tmp_path / "kernel.h5") == expected
    assert len(STEPS) == 6 * 4
    assert list(STEPS) == list(range(1, 25))


@pytest.mark.parametrize("case", ["state", "scalars", "factors"])
def test_pieces_of_an_elementwise_optimizer_have_the_bits_of_the_whole(case, asked, monkeypatch, tmp_path):
    monkeypatch.setattr("mlpkit.training.update.MANY", 1)
    monkeypatch.setattr("mlpkit.training.update.PIECE", 7)
    expected = written(spec_of(case), tmp_path / "numpy.h5")
    mlpkit.register(Recorded)
    assert written(spec_of(case), tmp_path / "kernel.h5") == expected
    assert len(STEPS) == 24


@pytest.mark.parametrize("case", ["state", "ema", "tensors"])
def test_a_run_goes_on_with_or_without_a_kernel(case, asked, tmp_path):
    spec, stops = spec_of(case), []
    expected = written(spec, tmp_path / "whole.h5")
    mlpkit.register(Recorded)
    model = mlpkit.Model(spec, inputs=3)
    list(mlpkit.epochs(model, X, Y, stop=lambda: stops.append(0) or len(stops) > 10))
    model.save(tmp_path / "part.h5", training_state=True)
    assert len(STEPS) == 10
    REGISTRIES["kernels"]._own.clear()
    assert written(spec, tmp_path / "numpy.h5", resume=tmp_path / "part.h5") == expected
    mlpkit.register(Recorded)
    assert written(spec, tmp_path / "kernel.h5", resume=tmp_path / "part.h5") == expected
    assert list(STEPS) == list(range(1, 25))


def parts_of(case):
    """The parts that a kernel gets in the run of a case, and the network."""
    mlpkit.register(Recorded)
    spec = Spec.model_validate(spec_of(case))
    spec = spec.model_copy(update={"network": spec.network.model_copy(update={"inputs": 3})})
    network = Network(spec.network)
    with closing(Run(network, spec, Dataset(X.astype("f"), Y.astype("f"), None), None, None, None, done=0)):
        (parts,) = PARTS
    return parts, network


def test_the_parts_of_a_step(asked):
    parts, network = parts_of("fading")
    assert parts.w is network.parameters.trained
    assert [array.shape for array in parts.state] == [parts.w.shape] * 2
    assert parts.decay == tuple((network.parameters.slices[name], 0.3) for name in network.parameters.views)
    assert (parts.tensors, parts.factors, parts.clip_value, parts.average) == ((), None, None, None)


def test_the_tensors_of_a_step(asked):
    parts, network = parts_of("tensors")
    assert [(each.role, each.layer, each.shape) for each in parts.tensors] == [
        *(("weight", 0, (3, 5)), ("bias", 0, (5,)), ("weight", 1, (5, 2)), ("bias", 1, (2,)))
    ]
    assert [each.part for each in parts.tensors] == list(network.parameters.slices.values())
    assert parts.factors.tolist() == [0.5] * 20 + [1.0] * 12


@pytest.mark.parametrize(("case", "clip"), [("clip_value", 0.01), ("clip_both", None), ("penalty", 0.01)])
def test_values_are_clipped_by_the_kernel_unless_the_norm_is(asked, case, clip):
    assert parts_of(case)[0].clip_value == clip


@pytest.mark.parametrize(("case", "averaged"), [("ema", True), ("swa", False), ("constraint", False)])
def test_a_kernel_averages_unless_constraints_follow(asked, case, averaged):
    parts, _ = parts_of(case)
    assert (parts.average is not None) == averaged
    assert parts.average_decay == (0.9 if averaged else 0.0)


def test_a_step_of_the_wrapper_is_one_of_the_outermost_optimizer(asked):
    parts, _ = parts_of("wrapper")
    assert type(parts.optimizer).__name__ == "Clipping"
    assert len(parts.state) == len(parts.optimizer.state)


def test_a_full_batch_optimizer_has_no_kernel(asked):
    mlpkit.register(Recorded)
    spec = spec_of("plain") | {"optimizer": "levenberg_marquardt", "training": {"epochs": 2}}
    mlpkit.train(spec, X, Y)
    assert PARTS == []


@pytest.mark.parametrize(("name", "code"), [("own class", None), ("package", "raise OSError('no library')")])
def test_broken_kernels_are_a_warning_and_numpy_goes_on(name, code, asked, install, monkeypatch, tmp_path):
    expected = written(spec_of("state"), tmp_path / "numpy.h5")
    monkeypatch.delenv("MLPKIT_PLUGINS")
    if code is None:
        mlpkit.register(Broken)
    else:
        install("dist-broken", "quick", code, group="kernels")
    monkeypatch.setenv("MLPKIT_PLUGINS", "dist-broken")
    mlpkit.refresh_plugins()
    with pytest.warns(UserWarning, match="no library; NumPy takes the steps: MLPKIT_KERNELS=0 avoids this warning") as found:
        assert written(spec_of("state"), tmp_path / "broken.h5") == expected
    assert len(found) == 1
    monkeypatch.setenv("MLPKIT_STRICT_PLUGINS", "1")
    with pytest.raises(mlpkit.BrokenPlugin if code else OSError, match="no library"):
        mlpkit.train(spec_of("state"), X, Y)


# -- which runs ask


LONG, SHORT = 10**6, 10  # steps


@pytest.mark.parametrize(
    ("setting", "steps", "known", "asks"),
    [
        *((None, LONG, False, True), (None, SHORT, False, False), (None, SHORT, True, True)),
        *(("0", LONG, False, False), ("0", LONG, True, False), ("1", SHORT, False, True), ("", SHORT, False, False)),
    ],
)
def test_long_runs_ask_and_short_ones_only_where_it_takes_no_time(setting, steps, known, asks, monkeypatch):
    monkeypatch.delenv("MLPKIT_KERNELS", raising=False)
    if setting is not None:
        monkeypatch.setenv("MLPKIT_KERNELS", setting)
    mlpkit.register(Recorded)
    entry_points.forget()
    if known:
        entry_points.entry_points()
    spec = Spec.model_validate(spec_of("state"))
    network = Network(spec.network.model_copy(update={"inputs": 3}))
    step_kernel.use_kernel(Update(network, spec), spec, steps)
    assert bool(PARTS) == asks


def test_a_large_network_is_worth_asking_after_fewer_steps(monkeypatch):
    monkeypatch.delenv("MLPKIT_KERNELS", raising=False)
    entry_points.forget()
    asked = [step_kernel._worth_asking(size, 1000) for size in (10, 10**5, 10**7)]
    assert asked == [False, False, True]
