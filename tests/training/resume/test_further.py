"""Going on with a model whose run is finished: a run of its own with the optimizer's arrays, or the same run with more epochs."""

import copy
import pickle

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES

from ...builtins import written


def vector(model):
    return model.network.parameters.vector.copy()


def plain(spec_with, **changes):
    """A spec whose further epochs are those of a longer run: no dropout, no shuffling, no schedule."""
    layers = [{"units": 3, "activation": "tanh"}, {"units": 1}]
    return spec_with(
        network={"layers": layers},
        optimizer={"type": "adam", "learning_rate": 0.05},
        training={"epochs": 4, "batch_size": 5, "shuffle": False},
        **changes,
    )


def test_a_second_run_goes_on_with_the_optimizers_arrays_and_step(table, spec_with):
    """Without randomness two runs of four epochs are one of eight; Adam begun anew would be another."""
    whole = plain(spec_with, training__epochs=8)
    whole["training"] = {**plain(spec_with)["training"], "epochs": 8}
    expected = mlpkit.train(whole, table)
    model = mlpkit.train(plain(spec_with), table)
    anew = copy.deepcopy(model)
    list(mlpkit.epochs(model, table))
    np.testing.assert_array_equal(vector(model), vector(expected))
    assert [epoch.loss for epoch in model.history] == [epoch.loss for epoch in expected.history]
    list(mlpkit.epochs(anew, table, keep_optimizer=False))
    assert not np.array_equal(vector(anew), vector(expected))


@pytest.mark.parametrize("optimizer", sorted({info.full_name for info in mlpkit.plugins("optimizers")} - {"mlpkit-scipy:lbfgs"}))
def test_every_optimizer_goes_on(table, spec_with, optimizer):
    if REGISTRIES["optimizers"].get(optimizer).scope == "problem":
        return
    spec = plain(spec_with)
    spec["optimizer"] = written("optimizers", optimizer)
    spec["training"]["batch_size"] = None if REGISTRIES["optimizers"].get(optimizer).full_batch else 5
    expected = mlpkit.train({**spec, "training": {**spec["training"], "epochs": 8}}, table)
    model = mlpkit.train(spec, table)
    list(mlpkit.epochs(model, table))
    np.testing.assert_array_equal(vector(model), vector(expected))


def test_it_goes_on_from_the_last_weights_and_not_from_the_best(table, spec_with):
    spec = plain(spec_with)
    spec["training"] = {"epochs": 6, "batch_size": 5, "shuffle": False, "early_stopping": {"patience": 6}}
    spec["optimizer"]["learning_rate"] = 0.3  # it overshoots, so that the best epoch is an early one
    model = mlpkit.train(spec, table)
    best = min(model.history, key=lambda epoch: epoch.validation_loss).number
    assert best < 6
    spec["training"]["epochs"] = 12
    spec["training"]["early_stopping"] = {"patience": 12}
    expected = mlpkit.train(spec, table)
    list(mlpkit.epochs(model, table))
    assert [epoch.loss for epoch in model.history] == [epoch.loss for epoch in expected.history]


def test_weights_that_somebody_has_put_into_the_model_stay(table, spec_with):
    spec = plain(spec_with)
    spec["training"] = {"epochs": 6, "batch_size": 5, "early_stopping": {"patience": 6}}
    spec["optimizer"]["learning_rate"] = 0.3
    model = mlpkit.train(spec, table)
    model.network.parameters.vector[...] = 0.25
    other = copy.deepcopy(model)
    next(mlpkit.epochs(model, table))
    next(mlpkit.epochs(other, table, keep_optimizer=False))
    assert model.history[-1].loss != other.history[-1].loss  # the arrays differ, but for the first batch both begin at the same weights
    assert np.isfinite(vector(model)).all()


def test_another_optimizer_begins_anew(table, spec_with):
    model = mlpkit.train(plain(spec_with), table)
    spec = plain(spec_with)
    spec["optimizer"] = {"type": "sgd", "momentum": 0.5}
    model.spec = mlpkit.Spec.model_validate(spec).with_widths(model.spec.network.inputs, 1)
    twin = copy.deepcopy(model)
    list(mlpkit.epochs(model, table))
    list(mlpkit.epochs(twin, table, keep_optimizer=False))
    np.testing.assert_array_equal(vector(model), vector(twin))


