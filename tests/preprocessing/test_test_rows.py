"""Test rows: a share that is for neither training nor validation, and parts by the hash of a column."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import mlpkit
from mlpkit.preprocessing.prepare import prepare
from mlpkit.preprocessing.raw_rows import read_rows
from mlpkit.preprocessing.row_split import parts_of
from mlpkit.spec import Spec

ROWS = 200


def table():
    rows = np.arange(ROWS)
    rng = np.random.default_rng(2)
    x = rng.normal(size=ROWS)
    return {
        "x": x,
        "patient": [f"p{row // 4}" for row in rows],
        "day": rows[::-1].copy(),
        "y": np.where(x + rng.normal(size=ROWS) > 0, "yes", "no"),
    }


def spec_of(**split):
    layers = [{"units": 3, "activation": "tanh"}, {"activation": "softmax"}]
    data = {"target": "y", "inputs": ["x"], "split": split}
    spec = {"data": data, "network": {"layers": layers}, "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    return Spec.model_validate(spec | {"training": {"epochs": 2}, "seed": 5})


def parts(columns=None, **split):
    spec = spec_of(**split)
    return parts_of(spec, read_rows(spec, columns or table(), None, None))


SPLITS = [{"test": 0.2}, {"test": 0.2, "group": "patient"}, {"test": 0.2, "time": "day"}, {"test": 0.2, "hash": "patient"}]


@pytest.mark.parametrize("validation", [None, 0.3])
@pytest.mark.parametrize("split", SPLITS)
def test_each_row_is_in_one_part_and_training_uses_its_own(split, validation):
    split = split | ({} if validation is None else {"validation": validation})
    columns, spec = table(), spec_of(**split)
    training, held_out, test = parts(**split)
    assert sorted([*training, *held_out, *test]) == list(range(ROWS))
    assert abs(len(test) - 40) <= (20 if "hash" in split else 4)
    assert (len(held_out) == 0) == (validation is None)
    if validation and "hash" not in split:
        assert abs(len(held_out) - 60) <= 4
    prepared = prepare(spec, columns)
    assert len(prepared.train.inputs) == len(training)
    scaled = (columns["x"] - columns["x"][training].mean()) / columns["x"][training].std()
    np.testing.assert_allclose(prepared.train.inputs[:, 0], scaled[training], rtol=1e-5, atol=1e-6)
    assert prepared.split["test_rows"] == len(test)
    if "time" in split:
        assert columns["day"][training].max() < columns["day"][test].min()
    if split.keys() & {"group", "hash"}:
        groups = [{columns["patient"][row] for row in rows} for rows in (training, held_out, test)]
        assert sum(map(len, groups)) == 50
        assert len(set().union(*groups)) == 50


def test_hashes_are_those_of_the_values_and_stay_when_rows_are_added():
    shares = {"test": 0.2, "validation": 0.3, "hash": "patient"}
    training, held_out, test = parts(**shares)
    numbers = [int.from_bytes(hashlib.sha256(f"5:p{row // 4}".encode()).digest()[:8], "big") / 2**64 for row in range(ROWS)]
    assert test.tolist() == [row for row in range(ROWS) if numbers[row] < 0.2]
    assert held_out.tolist() == [row for row in range(ROWS) if 0.2 <= numbers[row] < 0.2 + 0.3]
    some = np.random.default_rng(0).permutation(ROWS)[:150]
    fewer = parts({name: np.asarray(values)[some] for name, values in table().items()}, **shares)
    for rows, whole in zip(fewer, (training, held_out, test), strict=True):
        assert set(some[rows].tolist()) == set(whole.tolist()) & set(some.tolist())


def test_validation_rows_are_drawn_otherwise_than_test_rows():
    alone = parts(validation=0.2)[1]
    _, held_out, test = parts(validation=0.2, test=0.2)
    assert set(test) != set(alone)
    assert len(set(test) & set(alone)) < 20  # of 40, 8 by chance
    assert not set(held_out) & set(test)


@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_a_part_of_the_training_data_is_evaluated(part):
    columns, split = table(), {"test": 0.2, "validation": 0.2, "group": "patient"}
    model = mlpkit.train(spec_of(**split), columns)
    rows = dict(zip(("training", "validation", "test"), parts(**split), strict=True))[part]
    own = {name: np.asarray(values)[rows] for name, values in columns.items()}
    assert model.evaluate(columns, part=part) == model.evaluate(own)
    if part == "validation":
        assert model.evaluate(columns, part=part)["accuracy"] == model.history[-1].metrics["accuracy"]


def test_rows_marked_in_a_column_are_a_part():
    columns = table() | {"use": (["train"] * 3 + ["validation", "test"]) * 40}
    model = mlpkit.train(spec_of(column="use"), columns)
    own = {name: np.asarray(values)[4::5] for name, values in columns.items()}
    assert model.evaluate(columns, part="test") == model.evaluate(own)


def test_a_missing_part_is_an_error():
    columns = table()
    model = mlpkit.train(spec_of(validation=0.2), columns)
    with pytest.raises(mlpkit.DataError, match="holds out no test rows"):
        model.evaluate(columns, part="test")
    with pytest.raises(mlpkit.DataError, match="there is no part 'tests'"):
        model.evaluate(columns, part="tests")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"test": 0.5, "validation": 0.5}, "leave no row for training"),
        ({"test": 0.2, "column": "use"}, "gives the use of each row already"),
        ({"hash": "patient", "time": "day", "validation": 0.2}, "cannot be combined"),
        ({"hash": "patient"}, "needs 'validation' or 'test'"),
        ({"test": 1.0}, "less than 1"),
    ],
)
def test_splits_that_are_refused(split, message):
    with pytest.raises(mlpkit.SpecError, match=message):
        spec_of(**split)


def test_a_hash_of_one_value_splits_nothing():
    columns = table() | {"patient": ["p"] * ROWS}
    with pytest.raises(mlpkit.SpecError, match="leave no row in one of the parts"):
        mlpkit.train(spec_of(test=0.2, hash="patient"), columns)
    columns["patient"][3] = None
    with pytest.raises(mlpkit.DataError, match="has no value in row 3"):
        mlpkit.train(spec_of(test=0.2, hash="patient"), columns)


def test_cross_validation_and_ensembles_leave_test_rows_out_and_cut_by_hashes():
    columns = table()
    test = parts(test=0.2, validation=0.2, hash="patient")[2]
    found = mlpkit.cross_validate(spec_of(test=0.2, validation=0.2, hash="patient"), columns, folds=3)
    assert len(found.predictions["row"]) == ROWS - len(test)
    kept = np.setdiff1d(np.arange(ROWS), test)
    folds = found.predictions["fold"]
    assert all(
        len({folds[place] for place, row in enumerate(kept) if columns["patient"][row] == name}) <= 1 for name in set(columns["patient"])
    )
    spec = spec_of(test=0.2).model_copy(update={})
    ensemble = Spec.model_validate(spec.to_dict() | {"ensemble": {"members": 2, "folds": "rotate"}})
    assert len(prepare(ensemble, columns).train.inputs) == 160
