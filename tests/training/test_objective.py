"""Optimizers of the whole problem: an epoch is one call of `minimize` on all rows."""

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.preprocessing.prepare import prepare
from mlpkit.training import objective as module
from mlpkit.training.checkpoints import Checkpoints


class Descent(mlpkit.Minimizer):
    """Gradient descent as a minimizer: so many steps of a fixed length in each epoch."""

    learning_rate: float = 0.1
    steps: int = 3
    tolerance: float = 0.0

    def minimize(self, w, problem, *state, lr, t):
        for _ in range(self.steps):
            _, grad = problem(w)
            if np.abs(grad).max() <= self.tolerance:
                return True
            w -= lr * grad
        return False


class Momentum(mlpkit.Minimizer):
    """The same with a velocity, which is its state."""

    state = ("velocity",)
    learning_rate: float = 0.1

    def minimize(self, w, problem, *state, lr, t):
        (velocity,) = state
        for _ in range(2):
            velocity *= 0.9
            velocity += problem(w)[1]
            w -= lr * velocity
        return False


def spec(optimizer, epochs=6, **changes):
    return {
        "dtype": "float64",
        "network": {"layers": [{"units": 5, "activation": "tanh"}, {"units": 1}]},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": epochs, **changes.pop("training", {})},
        **changes,
    }


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(300, 3))
    return x, np.sin(x[:, 0]) + x[:, 1] ** 2


def vector(model):
    return model.network.parameters.vector


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("mlpkit.training.batch_plan.ROWS", 64)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_full_batch_descent_to_the_last_bit(data, dtype):
    whole = mlpkit.train(spec(Descent(), dtype=dtype), *data)
    plain = spec({"type": "sgd", "learning_rate": 0.1}, epochs=18, dtype=dtype, training={"batch_size": None})
    plain = mlpkit.train(plain, *data)
    if dtype == "float64":
        np.testing.assert_array_equal(vector(whole), vector(plain))
    np.testing.assert_allclose(vector(whole), vector(plain), rtol=1e-4)
    assert [epoch.loss for epoch in whole.history] == pytest.approx([epoch.loss for epoch in plain.history][::3], rel=1e-6)


def test_weights_of_rows_count(data):
    weights = np.random.default_rng(1).uniform(0.2, 3, 300)
    whole = mlpkit.train(spec(Descent()), *data, weights=weights)
    plain = mlpkit.train(spec({"type": "sgd", "learning_rate": 0.1}, epochs=18, training={"batch_size": None}), *data, weights=weights)
    np.testing.assert_array_equal(vector(whole), vector(plain))


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_rows_add_up(data):
    whole = mlpkit.train(spec(Descent()), *data)
    plain = mlpkit.train(spec({"type": "sgd", "learning_rate": 0.1}, epochs=18, training={"batch_size": None}), *data)
    np.testing.assert_allclose(vector(whole), vector(plain), rtol=1e-11, atol=1e-13)


def test_rows_on_disk(data, tmp_path):
    np.save(tmp_path / "rows.npy", np.column_stack(data))
    on_disk = {"path": str(tmp_path / "rows.npy"), "target": "x3"}
    first, second = (mlpkit.train(spec(Descent(), data={**on_disk, "in_memory": kept})) for kept in (True, False))
    np.testing.assert_allclose(vector(first), vector(second), rtol=1e-10)


@pytest.mark.parametrize("optimizer", [Descent(), Momentum()], ids=lambda optimizer: type(optimizer).__name__)
@pytest.mark.parametrize("after", [1, 4])
def test_a_run_that_goes_on_has_the_same_bits(data, tmp_path, optimizer, after):
    stopping = {"early_stopping": {"patience": 4}}
    unbroken = mlpkit.train(spec(optimizer, training=stopping), *data, validation=data)
    model = mlpkit.Model(spec(optimizer, training=stopping), inputs=3, outputs=1)
    for epoch in mlpkit.epochs(model, *data, validation=data):
        if epoch.number == after:
            model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec(optimizer, training=stopping), *data, validation=data, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(vector(resumed), vector(unbroken))
    assert [epoch[:4] for epoch in resumed.history] == [epoch[:4] for epoch in unbroken.history]


class Interrupted(Descent):
    """Presses Ctrl-C in its second epoch, between two passes."""

    def minimize(self, w, problem, *state, lr, t):
        problem(w + 1.0)
        if t == 2 and Interrupted.armed:
            raise KeyboardInterrupt
        w -= lr * problem(w)[1]
        return False


