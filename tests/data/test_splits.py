"""Split into training and validation rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.splits import split_by_column, split_by_group, split_by_share, split_by_time
from mlpkit.data.table import Table
from mlpkit.errors import DataError, SpecError
from mlpkit.spec import Split

STRATA = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)
SHARES = st.floats(0.01, 0.99)


def share(value, **options):
    return Split.model_validate({"validation": value, **options})


@settings(deadline=None)
@given(STRATA, SHARES, st.integers(0, 2**63 - 1))
def test_a_stratified_split_is_fair(strata, value, seed):
    counts = np.bincount(strata)
    most = int(np.maximum(counts - 1, 0).sum())
    if most == 0:
        with pytest.raises(DataError, match="cannot be split"):
            split_by_share(share(value), seed, len(strata), strata)
        return
    training, validation = split_by_share(share(value), seed, len(strata), strata)
    assert sorted([*training, *validation]) == list(range(len(strata)))
    wanted = min(max(1, round(value * len(strata))), len(strata) - 1)
    assert len(validation) == min(wanted, most)
    assert set(strata[training]) == set(strata)  # every class trains
    if wanted <= most and (counts * wanted / len(strata) <= np.maximum(counts - 1, 0)).all():
        exact = counts * wanted / len(strata)  # no class is held back: each is within a row of its share
        assert (np.abs(np.bincount(strata[validation], minlength=len(counts)) - exact) < 1).all()


def test_largest_remainders():
    strata = np.repeat([0, 1, 2], [50, 33, 17])
    _, validation = split_by_share(share(0.15), 0, 100, strata)
    assert np.bincount(strata[validation]).tolist() == [7, 5, 3]  # 7.5, 4.95 and 2.55 of 15


@settings(deadline=None)
@given(st.integers(2, 200), SHARES, st.integers(0, 2**32))
def test_a_plain_split_has_the_right_size(rows, value, seed):
    training, validation = split_by_share(share(value), seed, rows, None)
    assert len(validation) == min(max(1, round(value * rows)), rows - 1)
    assert sorted([*training, *validation]) == list(range(rows))


def test_the_seed_decides():
    rows = 100
    first = split_by_share(share(0.3), 1, rows, None)[1].tolist()
    assert split_by_share(share(0.3), 1, rows, None)[1].tolist() == first
    assert split_by_share(share(0.3), 2, rows, None)[1].tolist() != first
    assert split_by_share(share(0.3, seed=1), 2, rows, None)[1].tolist() == first


def test_every_row_is_drawn_equally_often():
    strata = np.repeat([0, 1], [20, 10])
    drawn = np.zeros(30)
    for seed in range(2000):
        drawn[split_by_share(share(0.2), seed, 30, strata)[1]] += 1
    expected = 2000 * 0.2
    deviation = np.sqrt(2000 * 0.2 * 0.8)
    assert (np.abs(drawn - expected) < 4.5 * deviation).all()


def test_stratify_can_be_switched_off():
    strata = np.repeat([0, 1], [95, 5])
    drawn = [split_by_share(share(0.2, stratify=False), seed, 100, strata)[1] for seed in range(20)]
    assert len({int(strata[rows].sum()) for rows in drawn}) > 1


def test_global_random_state_is_left_alone():
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    split_by_share(share(0.3), 1, 10, None)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_one_row_cannot_be_split():
    with pytest.raises(DataError, match="1 row cannot be split"):
        split_by_share(share(0.5), 0, 1, None)


def test_split_by_a_column():
    table = Table({"part": ["train", " Training", "val", "validation", "test", "VALID"]})
    training, validation, test = split_by_column(table, "part")
    assert training.tolist() == [0, 1]
    assert validation.tolist() == [2, 3, 5]
    assert test.tolist() == [4]


BAD = {
    "another word": (["train", "dev"], "has 'dev' in row 1"),
    "a gap": (["train", None], "has no value in row 1"),
    "numbers": ([0, 1], "has '0' in row 0"),
    "no training": (["validation", "test"], "marks no row for training"),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_invalid_split_columns(values, message):
    with pytest.raises(DataError, match=message):
        split_by_column(Table({"part": values}), "part")


# -- groups

GROUPS = st.lists(st.integers(0, 12), min_size=2, max_size=80).filter(lambda groups: len(set(groups)) > 1).map(np.array)


def by_group(groups, value=0.2, of_spec=0, strata=None, **options):
    return split_by_group(share(value, group="g", **options), of_spec, Table({"g": groups}), (), strata)


@settings(deadline=None, max_examples=60)
@given(GROUPS, SHARES, st.integers(0, 2**63 - 1), st.integers(1, 4))
def test_no_group_is_on_both_sides_and_the_share_is_within_one_group(groups, value, seed, classes):
    strata = np.random.default_rng(seed).integers(0, classes, len(groups))
    training, validation, count, taken = by_group(groups, value, seed, strata)
    assert sorted([*training, *validation]) == list(range(len(groups)))
    assert not set(groups[training]) & set(groups[validation])
    assert (count, taken) == (len(set(groups)), len(set(groups[validation])))
    assert 0 < taken < count
    assert abs(len(validation) - value * len(groups)) < np.bincount(groups).max()


def test_the_seed_draws_the_groups_and_the_order_of_the_rows_does_not():
    rng = np.random.default_rng(0)
    groups, order = rng.integers(0, 30, 200), rng.permutation(200)

    def drawn(values, of_spec, **options):
        return set(np.asarray(values)[by_group(values, 0.2, of_spec, **options)[1]].astype(str))

    assert drawn(groups, 1) == drawn(groups, 1) == drawn(groups, 2, seed=1)
    assert drawn(groups, 1) != drawn(groups, 2)
    assert drawn(groups[order], 1) == drawn(groups, 1)
    assert drawn(groups.astype(str).tolist(), 1) == drawn(groups, 1)  # as read from a CSV file


def test_stratified_groups_have_shares_closer_to_those_of_all_rows():
    rng = np.random.default_rng(0)
    distances = {True: [], False: []}
    for seed in range(40):
        groups = rng.integers(0, 40, 300)
        strata = (rng.random(300) < rng.random(40)[groups]).astype(int) + (groups % 3 == 0)
        for stratify, found in distances.items():
            validation = by_group(groups, 0.2, seed, strata, stratify=stratify)[1]
            counts = np.bincount(strata)
            found.append(np.abs(np.bincount(strata[validation], minlength=len(counts)) / counts - 0.2).mean())
    assert np.mean(distances[True]) < 0.5 * np.mean(distances[False])
    assert np.mean(np.array(distances[True]) < distances[False]) > 0.8


def test_every_class_trains_if_the_groups_allow_it():
    groups = np.repeat(np.arange(10), 10)
    strata = (groups < 2).astype(int)  # the second class is in two groups
    for seed in range(30):
        training, validation, _, _ = by_group(groups, 0.4, seed, strata)
        assert set(strata[training]) == {0, 1}
        assert len(validation) == 40


def test_a_group_of_most_rows_trains():
    groups = np.array([0] * 70 + [1] * 20 + [2] * 10)
    for seed in range(20):
        assert 0 in groups[by_group(groups, 0.2, seed)[0]]
    assert len(by_group(np.array(["a"] * 99 + ["b"]), 0.2)[1]) == 1


@pytest.mark.parametrize(
    "values", [["a", "b", "b"], [1, 2, 2], [True, False, False], np.array(["2024-01-01"] * 2 + ["2024-01-02"], "M8[D]")]
)
def test_groups_of_any_type(values):
    training, validation, count, taken = by_group(values)
    assert (count, taken, len(training), len(validation)) == (2, 1, 2, 1)


def test_groups_that_cannot_be_split():
    with pytest.raises(SpecError, match="all 3 rows are of one group") as caught:
        by_group(["a", "a", "a"])
    assert caught.value.problems[0].path == "data.split.group"
    for values in (["a", None, "b"], [1.0, np.nan, 2.0], np.array(["2024-01-01", "NaT", "2024-01-02"], "M8[D]")):
        with pytest.raises(DataError, match="no value in row 1, and a missing value is no group"):
            by_group(values)
    with pytest.raises(DataError, match="2 values per row"):
        by_group(np.ones((3, 2)))


# -- time


def by_time(times, value=0.2):
    return split_by_time(share(value, time="t"), Table({"t": times}), ())


@settings(deadline=None, max_examples=60)
@given(GROUPS, SHARES)
def test_validation_rows_are_later_and_ties_stay_together(times, value):
    training, validation, start = by_time(times, value)
    assert sorted([*training, *validation]) == list(range(len(times)))
    assert times[training].max() < times[validation].min() == int(start)
    later = [int((times > time).sum()) for time in set(times)]
    wanted = value * len(times)
    assert abs(len(validation) - wanted) == min(abs(rows - wanted) for rows in later if rows)


def test_all_rows_of_one_time_cannot_be_split():
    with pytest.raises(SpecError, match="all 2 rows are of the same time") as caught:
        by_time(["2024-01-01", "2024-01-01T00:00"])
    assert caught.value.problems[0].path == "data.split.time"
