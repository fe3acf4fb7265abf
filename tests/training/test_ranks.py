"""Ranks train what one process trains. They are threads here; plugins/mlpkit-mpi/tests has processes."""

import copy
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import MLPKitError, SpecError
from mlpkit.preprocessing.prepare import prepare
from mlpkit.training.ranks import Ranks, present
from mlpkit.training.ranks_estimate import RanksEstimate, ranks_estimate
from mlpkit.training.run_clock import RunClock
from mlpkit.training.same_run import check_sharable, check_versions
from mlpkit.training.shared_workspace import RowsOfGenerator

from .ranks_of_threads import on_ranks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = X[:, :1] * X[:, 1:2] + 0.1 * RNG.normal(size=(60, 1))
WEIGHTS = RNG.uniform(0.5, 2, 60)
AMPLIFYING = ("lion", "rprop", "muon")  # a difference in the last bit grows
SPEC = {
    "dtype": "float64",
    "seed": 3,
    "data": {"split": {"validation": 0.25}},
    "network": {
        "layers": [
            {"units": 7, "activation": "tanh", "dropout": 0.2, "normalization": "batch"},
            {"units": 6, "activation": "prelu", "normalization": "layer"},
            {"activation": "linear"},
        ]
    },
    "loss": "mse",
    "metrics": ["r2"],
    "training": {"epochs": 4, "batch_size": 8, "early_stopping": {"patience": 2}},
}
PLAIN = {"layers": [{"units": 7, "activation": "tanh"}, {"activation": "linear"}]}


def spec_with(**changes):
    spec = copy.deepcopy(SPEC)
    for key, value in changes.items():
        spec[key] = {**spec[key], **value} if key == "training" else value
    return spec


def trained(spec, **options):
    return lambda ranks=None: mlpkit.train(spec, X, Y, weights=WEIGHTS, **options)


def losses(model):
    return np.array([[epoch.loss, epoch.validation_loss] for epoch in model.history])


def check(spec, sizes=(3,), tolerance=1e-12):
    """Train alone and on ranks; the epochs, the losses and the weights are the same, and on all ranks to the bit."""
    alone = trained(spec)()
    for size in sizes:
        first, *others = on_ranks(size, trained(spec))
        np.testing.assert_allclose(losses(first), losses(alone), rtol=tolerance)
        for other in others:
            np.testing.assert_array_equal(other.network.parameters.vector, first.network.parameters.vector)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_losses_with_dropout_weights_and_early_stopping_are_those_of_one_process(size):
    assert len(trained(SPEC)().history) < 60
    check(spec_with(optimizer={"type": "adam", "learning_rate": 0.05}, training={"epochs": 60}), (size,))


@pytest.mark.parametrize("optimizer", [info.name for info in mlpkit.plugins("optimizers") if info.distribution == "mlpkit"])
def test_every_optimizer_trains_the_same(optimizer):
    options = {"clipping": {"type": "clipping", "inner": "sgd", "norm": 0.1}, "averaging": {"type": "averaging", "inner": "adam"}}
    spec = spec_with(optimizer=options.get(optimizer, optimizer))
    if optimizer == "levenberg_marquardt":
        with pytest.raises(SpecError, match="the Jacobian that levenberg_marquardt uses cannot be shared"):
            check(spec_with(network=PLAIN, optimizer=optimizer))
        return
    if optimizer == "rprop":
        spec["training"] = {"epochs": 20, "batch_size": None}
    check(spec, tolerance=1e-6 if optimizer in AMPLIFYING else 1e-12)


def test_a_full_batch_optimizer_trains_the_same():
    check(spec_with(network=PLAIN, optimizer={"type": "lbfgs", "iterations": 10}, training={"epochs": 2}), tolerance=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"batch_size": 3}},  # fewer rows than ranks
        {"training": {"batch_size": 11, "drop_last": True}},
        {"training": {"batch_size": None, "training_metrics": True}},
        {"training": {"weight_decay": 0.01, "clip_norm": 0.1, "average": "ema"}},
        {"training": {"time_budget": 1000.0}},
        {"network": {"input_dropout": 0.1, "input_noise": 0.1, **SPEC["network"]}},
        {"network": {"layers": [{"units": 5, "dropout": {"type": "gaussian", "rate": 0.1}}, {"activation": "linear"}]}},
        {"network": {"embeddings": [{"type": "piecewise_linear", "units": 3}], **PLAIN}},
    ],
)
def test_options_of_training_and_network_train_the_same(changes):
    check(spec_with(**changes), (4,))


def test_float32_trains_the_same_within_its_rounding():
    check(spec_with(dtype="float32"), (2,), 1e-4)