def test_an_interrupted_run_stands_where_the_epoch_began(data, tmp_path):
    Interrupted.armed = False
    unbroken = mlpkit.train(spec(Interrupted()), *data)
    Interrupted.armed = True
    model = mlpkit.Model(spec(Interrupted()), inputs=3, outputs=1)
    with pytest.raises(KeyboardInterrupt):
        for _ in mlpkit.epochs(model, *data):
            pass
    assert model.training_state.place == (1, 0)
    model.save(tmp_path / "part.h5", training_state=True)
    Interrupted.armed = False
    resumed = mlpkit.train(spec(Interrupted()), *data, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(vector(resumed), vector(unbroken))


def test_it_stops_between_two_passes(data):
    calls = []

    def stop():
        calls.append(None)
        return len(calls) > 7  # in the third epoch of three passes

    model = mlpkit.Model(spec(Descent()), inputs=3, outputs=1)
    prepared = prepare(model.spec, *data)
    assert [epoch.number for epoch in model.epochs(prepared, stop)] == [1, 2]
    expected = mlpkit.train(spec(Descent(), epochs=2), *data)
    np.testing.assert_array_equal(vector(model), vector(expected))
    assert model.training_state.place == (2, 0)


def test_the_run_is_over_when_nothing_is_left_to_gain(data, tmp_path):
    model = mlpkit.Model(spec(Descent(tolerance=0.5), epochs=50), inputs=3, outputs=1)
    for _ in mlpkit.epochs(model, *data):
        model.save(tmp_path / "last.h5", training_state=True)
    assert 1 <= len(model.history) < 50
    assert model.training_state is None
    resumed = mlpkit.train(spec(Descent(tolerance=0.5), epochs=50), *data, resume=tmp_path / "last.h5")
    assert len(resumed.history) == len(model.history)
    np.testing.assert_array_equal(vector(resumed), vector(model))


def test_checkpoints_by_the_minute_hold_the_start_of_the_epoch(data, tmp_path, monkeypatch):
    """One falls due between two passes, where the optimizer has the network at a trial point."""
    clock = iter(range(0, 10**6, 7))
    monkeypatch.setattr(Checkpoints.__init__, "__defaults__", (lambda: float(next(clock)), False))
    checkpoint = {"folder": str(tmp_path / "kept"), "minutes": 0.25, "keep": 100}
    unbroken = mlpkit.train(spec(Descent(), training={"checkpoint": checkpoint}), *data)
    files = sorted((tmp_path / "kept").glob("*.h5"))
    assert len(files) > 3
    for file in files:
        np.testing.assert_array_equal(vector(mlpkit.train(spec(Descent()), *data, resume=file)), vector(unbroken))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"dropout": 0.1}, "dropout is random at each call, but descent"),
        ({"normalization": "batch"}, "batch normalization updates its averages"),
    ],
)
def test_a_change_of_the_loss_between_two_calls_is_refused(layer, words):
    wrong = spec(Descent())
    wrong["network"]["layers"][0].update(layer)
    with pytest.raises(errors.SpecError, match=words):
        mlpkit.Spec.model_validate(wrong)


def test_a_loss_that_overflows_is_a_training_error(data):
    with pytest.raises(errors.TrainingError, match="in epoch 3 of 6"):
        mlpkit.train(spec(Descent(learning_rate=1e100, steps=1), network={"layers": [{"units": 1}]}), *data)


def test_parameters_that_overflow_are_not_taken(data):
    model = mlpkit.Model(spec(Descent(learning_rate=1e200), network={"layers": [{"units": 1}]}), inputs=3, outputs=1)
    with pytest.raises(errors.BrokenPlugin, match=r"'descent' .* leaves NaN or infinity in the parameters"):
        next(mlpkit.epochs(model, *data))
    assert np.isfinite(vector(model)).all()
    assert model.training_state.place == (0, 0)


def test_one_that_never_asks_for_the_loss(data):
    class Lazy(mlpkit.Minimizer):
        def minimize(self, w, problem, *state, lr, t):
            return True

    model = mlpkit.train(spec(Lazy()), *data)
    assert len(model.history) == 1
    assert np.isfinite(model.history[0].loss)


def test_it_has_no_step():
    with pytest.raises(TypeError, match="call minimize"):
        Descent().step(np.zeros(2), np.zeros(2), lr=0.1, t=1)
    assert module.ROWS > 1000
