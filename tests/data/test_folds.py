"""Test folds: no row is held out twice, classes keep their shares, groups stay together, and validation is later than training."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from mlpkit.data.folds import group_folds, rotating_folds, time_folds
from mlpkit.data.table import Table
from mlpkit.errors import DataError, SpecError

RNG = np.random.default_rng(5)


def check_complements(folds, rows):
    for fold in folds:
        assert sorted([*fold.training, *fold.validation]) == list(range(rows))
        assert (np.diff(fold.training) > 0).all()
        assert (np.diff(fold.validation) > 0).all()
    held_out = np.concatenate([fold.validation for fold in folds])
    assert len(set(held_out.tolist())) == len(held_out)
    return held_out


@pytest.mark.parametrize("members", [2, 3, 5, 8])
@pytest.mark.parametrize("rows", [20, 103])
def test_each_row_is_held_out_at_most_once_and_classes_keep_their_shares_as_in_scikit_learn(members, rows):
    strata = np.sort(RNG.choice(3, rows, p=[0.6, 0.3, 0.1]))
    folds, count = rotating_folds(members, 0, strata)
    assert count == max(members, 5)
    held_out = check_complements(folds, rows)
    assert len(folds) == members
    if members >= 5:
        assert sorted(held_out) == list(range(rows))
    counts = np.array([np.bincount(strata[fold.validation], minlength=3) for fold in folds])
    wanted = np.bincount(strata, minlength=3) / count
    assert (np.abs(counts - wanted) < 1).all()
    splitter = StratifiedKFold(count, shuffle=True, random_state=0)
    theirs = np.array([np.bincount(strata[rows], minlength=3) for _, rows in quiet(splitter, strata)])
    assert set(map(len, (fold.validation for fold in folds))) <= {rows // count, rows // count + 1}
    if members == count:
        assert (np.sort(counts, axis=0) == np.sort(theirs, axis=0)).all()


def quiet(splitter, strata):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer rows than folds
        return list(splitter.split(strata, strata))


def test_the_seed_decides():
    strata = np.zeros(50, dtype=np.intp)
    first, same, other = (rotating_folds(5, seed, strata)[0] for seed in (1, 1, 2))
    assert all((a.validation == b.validation).all() for a, b in zip(first, same, strict=True))
    assert any(a.validation.tolist() != b.validation.tolist() for a, b in zip(first, other, strict=True))


def test_fewer_rows_than_folds():
    with pytest.raises(DataError, match=r"7 rows cannot be cut into 8 folds, one held out by each of 8 members\nhelp: .*fewer members"):
        rotating_folds(8, 0, np.zeros(7, dtype=np.intp))
    with pytest.raises(DataError, match=r"4 rows cannot be cut into 5 folds, one held out by each of 2 members\nhelp: .*remove 'ensemble'"):
        rotating_folds(2, 0, np.zeros(4, dtype=np.intp))


@pytest.mark.parametrize("members", [2, 4, 5, 7])
@pytest.mark.parametrize("sizes", [[1] * 40, [30, 5, 5, 5, 5, 5, 5, 1, 1], [9] * 8])
def test_groups_stay_together(members, sizes):
    names = np.repeat([f"g{index}" for index in range(len(sizes))], sizes).astype(object)
    strata = RNG.integers(0, 2, len(names))
    folds, count, groups = group_folds(members, 3, Table({"g": names}), "g", (), strata)
    assert (count, groups) == (max(members, 5), len(sizes))
    held_out = check_complements(folds, len(names))
    assert members < 5 or len(held_out) == len(names)
    for fold in folds:
        assert len(fold.validation)
        assert not set(names[fold.training]) & set(names[fold.validation])


def test_groups_of_equal_size_give_equal_folds_with_equal_shares():
    names = np.repeat(np.arange(40), 5)
    strata = (names % 4 == 0).astype(np.intp)  # ten groups of the second class
    folds, _, _ = group_folds(5, 0, Table({"g": names}), "g", (), strata)
    assert [(len(fold.validation), int(strata[fold.validation].sum())) for fold in folds] == [(40, 10)] * 5


def test_the_groups_of_a_fold_do_not_depend_on_the_order_of_the_rows():
    names, order = RNG.integers(0, 30, 200), RNG.permutation(200)
    strata = RNG.integers(0, 3, 200)
    one, _, _ = group_folds(5, 0, Table({"g": names}), "g", (), strata)
    two, _, _ = group_folds(5, 0, Table({"g": names[order]}), "g", (), strata[order])
    assert [set(names[fold.validation]) for fold in one] == [set(names[order][fold.validation]) for fold in two]


def test_fewer_groups_than_folds_and_than_members():
    table = Table({"g": np.repeat([1, 2, 3], 10)})
    folds, count, _ = group_folds(3, 0, table, "g", (), np.zeros(30, dtype=np.intp))
    assert count == 3
    assert [len(fold.validation) for fold in folds] == [10, 10, 10]
    with pytest.raises(SpecError, match="'g' cannot be cut into folds: it has 3 groups, but each of 4 members holds out others"):
        group_folds(4, 0, table, "g", (), np.zeros(30, dtype=np.intp))


@pytest.mark.parametrize("members", [2, 5, 9])
@pytest.mark.parametrize("distinct", [12, 60, 1000])
def test_validation_is_later_than_training(members, distinct):
    time = RNG.integers(0, distinct, 400).astype(float)
    folds, start = time_folds(members, Table({"t": time}), "t", ())
    held_out = np.concatenate([fold.validation for fold in folds])
    assert len(set(held_out.tolist())) == len(held_out)
    for fold in folds:
        assert len(fold.validation)
        assert time[fold.training].max() < time[fold.validation].min()
        assert set(fold.training) == set(np.flatnonzero(time < time[fold.validation].min()))
    assert all((time[a.validation].max() < time[b.validation].min()) for a, b in pairwise(folds))
    assert time[folds[-1].validation].max() == time.max()
    assert start == f"{time[folds[0].validation].min():g}"
    if distinct == 1000:  # the later half, in equal parts
        assert abs(len(folds[0].training) - 200) < 3
        assert max(abs(len(fold.validation) - 200 / members) for fold in folds) < 6


def test_too_few_times():
    table = Table({"t": np.repeat([1.0, 2.0, 3.0], 10)})
    folds, _ = time_folds(2, table, "t", ())
    assert [(len(fold.training), len(fold.validation)) for fold in folds] == [(10, 10), (20, 10)]
    with pytest.raises(SpecError, match="'t' cannot be cut into blocks: it has 3 times, but 3 members need 4"):
        time_folds(3, table, "t", ())
    with pytest.raises(SpecError, match=r"2 members need 3(.|\n)*a column with more times"):
        time_folds(2, Table({"t": np.repeat([1.0, 2.0], 10)}), "t", ())  # fewer members are not possible
