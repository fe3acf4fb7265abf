"""Split into training and validation rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.splits import split_by_column, split_by_share
from mlpkit.data.table import Table
from mlpkit.errors import DataError
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
    training, validation = split_by_column(table, "part")
    assert training.tolist() == [0, 1]
    assert validation.tolist() == [2, 3, 5]


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
