"""Split into training and validation rows: at random or by groups with a generator of its own, by time, or by a column."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import Codes, coded
from mlpkit.data.column_types import texts
from mlpkit.data.table import Rows, Table
from mlpkit.data.times import time_text, times
from mlpkit.errors import DataError, SpecError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.spec import Split
from mlpkit.text.shown import counted

STREAM = 0x5917  # makes the split's generator independent of others with the same seed
BLOCK = 2**20  # rows of an order that are looked at at once
DRAWS = 64  # random draws of groups, of which the one with the best shares is taken
PARTS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}


def split_by_column(table: Table, name: str) -> tuple[Rows, Rows, Rows]:
    """Return the training, the validation and the test rows as given by a column.

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
    training, validation, test = (np.flatnonzero(of_row == part) for part in ("train", "validation", "test"))
    if not len(training):
        raise DataError(f"the column {name!r} marks no row for training", help="write 'train' in the rows to train on")
    return training, validation, test


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
    chosen = _first_of_each(rng.permutation(rows), strata, quotas)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _first_of_each(order: Rows, strata: NDArray[np.intp], quotas: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return True for the first rows of each class in an order, as many as its quota."""
    chosen = np.zeros(len(order), bool)
    left = quotas.copy()
    for block in row_blocks(len(order), BLOCK):  # so that the memory does not grow with the rows
        rows = order[block]
        classes = strata[rows]
        counts = np.bincount(classes, minlength=len(quotas))
        by_class = np.argsort(classes, kind="stable")
        rank = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen[rows[by_class[rank < left[classes[by_class]]]]] = True
        left = np.maximum(left - counts, 0)
    return chosen


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


# -- groups


def split_by_group(
    split: Split, seed: int, table: Table, missing: Collection[str], strata: NDArray[np.intp] | None
) -> tuple[Rows, Rows, int, int]:
    """Return the training and the validation rows, in order, the number of groups, and that of groups for validation.

    Of some random draws, each with a number of rows as close to the share as its order of the groups allows, that one is taken which
    leaves the fewest classes without a training row, and of these the one with the most equal shares of the classes. A group of twice
    the wanted rows or more is drawn only if all are. The number of rows is less than the largest group away from the share. The
    groups that are drawn depend on the names and the rows of all groups, and not on the order of the rows.

    Parameters
    ----------
    split : Split
        `group` is the column, `validation` the share of the rows; see also `split_by_share`.
    seed : int
    table : Table
        The column.
    missing : collection of str
        Texts that stand for a missing value.
    strata : array of int, shape (rows,), or None
        Class of each row.

    Raises
    ------
    SpecError
        There is only one group.
    DataError
        A group is missing; names the row.
    """
    name, share = str(split.group), split.validation or 0.0
    codes, sizes = group_codes(table, name, missing)
    if len(sizes) < 2:
        problem = f"all {counted(table.rows, 'row')} are of one group, so none could be for validation"
        raise SpecError.at("data.split.group", f"the column {name!r} splits nothing: {problem}", "use a column with several values")
    if strata is None or not split.stratify:
        strata = np.zeros(table.rows, dtype=np.intp)
    counts = np.bincount(strata)
    pairs, rows = np.unique(codes.astype(np.intp) * len(counts) + strata, return_counts=True)
    of_group, of_class = np.divmod(pairs, len(counts))

    def badness(groups: NDArray[np.intp]) -> tuple[int, float]:
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[groups] = True
        taken = np.bincount(of_class, rows * chosen[of_group], len(counts))
        lost = (taken == counts) & (counts > 0)
        return int(lost.sum()), float(((taken - share * counts) ** 2 / np.maximum(counts, 1)).sum())

    rng = np.random.default_rng([seed if split.seed is None else split.seed, STREAM])
    best = min((_draw(sizes, share * table.rows, rng) for _ in range(DRAWS)), key=badness)
    chosen = np.isin(codes, best)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen), len(sizes), len(best)


# -- hashes


def hash_numbers(seed: int, table: Table, name: str, missing: Collection[str]) -> NDArray[np.float64]:
    """Return the hash of each row's value as a number of [0, 1): the first 8 bytes of the SHA-256 of "SEED:VALUE", over 2^64.

    Parameters
    ----------
    seed : int
    table : Table
        The column.
    name : str
    missing : collection of str
        Texts that stand for a missing value.

    Raises
    ------
    DataError
        A value is missing; names the row.
    """
    codes, found = group_texts(table, name, missing)
    digests = (hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest() for text in found)
    return np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])[codes]


def group_texts(table: Table, name: str, missing: Collection[str]) -> tuple[Codes, list[str]]:
    """Return the code of each row's value, and the text of each code. Raise DataError if one is missing."""
    column = table[name]
    if column.dtype == object or column.ndim == 2:
        codes, found = coded(texts(table, name))
    else:
        distinct, codes = np.unique(column, return_inverse=True)
        found = texts(Table({name: distinct}), name).tolist()
    absent = np.array([text is None or text in missing for text in found])[codes]
    if absent.any():
        row = int(absent.argmax())
        message = f"the column {name!r} has no value in {table.place(row)}, and a missing value is no group"
        raise table.error(message, row, "fill in the value, or remove the row")
    return codes, [str(text) for text in found]


def group_codes(table: Table, name: str, missing: Collection[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the group of each row, numbered in the order of their texts, and the rows of each. Raise DataError if one is missing."""
    codes, found = group_texts(table, name, missing)
    rank = np.empty(len(found), dtype=np.intp)
    rank[sorted(range(len(found)), key=lambda code: found[code])] = np.arange(len(found))
    return rank[codes], np.bincount(rank[codes])


def _draw(sizes: NDArray[np.intp], wanted: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return random groups, not all of them, with about the wanted number of rows."""
    order = rng.permutation(len(sizes))
    fitting = order[sizes[order] < 2 * wanted][: len(sizes) - 1]
    if not len(fitting):
        return order[[sizes[order].argmin()]]
    rows = np.cumsum(sizes[fitting])
    return fitting[: 1 + int(np.abs(rows - wanted).argmin())]


# -- time


def split_by_time(split: Split, table: Table, missing: Collection[str]) -> tuple[Rows, Rows, str]:
    """Return the training and the validation rows, in order, and the first time of validation rows.

    Every validation row is later than every training row, and rows of the same time are on one side. The number of validation rows is
    as close to the share as that allows.

    Parameters
    ----------
    split : Split
        `time` is the column, `validation` the share of the rows.
    table : Table
        The column.
    missing : collection of str
        Texts that stand for a missing value.

    Raises
    ------
    SpecError
        All rows are of the same time.
    DataError
        A time is missing or cannot be sorted; names the row.
    """
    name = str(split.time)
    found = times(table, name, missing)
    distinct, codes, counts = np.unique(found, return_inverse=True, return_counts=True)
    if len(distinct) < 2:
        problem = f"all {counted(table.rows, 'row')} are of the same time, so none are later than others"
        raise SpecError.at("data.split.time", f"the column {name!r} splits nothing: {problem}", "use a column with several values")
    later = table.rows - np.cumsum(counts[:-1])  # rows after each time but the last
    last = int(np.abs(later - (split.validation or 0.0) * table.rows).argmin())  # time of the last training rows
    training, validation = np.flatnonzero(codes <= last), np.flatnonzero(codes > last)
    return training, validation, time_text(table, name, int(validation[codes[validation].argmin()]))
