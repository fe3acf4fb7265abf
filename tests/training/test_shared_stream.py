"""Ranks that train on rows on disk encode those that they compute, and evaluate a share of the others."""

import numpy as np
import pytest

import mlpkit
from mlpkit.data.disk import stream, table
from mlpkit.errors import TrainingError
from mlpkit.training import evaluation, shared_stream

from .ranks_of_threads import on_ranks

ROWS = 101
SPEC = {
    "dtype": "float64",
    "seed": 3,
    "data": {"path": "rows.npy", "target": "y", "weight": "w", "in_memory": False, "split": {"validation": 0.2}},
    "network": {"layers": [{"units": 5, "activation": "tanh", "dropout": 0.2}, {"activation": "linear"}]},
    "loss": "mse",
    "metrics": ["r2"],
    "training": {"epochs": 3, "batch_size": 8},
}
BATCH_NORMALIZATION = {"layers": [{"units": 5, "activation": "tanh", "normalization": "batch"}, {"activation": "linear"}]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Rows on disk in many blocks, and chunks of two or three batches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stream, "CHUNK", 8 * 8 * 3 * 3)
    monkeypatch.setattr(table, "BLOCK", 400)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    x[::7, 1] = np.nan
    columns = {
        "a": x[:, 0],
        "b": x[:, 1],
        "c": x[:, 2],
        "k": rng.integers(4, size=ROWS),
        "w": rng.uniform(0.5, 2, ROWS),
        "y": x[:, 0] * x[:, 2],
    }
    np.save("rows.npy", np.rec.fromarrays(list(columns.values()), names=list(columns)))
    np.savetxt("rows.csv", np.column_stack(list(columns.values())), delimiter=",", header=",".join(columns), comments="")
    return tmp_path


def spec_with(**changes):
    return {**SPEC, **{key: {**SPEC[key], **value} if key in ("training", "data") else value for key, value in changes.items()}}


def losses(model):
    return np.array([[epoch.loss, epoch.validation_loss or 0.0, epoch.metrics["r2"]] for epoch in model.history])


def check(spec, sizes=(1, 2, 3, 4), tolerance=1e-12, **options):
    alone = mlpkit.train(spec, **options)
    for size in sizes:
        first, *others = on_ranks(size, lambda ranks: mlpkit.train(spec, **options))
        np.testing.assert_allclose(losses(first), losses(alone), rtol=tolerance)
        for other in others:
            np.testing.assert_array_equal(other.network.parameters.vector, first.network.parameters.vector)


@pytest.mark.slow
def test_losses_are_those_of_one_process():
    check(spec_with(training={"epochs": 30, "early_stopping": {"patience": 3}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"batch_size": 3}},  # fewer rows than ranks
        {"training": {"batch_size": 9, "drop_last": True}},
        {"training": {"batch_size": 10}, "network": BATCH_NORMALIZATION},  # 81 rows: the last one joins the batch before it
        {"training": {"shuffle": False}},
        {"training": {"training_metrics": True}},
        {"data": {"split": None}},
        {"data": {"path": "rows.csv"}},
        {"data": {"split": None, "validation": "rows.csv"}},
        {"preprocessing": {"columns": {"k": "embed"}}, "network": {"embeddings": [{"type": "category"}], **SPEC["network"]}},
    ],
)
def test_options_train_the_same(changes):
    check(spec_with(**changes), (4,))


def test_a_full_batch_optimizer_trains_the_same():
    spec = spec_with(optimizer={"type": "lbfgs", "iterations": 5}, training={"epochs": 2})
    spec["network"] = {"layers": [{"units": 5, "activation": "tanh"}, {"activation": "linear"}]}
    check(spec, (3,), 1e-6)


def test_a_run_resumes_within_a_chunk_on_another_number_of_ranks():
    def stopped(ranks):
        steps = iter(range(15))
        model = mlpkit.train(SPEC, stop=lambda: next(steps, None) is None)
        if ranks.rank == 0:
            model.save("part.h5", training_state=True)

    whole = mlpkit.train(SPEC)
    on_ranks(3, stopped)
    for model in [mlpkit.train(SPEC, resume="part.h5"), *on_ranks(2, lambda ranks: mlpkit.train(SPEC, resume="part.h5"))]:
        np.testing.assert_allclose(losses(model), losses(whole), rtol=1e-12)


def test_each_rank_encodes_and_evaluates_its_share(monkeypatch):
    encoded, evaluated = [], []
    encode, compute = shared_stream.SharedStream._encode, evaluation._losses

    def counted(self, places, out):
        encoded.append((self.ranks.rank, len(places)))
        encode(self, places, out)

    def measured(network, loss, inputs, targets):
        evaluated.append(len(inputs))
        return compute(network, loss, inputs, targets)

    monkeypatch.setattr(shared_stream.SharedStream, "_encode", counted)
    monkeypatch.setattr(evaluation, "_losses", measured)
    on_ranks(3, lambda ranks: mlpkit.train(spec_with(training={"epochs": 1})))
    assert sum(rows for _, rows in encoded) == 81 + 2  # the last batch has one row, and each rank encodes one
    assert [sum(rows for rank, rows in encoded if rank == each) for each in range(3)] == [21, 31, 31]
    assert sorted(evaluated) == [6, 7, 7]


def test_a_diverged_run_has_one_explanation():
    spec = spec_with(optimizer={"type": "sgd", "learning_rate": 1e200})

    def run(ranks):
        with pytest.raises(TrainingError, match="the loss became") as caught:
            mlpkit.train(spec)
        return caught.value.message

    first, *others = on_ranks(3, run)
    assert others == [first] * 2
