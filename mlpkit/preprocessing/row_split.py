"""Split of raw rows into training and validation rows, or into the folds of an ensemble, as the spec or the call asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.table import StoredTable
from mlpkit.data.folds import Folds, group_folds, hash_folds, rotating_folds, time_folds
from mlpkit.data.shards import are_files
from mlpkit.data.splits import hash_numbers, split_by_column, split_by_group, split_by_share, split_by_time
from mlpkit.data.table import Rows, Table, missing_columns
from mlpkit.errors import DataError, SpecError
from mlpkit.preprocessing.labels import class_numbers, find_classes
from mlpkit.preprocessing.raw_rows import RawRows, Storage, own_path, read_rows
from mlpkit.preprocessing.soft_targets import is_soft, shares
from mlpkit.preprocessing.task import is_classes
from mlpkit.spec import Spec, Split
from mlpkit.spec.ensemble import FEWEST_FOLDS, member_seed

SplitFacts: TypeAlias = dict[str, Any]  # the column by its key, the numbers of groups and folds or the first time, and of test rows
TEST = 2**32  # makes the generator of test rows another one than that of validation rows


Part = Literal["training", "validation", "test"]
Parts: TypeAlias = tuple[Rows, Rows, Rows]  # numbers of the training, validation and test rows


def part_rows(spec: Spec, rows: RawRows, validation: Any) -> tuple[RawRows, RawRows | None, Folds, SplitFacts | None]:
    """Return training rows, validation rows, the folds of an ensemble that rotates, and facts. Errors are those of both kinds of split."""
    kept, facts = rows, None
    if (rest := without_test(spec, rows)) is not None:
        kept, facts = rows.take(rest), {"test_rows": rows.table.rows - len(rest)}
    if spec.rotates:
        folds, found = fold_rows(spec, kept, validation)
        return kept, None, folds, {**found, **(facts or {})}
    training, held_out, own = split_rows(spec, kept, validation)
    return training, held_out, (), {**own, **(facts or {})} if own is not None else facts


def without_test(spec: Spec, rows: RawRows) -> Rows | None:
    """Return the numbers of the rows that are no test rows, in order; None if the spec has no share of them.

    Raises
    ------
    SpecError, DataError
        The split does not fit the data.
    """
    split = spec.data.split
    if split is None or split.test is None:
        return None
    seed = spec.seed if split.seed is None else split.seed
    if split.hash is None:  # another generator than that of the validation rows
        chosen = split.model_copy(update={"validation": split.test, "seed": member_seed(seed, TEST)})
        return _by_share(spec, chosen, rows)[0]
    return np.flatnonzero(~_by_hash(spec, split, rows, 0.0, split.test))


def split_rows(spec: Spec, rows: RawRows, validation: Any) -> tuple[RawRows, RawRows | None, SplitFacts | None]:
    """Return training rows, validation rows, and facts about a split by groups or by time; `rows` has no test rows.

    Validation rows in the call, or those of `data.validation`, replace a split by share; all rows are then for training.

    Raises
    ------
    SpecError, DataError
        The split does not fit the data.
    """
    held_out = _given(spec, validation, rows.table)
    split = spec.data.split
    if split is None or (split.column is None and (held_out is not None or split.validation is None)):
        return rows, held_out, None
    if split.column is None:
        training, validating, facts = _validation(spec, split, rows)
        return rows.take(training), rows.take(validating), facts
    training, validating, _ = split_by_column(rows.table.select([split.column]), split.column)
    if held_out is None and not len(validating):
        raise DataError(f"the column {split.column!r} marks no row for validation", help="write 'validation' in some rows")
    return rows.take(training), held_out or rows.take(validating), None


def _validation(spec: Spec, split: Split, rows: RawRows) -> tuple[Rows, Rows, SplitFacts | None]:
    """Return training and validation rows among those that are left beside the test rows."""
    share, test = split.validation or 0.0, split.test or 0.0
    if split.hash is None:
        return _by_share(spec, split.model_copy(update={"validation": share / (1 - test)}) if test else split, rows)
    chosen = _by_hash(spec, split, rows, test, share)
    _check_classes(_strata(spec, rows.target), np.flatnonzero(~chosen), "hash")
    return np.flatnonzero(~chosen), np.flatnonzero(chosen), {"hash": split.hash}


def parts_of(spec: Spec, rows: RawRows) -> Parts:
    """Return the numbers of the training, validation and test rows of a spec among all of its rows.

    Raises
    ------
    SpecError, DataError
        The split does not fit the data.
    """
    split, everything = spec.data.split, np.arange(rows.table.rows)
    if split is None:
        return everything, everything[:0], everything[:0]
    if split.column is not None:
        return split_by_column(rows.table.select([split.column]), split.column)
    rest = without_test(spec, rows)
    kept = everything if rest is None else rest
    test = np.setdiff1d(everything, kept)
    if split.validation is None:
        return kept, everything[:0], test
    training, validating, _ = _validation(spec, split, rows if rest is None else rows.take(rest))
    return kept[training], kept[validating], test


def of_part(spec: Spec, rows: RawRows, part: Part) -> RawRows:
    """Return the training, validation or test rows of a spec among all of its rows. Raise DataError if there are none."""
    names = get_args(Part)
    if part not in names:
        raise DataError(f"there is no part {part!r}", help=f"use {', '.join(names)}")
    found = parts_of(spec, rows)[names.index(part)]
    if not len(found):
        raise DataError(f"the spec of the model holds out no {part} rows", help=f"leave the part out, or train with a share of {part} rows")
    return replace(rows.take(found), untargeted=rows.untargeted)


def _by_hash(spec: Spec, split: Split, rows: RawRows, start: float, share: float) -> NDArray[np.bool_]:
    """Return for each row if the hash of its value is in a range. Raise SpecError if all rows are on one side."""
    hashes = _hashes(spec, split, rows, spec.seed)
    chosen = (hashes >= start) & (hashes < start + share)
    if chosen.all() or not chosen.any():
        problem = f"the hashes of {split.hash!r} leave no row in one of the parts"
        raise SpecError.at("data.split.hash", problem, "use a column with more values, or other shares")
    return np.asarray(chosen)


def _hashes(spec: Spec, split: Split, rows: RawRows, seed: int) -> NDArray[np.float64]:
    name = str(split.hash)
    return hash_numbers(seed if split.seed is None else split.seed, _column(rows, name, "hash"), name, spec.data.missing)


def _by_share(spec: Spec, split: Split, rows: RawRows) -> tuple[Rows, Rows, SplitFacts | None]:
    """Return a share of the rows: whole groups, the latest, or any."""
    missing, strata = spec.data.missing, _strata(spec, rows.target)
    if split.group is not None:
        training, validating, groups, taken = split_by_group(split, spec.seed, _column(rows, split.group, "group"), missing, strata)
        _check_classes(strata, training, "group")
        return training, validating, {"group": split.group, "groups": groups, "validation_groups": taken}
    if split.time is not None:
        training, validating, start = split_by_time(split, _column(rows, split.time, "time"), missing)
        _check_classes(strata, training, "time")
        return training, validating, {"time": split.time, "from": start}
    return *split_by_share(split, spec.seed, rows.table.rows, strata), None


def fold_rows(spec: Spec, rows: RawRows, validation: Any) -> tuple[Folds, SplitFacts]:
    """Return the training and validation rows of each member of an ensemble that rotates, and facts about the folds.

    Raises
    ------
    SpecError, DataError
        The rows cannot be cut into the folds, a member would train on one class, or the call gives validation rows.
    """
    if validation is not None:
        help = "leave validation out, or set 'folds' to null"
        raise SpecError.at("ensemble.folds", "'rotate' takes the validation rows from the training rows, but the call gives others", help)
    members, split = 0 if spec.ensemble is None else spec.ensemble.members, spec.data.split or Split()
    return cut(spec, rows, members, spec.seed if split.seed is None else split.seed)


def cut(
    spec: Spec, rows: RawRows, members: int, seed: int, fewest: int = FEWEST_FOLDS, whose: str = "a member"
) -> tuple[Folds, SplitFacts]:
    """Return the training and validation rows of each of some networks, by the columns of the spec's split, and facts about the folds.

    Raises
    ------
    SpecError, DataError
        The rows cannot be cut into the folds, or one of the networks would train on one class.
    """
    split, missing, strata = spec.data.split or Split(), spec.data.missing, _strata(spec, rows.target)
    classes = np.zeros(rows.table.rows, dtype=np.intp) if strata is None or not split.stratify else strata
    facts: SplitFacts
    if split.group is not None:
        folds, count, groups = group_folds(members, seed, _column(rows, split.group, "group"), split.group, missing, classes, fewest)
        facts = {"group": split.group, "groups": groups, "folds": count}
    elif split.time is not None:
        folds, start = time_folds(members, _column(rows, split.time, "time"), split.time, missing)
        facts = {"time": split.time, "from": start, "folds": members}
    elif split.hash is not None:
        folds, count = hash_folds(members, _hashes(spec, split, rows, seed), split.hash, fewest)
        facts = {"hash": split.hash, "folds": count}
    else:
        folds, count = rotating_folds(members, seed, classes, fewest)
        facts = {"folds": count}
    if split.columns:
        for fold in folds:
            _check_classes(strata, fold.training, next(iter(split.columns)), whose)
    return folds, facts


def _check_classes(strata: NDArray[np.intp] | None, training: Rows, key: str, whose: str = "") -> None:
    """Raise SpecError if the training rows have one class, although the rows have several."""
    if strata is not None and len(np.unique(strata[training])) < 2 <= len(np.unique(strata)):
        help = "use another column, or fewer members" if whose else "use another column, or a smaller 'validation'"
        message = f"it leaves only one class in the training rows{' of ' if whose else ''}{whose}"
        raise SpecError.at(f"data.split.{key}", message, help)


def _column(rows: RawRows, name: str, key: str) -> Table:
    """Return the column of the split, read into memory. Raise SpecError if it does not exist."""
    if name not in rows.table:
        table = rows.table if rows.table.named else rows.table.separated()
        error = missing_columns([name], table.names, table.source)
        raise SpecError.at(f"data.split.{key}", error.message, error.help)
    return rows.table.select([name])


def _given(spec: Spec, validation: Any, training: Table | StoredTable) -> RawRows | None:
    """Return the validation rows that the call or the spec names; those of files are on disk if the training rows are."""
    if isinstance(validation, list) and not are_files(validation) and not all(isinstance(row, Mapping) for row in validation):
        raise DataError("validation is a list without targets", help="give a tuple: (inputs, targets)")
    if validation is None and spec.data.validation is not None and spec.has_paths:
        validation = own_path(spec, spec.data.validation)
    if validation is None:
        return None
    given = validation if isinstance(validation, tuple) else (validation, None)
    if len(given) not in (2, 3):
        raise DataError(f"validation has {len(given)} parts", help="give (inputs, targets) or (inputs, targets, weights)")
    source, targets, weights = (*given, None)[:3]
    storage: Storage = "memory" if spec.data.in_memory else "by spec" if are_files(source) else "disk"
    texts = training.texts if isinstance(training, StoredTable) else ()
    return read_rows(spec, source, targets, weights, part="validation", storage=storage, texts=texts)


def _strata(spec: Spec, target: Table) -> NDArray[np.intp] | None:
    """Return the class index of each row, or None if the target has no classes."""
    if is_soft(spec, target):
        return np.asarray(shares(target).argmax(axis=1))
    if not is_classes(spec, target) or target.width > 1:
        return None
    classes = find_classes(target, target.names[0], spec.data.target_type, fewest=1)  # `TargetEncoder.fit` knows how many it needs
    return class_numbers(target, target.names[0], classes)
