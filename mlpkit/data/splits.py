"""Split into training and validation rows, at random with a generator of its own, or by a column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import texts
from mlpkit.data.table import Rows, Table
from mlpkit.errors import DataError
from mlpkit.spec import Split
from mlpkit.text.shown import counted

STREAM = 0x5917  # makes the split's generator independent of others with the same seed
PARTS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}


def split_by_column(table: Table, name: str) -> tuple[Rows, Rows]:
    """Return the training and the validation rows as given by a column; rows marked "test" are in neither.

    Raises
    ------
    DataError
        A value is missing or names no part, or no row is for training.
    """
    parts = []
    for row, text in enumerate(texts(table, name).tolist()):
        part = PARTS.get((text or "").strip().lower())
        if part is None:
            found = "no value" if text is None else repr(text)
            help = "write 'train', 'validation' or 'test' in each row"
            raise table.error(f"the column {name!r} has {found} in {table.place(row)}, which names no part of the split", row, help)
        parts.append(part)
    of_row = np.array(parts, dtype=object)
    training, validation = np.flatnonzero(of_row == "train"), np.flatnonzero(of_row == "validation")
    if not len(training):
        raise DataError(f"the column {name!r} marks no row for training", help="write 'train' in the rows to train on")
    return training, validation


def split_by_share(split: Split, seed: int, rows: int, strata: NDArray[np.intp] | None) -> tuple[Rows, Rows]:
    """Return the training and the validation rows, in order, drawn at random.

    Parameters
    ----------
    split : Split
        `validation` is the share, `stratify` turns strata on, and `seed` takes precedence over the argument `seed`.
    seed : int
    rows : int
    strata : array of int, shape (rows,), or None
        Class of each row. Each class keeps its share in both parts, by largest remainders. A class of one row is for training.

    Raises
    ------
    DataError
        There are too few rows for both parts.
    """
    rng = np.random.default_rng([seed if split.seed is None else split.seed, STREAM])
    if strata is None or not split.stratify:
        strata = np.zeros(rows, dtype=np.intp)
    counts = np.bincount(strata)
    wanted = min(max(1, round(rows * (split.validation or 0.0))), rows - 1)
    quotas = _quotas(counts, wanted)
    if quotas.sum() == 0:
        raise DataError(f"{counted(rows, 'row')} cannot be split", help="leave data.split out, or give more rows of each class")
    order = rng.permutation(rows)
    order = order[np.argsort(strata[order], kind="stable")]  # class by class, shuffled within each
    rank = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < np.repeat(quotas, counts)
    return np.sort(order[~chosen]), np.sort(order[chosen])


def _quotas(counts: NDArray[np.intp], wanted: int) -> NDArray[np.intp]:
    """Return the number of validation rows of each class: proportional, `wanted` in total, and never all rows of a class."""
    most = np.maximum(counts - 1, 0)
    exact = counts * (wanted / counts.sum())
    quotas: NDArray[np.intp] = np.minimum(np.floor(exact), most).astype(np.intp)
    by_remainder = np.argsort(quotas - exact, kind="stable")
    while left := min(wanted, most.sum()) - quotas.sum():
        free = by_remainder[quotas[by_remainder] < most[by_remainder]]
        quotas[free[:left]] += 1
    return quotas
