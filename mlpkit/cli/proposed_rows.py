"""Training and validation rows of the split or of the rotating folds in the spec that `mlpkit init` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlpkit.cli.column_roles import FEW_ROWS
from mlpkit.cli.drafted_target import found_classes
from mlpkit.cli.proposed_split import ProposedSplit, proposals
from mlpkit.errors import DataError, SpecError
from mlpkit.text.shown import shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlpkit.data.folds import Folds
    from mlpkit.data.table import Table

SEED = 0
UNSPLIT = "no rows are held out for validation, because those left for training would lack a value of the target"


@dataclass(frozen=True)
class ProposedRows:
    """Rows of a table by their use.

    Attributes
    ----------
    split : ProposedSplit
        Without keys and columns if all rows are for training, or for rotating folds at random.
    training : array of int
        Training rows of the network, or those of a member of the ensemble with as many values of the target as any.
    validation : array of int
        Rows that are held out: with rotating folds those of all members.
    members : int
        Members of the ensemble; 1: a single network.
    """

    split: ProposedSplit
    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    members: int


def proposed_rows(table: Table, target: str, classes: list[Any] | None, missing: Sequence[str], members: int) -> ProposedRows:
    """Return the rows by the first split that leaves enough to train on: all for training if there is none, or if there are few rows.

    An ensemble has fewer members than asked for if there are fewer groups or times.
    """
    import numpy as np

    from mlpkit.data.column_types import numbers
    from mlpkit.preprocessing.labels import class_numbers

    every = np.arange(table.rows)
    if table.rows < FEW_ROWS:
        return ProposedRows(ProposedSplit({}, []), every, every[:0], members)
    strata = None if classes is None else class_numbers(table, target, found_classes(table, target, classes))
    values = numbers(table, target) if strata is None else strata
    for proposed in proposals(table, target, missing, rotates=members > 1):
        if proposed.columns and not set(table.names) - table.unnamed - proposed.columns - {target}:
            continue  # no other column is left
        if members > 1:
            folds = _folds(table, values, strata, proposed, missing, members)
            if folds is not None:
                most = max(reversed(folds), key=lambda fold: len(np.unique(values[fold.training])))
                return ProposedRows(_noted(proposed, len(folds), members), most.training, _held_out(folds), len(folds))
        elif (training := _training_rows(table, values, strata, proposed, missing)) is not None:
            return ProposedRows(proposed, training, np.setdiff1d(every, training), 1)
    return ProposedRows(ProposedSplit({}, [UNSPLIT]), every, every[:0], 1)


def _noted(proposed: ProposedSplit, members: int, asked: int) -> ProposedSplit:
    """Return a split with a note about an ensemble of fewer members."""
    if members == asked:
        return proposed
    (column,) = proposed.columns
    note = f"{members} members instead of {asked}, because each holds out other values of {shortened(column, 60)}"
    return replace(proposed, notes=[*proposed.notes, note])


def _training_rows(
    table: Table, values: NDArray[Any], strata: NDArray[np.intp] | None, proposed: ProposedSplit, missing: Sequence[str]
) -> NDArray[np.intp] | None:
    """Return the rows for training, or None if they lack a class, or if their target is constant."""
    import numpy as np

    from mlpkit.data.splits import split_by_group, split_by_share, split_by_time
    from mlpkit.spec import Split

    split = Split.model_validate(proposed.split)
    try:
        if split.group is not None:
            rows = split_by_group(split, SEED, table, missing, strata)[0]
        elif split.time is not None:
            rows = split_by_time(split, table, missing)[0]
        else:
            rows = split_by_share(split, SEED, table.rows, strata)[0]
    except (DataError, SpecError):
        return None
    found = len(np.unique(values[rows]))
    return None if found < (2 if strata is None else len(np.unique(strata))) else rows


def _folds(
    table: Table, values: NDArray[Any], strata: NDArray[np.intp] | None, proposed: ProposedSplit, missing: Sequence[str], members: int
) -> Folds | None:
    """Return the folds of an ensemble, or None if by group or time a member had a constant target, or if half of them lacked a class."""
    import numpy as np

    from mlpkit.data.folds import group_folds, rotating_folds, time_folds
    from mlpkit.data.splits import group_codes
    from mlpkit.data.times import times

    group, time = proposed.split.get("group"), proposed.split.get("time")
    classes = np.zeros(table.rows, dtype=np.intp) if strata is None else strata
    if group is not None:
        fewer = min(members, len(group_codes(table, group, missing)[1]))
        folds = group_folds(fewer, SEED, table, group, missing, classes)[0]
    elif time is not None:
        fewer = min(members, len(np.unique(times(table, time, missing))) - 1)
        folds = time_folds(fewer, table, time, missing)[0]
    else:
        return rotating_folds(members, SEED, classes)[0]
    found = [np.unique(values[fold.training]) for fold in folds]
    if any(len(own) < 2 for own in found):
        return None
    if strata is not None and (2 * np.bincount(np.concatenate(found), minlength=strata.max() + 1) <= len(folds)).any():
        return None
    return folds


def _held_out(folds: Folds) -> NDArray[np.intp]:
    """Return the rows that the members hold out, in order."""
    import numpy as np

    return np.sort(np.concatenate([fold.validation for fold in folds]))
