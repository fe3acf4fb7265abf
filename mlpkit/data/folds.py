"""Folds: the training and validation rows of each member of an ensemble, so that no row is held out twice."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.splits import STREAM, group_codes
from mlpkit.data.table import Rows, Table
from mlpkit.data.times import time_text, times
from mlpkit.errors import DataError, SpecError
from mlpkit.spec.ensemble import FEWEST_FOLDS
from mlpkit.text.shown import counted


class Fold(NamedTuple):
    """Rows of one member, each in order."""

    training: Rows
    validation: Rows


Folds = tuple[Fold, ...]


def rotating_folds(members: int, seed: int, strata: NDArray[np.intp], fewest: int = FEWEST_FOLDS) -> tuple[Folds, int]:
    """Return the rows of each member, and the number of folds: as many as members, at least `fewest`.

    The rows are shuffled, sorted by class, and dealt to the folds in turn. So the sizes of two folds, and their numbers of rows of a class,
    differ by at most 1.

    Parameters
    ----------
    members : int
        The first folds are held out, one by each member.
    seed : int
    strata : array of int, shape (rows,)
        Class of each row; 0 for all to leave classes out of account.
    fewest : int

    Raises
    ------
    DataError
        There are fewer rows than folds.
    """
    rows, count = len(strata), max(members, fewest)
    if rows < count:
        message = f"{counted(rows, 'row')} cannot be cut into {count} folds, one held out by each of {members} members"
        help = "give more rows, or remove 'ensemble'" if members <= FEWEST_FOLDS else "give more rows, or use fewer members"
        raise DataError(message, help=help)
    order = np.random.default_rng([seed, STREAM]).permutation(rows)
    order = order[np.argsort(strata[order], kind="stable")]
    fold_of = np.empty(rows, dtype=np.intp)
    fold_of[order] = np.arange(rows) % count
    return _held_out(fold_of, members), count


def group_folds(
    members: int, seed: int, table: Table, name: str, missing: Collection[str], strata: NDArray[np.intp], fewest: int = FEWEST_FOLDS
) -> tuple[Folds, int, int]:
    """Return the rows of each member, the number of folds, and the number of groups. Groups stay together.

    The groups, in random order and then by size, go one after the other to the fold in which they leave the shares of the classes most
    equal. There are as many folds as members, at least `fewest`, but not more than groups. The result does not depend on the order of the
    rows.

    Parameters
    ----------
    members, seed, strata, fewest
        See `rotating_folds`.
    table : Table
        The column `name`, with the group of each row.
    missing : collection of str
        Texts that stand for a missing value.

    Raises
    ------
    SpecError
        There are fewer groups than members.
    DataError
        A group is missing; names the row.
    """
    codes, sizes = group_codes(table, name, missing)
    if len(sizes) < members:
        problem = f"it has {counted(len(sizes), 'group')}, but each of {members} members holds out others"
        help = "use fewer members, or another column" if len(sizes) > 1 else "use a column with several values"
        raise SpecError.at("data.split.group", f"the column {name!r} cannot be cut into folds: {problem}", help)
    count, classes = min(max(members, fewest), len(sizes)), int(strata.max()) + 1
    rows = np.zeros((len(sizes), classes))
    np.add.at(rows, (codes, strata), 1.0)
    rows /= np.maximum(rows.sum(axis=0), 1.0)  # shares of the classes
    order = np.random.default_rng([seed, STREAM]).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    taken, fold_of_group = np.zeros((count, classes)), np.empty(len(sizes), dtype=np.intp)
    for place, group in enumerate(order.tolist()):
        empty = place >= len(order) - np.count_nonzero(~taken.any(axis=1))  # a fold must not stay without a group
        worse = ((taken + rows[group]) ** 2 - taken**2).sum(axis=1)
        fold = int(np.where(taken.any(axis=1), np.inf, worse).argmin() if empty else worse.argmin())
        taken[fold] += rows[group]
        fold_of_group[group] = fold
    return _held_out(fold_of_group[codes], members), count, len(sizes)


def hash_folds(members: int, hashes: NDArray[np.float64], name: str, fewest: int = FEWEST_FOLDS) -> tuple[Folds, int]:
    """Return the rows of each member, and the number of folds: as many as members, at least `fewest`. Rows of equal hashes stay together.

    Parameters
    ----------
    members : int
    hashes : array, shape (rows,)
        Numbers of [0, 1), of which each fold has an equal range.
    name : str
        Column of the values, for errors.
    fewest : int

    Raises
    ------
    SpecError
        A fold has no row.
    """
    count = max(members, fewest)
    fold_of = np.floor(hashes * count).astype(np.intp)
    if len(np.unique(fold_of)) < count:
        problem = f"the column {name!r} cannot be cut into {count} folds: one of them has no row"
        raise SpecError.at("data.split.hash", problem, "use fewer folds, or a column with more values")
    return _held_out(fold_of, members), count


def time_folds(members: int, table: Table, name: str, missing: Collection[str]) -> tuple[Folds, str]:
    """Return the rows of each member, and the first time of validation rows.

    The later half of the rows is cut into consecutive blocks, one for each member, which trains on all earlier rows. So every validation
    row is later than every training row of its member. Rows of the same time are in one block. The blocks have as equal numbers of rows
    as that allows.

    Parameters
    ----------
    members : int
    table : Table
        The column `name`, with the time of each row.
    missing : collection of str
        Texts that stand for a missing value.

    Raises
    ------
    SpecError
        There are too few different times.
    DataError
        A time is missing or cannot be sorted; names the row.
    """
    found = times(table, name, missing)
    distinct, codes, counts = np.unique(found, return_inverse=True, return_counts=True)
    if len(distinct) <= members:
        problem = f"it has {counted(len(distinct), 'time')}, but {members} members need {members + 1}, to train before they validate"
        help = "use fewer members, or another column" if len(distinct) > 2 else "use a column with more times"
        raise SpecError.at("data.split.time", f"the column {name!r} cannot be cut into blocks: {problem}", help)
    first = _block_starts(counts, members)
    last = [*first[1:], len(distinct)]
    folds = tuple(
        Fold(np.flatnonzero(codes < begin), np.flatnonzero((codes >= begin) & (codes < end)))
        for begin, end in zip(first, last, strict=True)
    )
    start = folds[0].validation
    return folds, time_text(table, name, int(start[codes[start].argmin()]))


def _block_starts(counts: NDArray[np.intp], members: int) -> list[int]:
    """Return the index of the first time of each block of the later half of the rows; `counts` are the rows of each time."""
    ends = np.cumsum(counts)  # rows up to each time
    wanted = ends[-1] * (0.5 + 0.5 * np.arange(members) / members)
    first: list[int] = (1 + np.abs(ends[:-1, None] - wanted).argmin(axis=0)).tolist()
    for member in range(1, members):
        first[member] = max(first[member], first[member - 1] + 1)
    limit = len(counts)
    for member in reversed(range(members)):
        first[member] = limit = min(first[member], limit - 1)
    return first


def _held_out(fold_of: NDArray[Any], members: int) -> Folds:
    return tuple(Fold(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in range(members))
