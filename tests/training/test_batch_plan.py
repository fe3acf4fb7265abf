"""Batches of an epoch: the automatic size, the last batch, and what is refused."""

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.spec import Spec
from mlpkit.training.batch_plan import BatchPlan

RNG = np.random.default_rng(2)
X, Y = RNG.standard_normal((21, 3)), RNG.standard_normal(21)


def spec(hidden=None, optimizer="sgd", **training):
    layers = [{"units": 3, "activation": "tanh", **(hidden or {})}, {"units": 1}]
    training = {"epochs": 4, **training}
    return {
        "dtype": "float64",
        "preprocessing": "none",
        "network": {"layers": layers},
        "loss": "mse",
        "optimizer": optimizer,
        "training": training,
    }


PLANS = [  # options, rows, expected size, last batch, steps and rows
    ({"batch_size": 8}, 21, (8, 5, 3, 21)),
    ({"batch_size": 7}, 21, (7, 7, 3, 21)),
    ({"batch_size": 8, "drop_last": True}, 21, (8, 8, 2, 16)),
    ({"batch_size": 7, "drop_last": True}, 21, (7, 7, 3, 21)),
    ({"batch_size": 100, "drop_last": True}, 21, (21, 21, 1, 21)),
    ({"batch_size": None}, 21, (21, 21, 1, 21)),
    ({"batch_size": "auto"}, 21, (21, 21, 1, 21)),
    ({"batch_size": "auto"}, 1000, (256, 232, 4, 1000)),
    ({"batch_size": "auto", "drop_last": True}, 1000, (256, 256, 3, 768)),
    ({"batch_size": 10}, 21, (10, 1, 3, 21)),
]


@pytest.mark.parametrize(("training", "rows", "expected"), PLANS, ids=str)
def test_a_plan_counts_batches_and_rows(training, rows, expected):
    plan = BatchPlan.of(Spec.model_validate(spec(**training)), rows)
    assert (plan.size, plan.last, plan.steps, plan.rows) == expected


def test_a_single_last_row_is_joined_for_batch_normalization():
    plan = BatchPlan.of(Spec.model_validate(spec({"normalization": "batch"}, batch_size=10)), 21)
    assert (plan.size, plan.last, plan.steps, plan.rows) == (10, 11, 2, 21)
    plan = BatchPlan.of(Spec.model_validate(spec({"normalization": "batch"}, batch_size=10, drop_last=True)), 21)
    assert (plan.size, plan.last, plan.steps, plan.rows) == (10, 10, 2, 20)


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "on disk"])
def test_the_last_batch_is_left_out(stored, tmp_path):
    """Without shuffling a run is that of the rows of the whole batches."""
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        file.update({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y})
    options = {"batch_size": 8, "shuffle": False}
    data = {"data": {"path": str(path), "target": "y", "in_memory": False}} if stored else {}
    found = mlpkit.train({**spec(drop_last=True, **options), **data}, *(() if stored else (X, Y)))
    expected = mlpkit.train(spec(**options), X[:16], Y[:16])
    np.testing.assert_allclose(found.network.parameters.vector, expected.network.parameters.vector, rtol=1e-12)
    assert [epoch.loss for epoch in found.history] == pytest.approx([epoch.loss for epoch in expected.history], rel=1e-12)


def test_other_rows_are_left_out_in_each_epoch():
    network = mlpkit.train(spec(drop_last=True, batch_size=8, epochs=1, shuffle=True), X, Y)
    again = mlpkit.train(spec(drop_last=True, batch_size=8, epochs=1, shuffle=False), X, Y)
    assert not np.array_equal(network.network.parameters.vector, again.network.parameters.vector)


def test_a_run_with_dropped_batches_resumes_to_the_same_bits(tmp_path):
    whole, steps = mlpkit.train(spec(drop_last=True, batch_size=8), X, Y), []
    part = mlpkit.Model(spec(drop_last=True, batch_size=8), inputs=3, outputs=1)
    for _ in mlpkit.epochs(part, X, Y, stop=lambda: steps.append(0) or len(steps) > 5):
        pass
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec(drop_last=True, batch_size=8), X, Y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)


def test_the_automatic_size_is_stored_as_a_number(tmp_path):
    model = mlpkit.train(spec(batch_size="auto"), X, Y)
    assert model.spec.training.batch_size == 21
    model.save(tmp_path / "model.h5")
    found = mlpkit.inspect(tmp_path / "model.h5")
    assert (found["spec"]["training"]["batch_size"], found["spec_schema"]) == (21, 3)
    large = mlpkit.train(spec(batch_size="auto", epochs=1), np.tile(X, (20, 1)), np.tile(Y, 20))
    assert large.spec.training.batch_size == 256


def test_a_run_that_resumes_keeps_its_automatic_size(tmp_path):
    part = mlpkit.Model(spec(batch_size="auto"), inputs=3, outputs=1)
    next(mlpkit.epochs(part, X, Y))
    part.save(tmp_path / "part.h5", training_state=True)
    assert mlpkit.train(spec(batch_size="auto"), X, Y, resume=tmp_path / "part.h5").spec.training.batch_size == 21
    with pytest.raises(mlpkit.SpecError, match="'batch_size' is 8, but the run to resume has 21"):
        mlpkit.train(spec(batch_size=8), X, Y, resume=tmp_path / "part.h5")


@pytest.mark.parametrize("value", ["all", 0, -1, 2.5, True])
def test_other_sizes_are_refused(value):
    with pytest.raises(mlpkit.SpecError, match=r"training\.batch_size"):
        Spec.model_validate(spec(batch_size=value))


def test_a_full_batch_optimizer_has_no_last_batch():
    with pytest.raises(mlpkit.SpecError, match=r"training\.drop_last: lbfgs chooses its own steps"):
        Spec.model_validate(spec(optimizer="mlpkit-scipy:lbfgs", drop_last=True))