def test_a_run_resumes_on_another_number_of_ranks(tmp_path):
    def stopping(after):
        steps = iter(range(after))
        return lambda: next(steps, None) is None

    spec = spec_with(training={"early_stopping": None})
    whole = trained(spec)()

    def part(ranks):
        model = trained(spec, stop=stopping(10 + ranks.rank))()  # rank 0 asks first, and all stop at its step
        if ranks.rank == 0:
            model.save(tmp_path / "part.h5", training_state=True)
        return ranks.stopped, model.training_state.step

    assert on_ranks(3, part) == [(True, 11)] * 3
    for model in [trained(spec, resume=tmp_path / "part.h5")(), *on_ranks(2, trained(spec, resume=tmp_path / "part.h5"))]:
        np.testing.assert_allclose(losses(model), losses(whole), rtol=1e-12)


def test_only_rank_0_writes_checkpoints(tmp_path):
    def run(ranks):
        return trained(spec_with(training={"epochs": 2}), checkpoints=tmp_path / str(ranks.rank))()

    on_ranks(2, run)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_ranks_with_other_rows_end_with_an_error_on_each():
    def run(ranks):
        with pytest.raises(MLPKitError, match="rank 1 differs from rank 0: the values of its rows are others"):
            mlpkit.train(SPEC, X + (ranks.rank == 1), Y)
        return True

    assert on_ranks(3, run) == [True] * 3


def test_ranks_with_other_versions_end_with_an_error():
    def run(ranks):
        with pytest.raises(MLPKitError, match=r"rank 2 differs from rank 0: it has mlpkit 0\.7, and rank 0 has 0\.8"):
            check_versions(ranks, {"mlpkit": "0.7" if ranks.rank == 2 else "0.8"})
        return True

    assert on_ranks(3, run) == [True] * 3


def test_the_clock_of_rank_0_decides(monkeypatch):
    def clock(budget):
        return RunClock(budget, now=itertools.count(step=1 + 100 * present().rank).__next__)

    monkeypatch.setattr("mlpkit.training.run.RunClock", clock)
    models = on_ranks(3, trained(spec_with(training={"time_budget": 5.0, "early_stopping": None, "epochs": 100})))
    assert [len(model.history) for model in models] == [3] * 3
    assert {epoch.metrics["elapsed"] for model in models for epoch in model.history} == {0.0, 0.4, 0.8}


def test_the_figures_of_rank_0_stand_in_every_history(monkeypatch):
    def evaluate(self, network):
        return 1.0 + self.ranks.rank, {"r2": float(self.ranks.rank)}

    monkeypatch.setattr("mlpkit.training.run.Run._evaluate", evaluate)
    for model in on_ranks(2, trained(spec_with(training={"epochs": 2}))):
        assert [(epoch.validation_loss, epoch.metrics) for epoch in model.history] == [(1.0, {"r2": 0.0})] * 2


def test_an_estimate_compares_a_step_with_one_process():
    def run(ranks):
        model = mlpkit.Model(spec_with(data={}), inputs=5, outputs=1)
        return ranks_estimate(ranks, model.spec, model.network, prepare(model.spec, X, Y))

    first, second = on_ranks(2, run)
    assert first == second
    assert first.whole > 0
    assert str(RanksEstimate(2, 100e-6, 50e-6, 30e-6)).endswith("instead of 100 us alone: at most 1.2 times as fast")
    assert "not faster than one process" in str(RanksEstimate(2, 26e-6, 20e-6, 33e-6))


def test_the_members_of_an_ensemble_are_not_shared():
    with pytest.raises(SpecError, match="members of an ensemble train each on its own"):
        check_sharable(mlpkit.Spec.model_validate(spec_with(ensemble={"members": 2})))


def test_the_rows_of_all_ranks_are_those_of_a_batch():
    for size in range(1, 6):
        for rows in range(9):
            shares = [Ranks(SimpleNamespace(rank=rank, size=size)).share(rows) for rank in range(size)]
            assert [row for share in shares for row in range(rows)[share]] == list(range(rows))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("draw", ["random", "standard_normal"])
def test_random_numbers_are_those_of_the_global_rows(draw, dtype):
    def numbers(rng, rows):
        out = np.empty((rows, 3), dtype)
        getattr(rng, draw)(dtype=dtype, out=out)
        return out

    whole, shared = np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(2):
        np.testing.assert_array_equal(numbers(RowsOfGenerator(shared, 9, slice(4, 7)), 3), numbers(whole, 9)[4:7])


def test_batch_normalization_takes_four_sums_of_a_layer_a_step_one_and_an_evaluation_one():
    def run(ranks):
        model = trained(spec_with(training={"epochs": 1}))()
        return ranks.exchange.sums, len(model.history)

    steps = 6  # 45 rows in batches of 8; the last has 5
    assert on_ranks(2, run) == [(5 * steps + 1, 1)] * 2  # one of the evaluation
