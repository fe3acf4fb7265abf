"""The split in the spec that `mlpkit init` writes: by group for repeated ids, by time for rows in order of time, else at random."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpkit.errors import DataError
from mlpkit.text.shown import counted, shortened

if TYPE_CHECKING:
    from mlpkit.data.table import Table

VALIDATION = 0.2  # share of the validation rows
FEW_VALUES = 5  # ids with fewer values are categories, and dates with fewer are no series
PER_VALUE = 2  # rows of each id on average
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
IDS = {"id", "uid", "uuid", "guid"}
SUFFIXES = IDS | {"no", "nr", "num", "number", "name", "key", "code"}
ENTITIES = (  # names of columns of ids without a suffix; not those of kinds, such as animal or company
    *("patient", "subject", "participant", "respondent", "person", "user", "customer", "client", "member", "player", "donor", "driver"),
    *("student", "pupil", "child", "employee", "household", "account", "session", "speaker", "writer", "group"),
)


@dataclass(frozen=True)
class ProposedSplit:
    """Split of a spec.

    Attributes
    ----------
    split : dict
        JSON values of `data.split`.
    notes : list of str
        Lines that say why, and how to change it.
    """

    split: dict[str, Any]
    notes: list[str]

    @property
    def kind(self) -> str:
        """Kind of the split, such as "split by group"."""
        return next((f"split by {key}" for key in ("group", "time") if key in self.split), "split at random")

    @property
    def columns(self) -> set[str]:
        """Columns that decide the split, which are no inputs."""
        return {self.split[key] for key in ("group", "time") if key in self.split}


def proposals(table: Table, target: str, missing: Sequence[str], *, rotates: bool) -> Iterator[ProposedSplit]:
    """Yield splits of a table, the one that fits best first. The last is at random. Those of rotating folds have no share of the rows."""
    names = [name for name in table.names if name != target and name not in table.unnamed]
    ids = sorted((name for name in names if _repeats(table, name, missing)), key=_rank)
    dates = {name: _in_order(table, name) for name in names if _is_time(table, name, missing)}
    ordered = [name for name, in_order in dates.items() if in_order]
    group, time = next(iter(ids), None), next(iter(ordered or dates), None)
    share: dict[str, Any] = {} if rotates else {"validation": VALIDATION}
    notes = []
    if group is not None:
        notes.append(_group_note(table, group, missing, ids[1:], share))
    if time is not None:
        notes.append(_time_note(time, share, written=group is None and bool(ordered)))
    if group is not None:
        yield ProposedSplit({**share, "group": group}, notes)
    elif ordered:
        yield ProposedSplit({**share, "time": ordered[0]}, notes)
    refused = group or next(iter(ordered), None)
    at_random = f"split at random, because a split by {shortened(refused or '', 60)} leaves too little to train on"
    yield ProposedSplit(share, notes if refused is None else [at_random])


def words(name: str) -> list[str]:
    """Return the words of a column's name in lower case; "customerID" has two."""
    return [word.lower() for word in WORDS.findall(name)]


def _rank(name: str) -> int:
    """Return the place of a name of ids: that of a person before others, and that of an unknown thing last."""
    first = words(name)[0]
    return ENTITIES.index(first) if first in ENTITIES else len(ENTITIES)


def is_id(name: str) -> bool:
    """Return True for names such as id, patient, user_id, customerID and subject no."""
    found = words(name)
    if not found:
        return False
    stem = found[:-1] if found[-1] in SUFFIXES else found
    return found[-1] in IDS or (len(stem) == 1 and stem[0].removesuffix("s") in ENTITIES)


def _repeats(table: Table, name: str, missing: Sequence[str]) -> bool:
    """Return True for a column of ids that repeat and of which none is missing."""
    if not is_id(name) or _has_fractions(table, name, missing):
        return False
    try:
        count = _values(table, name, missing)
    except DataError:
        return False
    return count >= FEW_VALUES and table.rows >= PER_VALUE * count


def _values(table: Table, name: str, missing: Sequence[str]) -> int:
    """Return the number of different ids. Raise DataError if one is missing."""
    from mlpkit.data.splits import group_codes

    return len(group_codes(table, name, missing)[1])


def _has_fractions(table: Table, name: str, missing: Sequence[str]) -> bool:
    from mlpkit.data.column_types import numbers

    try:
        return bool((numbers(table, name, missing) % 1 > 0).any())
    except DataError:  # texts
        return False


def _is_time(table: Table, name: str, missing: Sequence[str]) -> bool:
    """Return True for a column of dates, none of them missing, with several values."""
    import numpy as np

    from mlpkit.data.column_types import has_numbers
    from mlpkit.data.times import has_dates, times

    try:
        return (
            not has_numbers(table, name, missing) and has_dates(table[name]) and len(np.unique(times(table, name, missing))) >= FEW_VALUES
        )
    except DataError:
        return False


def _in_order(table: Table, name: str) -> bool:
    """Return True if the rows are in order of time, the earliest or the latest first."""
    from mlpkit.data.times import times

    found = times(table, name)
    return bool((found[1:] >= found[:-1]).all() or (found[1:] <= found[:-1]).all())


def _setting(share: dict[str, Any], **keys: str) -> str:
    return f'"split": {json.dumps({**share, **keys} or None, ensure_ascii=False)}'


def _group_note(table: Table, name: str, missing: Sequence[str], others: Sequence[str], share: dict[str, Any]) -> str:
    found = counted(_values(table, name, missing), "value")
    why = "with rows of one of them on both sides, the validation rows would look easier than new ones are"
    also = f"; {', '.join(shortened(other, 60) for other in others)} repeat too" if others else ""
    shown = shortened(name, 60)
    return f"split by group: {shown} has {found} in {table.rows} rows, and {why}{also}; to split at random instead, set {_setting(share)}"


def _time_note(name: str, share: dict[str, Any], *, written: bool) -> str:
    shown = shortened(name, 60)
    why = "a model that predicts the future has to be measured on rows later than those it was trained on"
    if written:
        return f"split by time: the rows are in order of {shown}, and {why}; to split at random instead, set {_setting(share)}"
    return f"{shown} has dates: {why}; to split by time, set {_setting(share, time=name)}"
