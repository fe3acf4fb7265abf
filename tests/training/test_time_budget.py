"""A time budget, with a clock that the test turns: the end of the run, the schedule, and an interrupted run."""

import numpy as np
import pytest

import mlpkit
from mlpkit.training.run_clock import RunClock

RNG = np.random.default_rng(2)
X, Y = RNG.standard_normal((16, 3)), RNG.standard_normal(16)
COSINE = {"type": "cosine", "initial": 0.1}


@pytest.fixture
def turn(monkeypatch):
    """Set the seconds that each reading of the clock takes."""
    state = {"now": 0.0, "seconds": 1.0}

    def now():
        state["now"] += state["seconds"]
        return state["now"]

    monkeypatch.setattr("mlpkit.training.run.RunClock", lambda budget: RunClock(budget, now))
    return lambda seconds: state.update(seconds=seconds)


def spec(rate=0.1, **training):
    optimizer = {"type": "sgd", "learning_rate": rate}
    training = {"epochs": 1000, "batch_size": 8, **training}
    return {"dtype": "float64", "network": {"layers": [{"units": 1}]}, "loss": "mse", "optimizer": optimizer, "training": training}


def test_a_run_ends_with_the_epoch_in_which_the_time_is_over(turn):
    """The clock is read at both ends of an epoch, so that an epoch takes two seconds, and the first reading is the start."""
    turn(1.0)
    assert len(mlpkit.train(spec(time_budget=9.0), X, Y).history) == 5
    assert len(mlpkit.train(spec(time_budget=0.5), X, Y).history) == 1
    assert len(mlpkit.train(spec(time_budget=1e9, epochs=3), X, Y).history) == 3


def test_a_schedule_follows_the_clock_to_its_end(turn):
    turn(1.0)
    history = mlpkit.train(spec(COSINE, time_budget=20.0), X, Y).history
    elapsed = [epoch.metrics["elapsed"] for epoch in history]
    np.testing.assert_allclose(elapsed, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0][: len(elapsed)], atol=1e-12)
    expected = [0.05 * (1 + np.cos(np.pi * fraction)) for fraction in elapsed]
    assert [epoch.learning_rate for epoch in history] == pytest.approx(expected, rel=1e-3)  # the first epochs come before 1 / 1000


def test_epochs_that_end_before_the_time_set_the_fraction(turn):
    turn(0.0)
    timed, plain = (mlpkit.train(spec(COSINE, epochs=5, **options), X, Y) for options in ({"time_budget": 100.0}, {}))
    np.testing.assert_array_equal(timed.network.parameters.vector, plain.network.parameters.vector)


def test_a_run_that_resumes_uses_the_elapsed_time_of_its_state(turn, tmp_path):
    turn(1.0)
    model, steps = mlpkit.Model(spec(COSINE, time_budget=20.0), inputs=3, outputs=1), []
    for _ in mlpkit.epochs(model, X, Y, stop=lambda: steps.append(0) or len(steps) > 7):  # 3 epochs and 1 step
        pass
    model.save(tmp_path / "part.h5", training_state=True)
    stored = mlpkit.load(tmp_path / "part.h5").training_state
    now, start = stored.arrays["loop/elapsed"]
    assert now > start == pytest.approx(0.3)
    resumed = mlpkit.train(spec(COSINE, time_budget=20.0), X, Y, resume=tmp_path / "part.h5")
    assert resumed.history[3].metrics["elapsed"] == pytest.approx(0.3)
    assert resumed.history[4].metrics["elapsed"] > now
    assert len(resumed.history) < 12
    resumed.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5


@pytest.mark.parametrize("value", [0, -1.0, "60", True])
def test_other_budgets_are_refused(value):
    with pytest.raises(mlpkit.SpecError, match=r"training\.time_budget"):
        mlpkit.Spec.model_validate(spec(time_budget=value))
