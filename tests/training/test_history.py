"""The history of a model: a sequence of epochs that stays columns until an epoch is asked for."""

import pickle
import tracemalloc

import numpy as np
import pytest

from mlpkit.training.epoch import Epoch
from mlpkit.training.history import EpochColumns, History

COLUMNS = {
    "epoch": np.array([1.0, 2.0, 3.0]),
    "loss": np.array([0.5, 0.4, 0.3]),
    "validation_loss": np.array([0.6, np.nan, 0.5]),
    "learning_rate": np.array([0.1, 0.1, 0.05]),
    "r2": np.array([0.2, np.nan, 0.4]),
}


@pytest.fixture
def history():
    return History(COLUMNS)


def test_it_is_a_sequence_of_epochs(history):
    assert len(history) == 3
    assert history[0][:5] == (1, 0.5, 0.6, {"r2": 0.2}, 0.1)
    assert (history[1].validation_loss, type(history[1].number)) == (None, int)
    assert [epoch.number for epoch in history] == [1, 2, 3]
    assert [epoch.loss for epoch in history[-2:]] == [0.4, 0.3]
    assert history[-1].learning_rate == 0.05
    with pytest.raises(IndexError):
        history[3]


def test_epochs_are_added_and_columns_come_back(history):
    history.append(Epoch(4, 0.2, None, {"r2": 0.5, "mae": 1.0}, 0.01, 3.0))
    assert (len(history), history[-1].seconds, bool(history), bool(History())) == (4, 3.0, True, False)
    columns = history.columns()
    assert list(columns) == ["epoch", "loss", "validation_loss", "learning_rate", "r2", "mae"]
    np.testing.assert_array_equal(columns["r2"], [0.2, np.nan, 0.4, 0.5])
    np.testing.assert_array_equal(columns["mae"], [np.nan] * 3 + [1.0])
    np.testing.assert_array_equal(columns["validation_loss"], [0.6, np.nan, 0.5, np.nan])
    assert all(column.dtype == np.float64 for column in columns.values())
    assert {name: len(column) for name, column in History().columns().items()} == dict.fromkeys(list(COLUMNS)[:4], 0)


def test_equal_histories_are_equal(history):
    one = History({name: column[:1] for name, column in COLUMNS.items()})
    assert one == one[:]
    assert one == pickle.loads(pickle.dumps(one))[:1] or np.isnan(one[0].seconds)
    assert one != history


def test_a_million_epochs_cost_nothing_until_they_are_asked_for():
    columns = {name: np.arange(1.0, 1_000_001) for name in list(COLUMNS)[:4]}
    tracemalloc.start()
    history = History(columns)
    assert (len(history), history[999_999].number) == (1_000_000, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_long_history_shows_its_first_last_and_best_epoch():
    history = History()
    for number in range(1, 3001):
        history.append(Epoch(number, 1.0, abs(number - 1234) + 0.5, {}, 0.1, 0.0))
    shown = repr(history)
    assert len(shown) < 1000
    assert shown.startswith("<History of 3,000 epochs: first Epoch(number=1,")
    assert "last Epoch(number=3000," in shown
    assert "best Epoch(number=1234," in shown


def test_columns_of_a_run_grow_and_are_those_of_its_history():
    history, run = History(), EpochColumns()
    for number in range(1, 600):
        validation_loss = None if number % 2 else 2.0 / number
        epoch = Epoch(number, 1.0 / number, validation_loss, {"r2": 0.5} if number < 300 else {"mae": 0.1}, 0.1, 1.0)
        history.append(epoch)
        run.append(epoch)
    assert run.columns(0) == {}
    assert "validation_loss" not in run.columns(1)
    for epochs in (2, 256, 257, 599):
        found = run.columns(epochs)
        for name, column in history.columns().items():
            np.testing.assert_array_equal(found[name], column[:epochs])
        assert not any(column.flags.writeable for column in found.values())
    assert [*run.columns(599)] == [*history.columns()]