def test_a_second_run_that_is_interrupted_goes_on_to_its_bits(table, spec_with, tmp_path):
    spec = spec_with(training__epochs=3)
    unbroken = mlpkit.train(spec, table)
    list(mlpkit.epochs(unbroken, table))
    model = mlpkit.train(spec, table)
    loop = mlpkit.epochs(model, table)
    next(loop)
    model.save(tmp_path / "part.h5", training_state=True)
    loop.close()
    model = mlpkit.load(tmp_path / "part.h5")
    list(mlpkit.epochs(model, table, resume=True))
    np.testing.assert_array_equal(vector(model), vector(unbroken))


def test_a_pickled_model_goes_on_too(table, spec_with):
    model = mlpkit.train(plain(spec_with), table)
    again = pickle.loads(pickle.dumps(model))
    list(mlpkit.epochs(model, table))
    list(mlpkit.epochs(again, table))
    np.testing.assert_array_equal(vector(model), vector(again))


@pytest.mark.parametrize("changes", [{}, {"training__early_stopping": None}, {"optimizer": {"type": "sgd", "momentum": 0.9}}])
def test_a_kept_state_goes_on_to_the_bits_of_one_longer_run(table, spec_with, saved, changes, tmp_path):
    """The schedule of the longer run would give the shorter one other rates, so there is none."""
    changes = {"optimizer": "adam", **changes}
    spec = spec_with(training__keep_state=True, training__epochs=20, **changes)
    mlpkit.train(spec, table).save(tmp_path / "finished.h5")
    more = spec_with(training__keep_state=True, training__epochs=40, **changes)
    if more["training"]["early_stopping"]:
        more["training"]["early_stopping"] = spec["training"]["early_stopping"] = {"patience": 40}
        mlpkit.train(spec, table).save(tmp_path / "finished.h5")
    expected = saved(mlpkit.train(more, table), tmp_path / "unbroken.h5")
    assert saved(mlpkit.train(more, table, resume=tmp_path / "finished.h5"), tmp_path / "resumed.h5") == expected


def test_without_a_kept_state_the_error_names_both_ways(table, spec_with, tmp_path):
    mlpkit.train(spec_with(), table).save(tmp_path / "finished.h5")
    with pytest.raises(mlpkit.ModelFileError, match=r"(?s)is finished.*training\.keep_state: true.*mlpkit\.epochs\(model"):
        mlpkit.train(spec_with(training__epochs=9), table, resume=tmp_path / "finished.h5")


def test_a_state_is_kept_only_where_it_is_asked_for(table, spec_with, tmp_path):
    model = mlpkit.train(spec_with(), table)
    model.save(tmp_path / "small.h5")
    assert mlpkit.load(tmp_path / "small.h5").training_state is None
    kept = mlpkit.train(spec_with(training__keep_state=True), table)
    kept.save(tmp_path / "large.h5")
    assert mlpkit.load(tmp_path / "large.h5").training_state.place.epochs == 3
    kept.save(tmp_path / "without.h5", training_state=False)
    assert mlpkit.load(tmp_path / "without.h5").training_state is None


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        ("sgd", ()),
        ({"type": "sgd", "momentum": 0.9}, ("velocity",)),
        ("adam", ("mean", "square")),
        ({"type": "adam", "amsgrad": True}, ("mean", "square", "largest")),
    ],
)
def test_a_state_has_the_arrays_that_the_optimizer_uses(table, spec_with, run_until, optimizer, names, tmp_path):
    model = run_until(spec_with(optimizer=optimizer), 3, tmp_path / "part.h5")
    assert model.spec.optimizer.state == names
    arrays = mlpkit.load(tmp_path / "part.h5").training_state.arrays
    assert {name for name in arrays if name.startswith("optimizer/")} == {f"optimizer/{name}" for name in names}
