"""Draft of a spec for a table: roles of the columns and a network that fits the size of the table. It trains without changes.

The rules are few and simple. Each choice is reported or written to the spec, which is meant to be edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mlpkit.cli.class_imbalance import ClassImbalance, class_imbalance
from mlpkit.cli.column_roles import FEW_ROWS, ColumnRole, column_role
from mlpkit.cli.drafted_target import AskedTask, found_classes, target_classes, target_keys, with_metric
from mlpkit.cli.model_facts import listed
from mlpkit.cli.proposed_rows import SEED, proposed_rows
from mlpkit.cli.quality import Quality, few_rows_note, members_of, network_keys
from mlpkit.errors import DataError
from mlpkit.text.column_names import same_form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlpkit.cli.proposed_split import ProposedSplit
    from mlpkit.data.table import Table
    from mlpkit.data.unit_detection import FoundNotation

XOR_DATA = "a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"
XOR: dict[str, Any] = {
    "name": "xor",
    "data": {"path": "xor.csv", "target": "xor"},
    "network": {"layers": [{"units": 8, "activation": "tanh"}, {"activation": "sigmoid"}]},
    "loss": "binary_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "training": {"epochs": 500, "batch_size": None},
    "metrics": ["accuracy"],
}


@dataclass(frozen=True)
class Draft:
    """Drafted spec and the roles of its columns.

    Attributes
    ----------
    spec : dict
        JSON values.
    target : str
        Short description of the target.
    untargeted : int
        Number of rows that are left out because their target is missing.
    marks : mapping of str to str
        Texts that stand for a missing value, each with a column that contains it.
    columns : mapping of str to ColumnRole
        Roles of the inputs.
    notes : list of str
        Lines about the split and about a rare class.
    """

    spec: dict[str, Any]
    target: str
    untargeted: int
    marks: Mapping[str, str]
    columns: Mapping[str, ColumnRole]
    notes: Sequence[str] = ()

    @property
    def ignored(self) -> dict[str, str]:
        """Reasons for columns that are left out."""
        return {name: found.reason for name, found in self.columns.items() if found.treatment == "ignore"}


def draft(
    table: Table,
    target: str,
    path: str,
    name: str,
    written: Mapping[str, Any] | None = None,
    task: AskedTask | None = None,
    metric: str | None = None,
    quality: Quality = "good",
    time_budget: float | None = None,
) -> Draft:
    """Return a spec that predicts a column of a table from the others and can be trained.

    Parameters
    ----------
    table : Table
    target : str
    path : str
        Path of the data for the spec.
    name : str
        Name of the model.
    written : mapping, optional
        Keys of `data` with the dialect of the file.
    task : {"classification", "regression"}, optional
        The default follows from the values of the target.
    metric : str, optional
        First metric, which early stopping monitors.
    quality : {"fast", "good", "best"}
        Size of the model.
    time_budget : float, optional
        Seconds after which training ends.

    Raises
    ------
    DataError
        The target cannot be predicted, or no other column can be used.
    """
    target = same_form(target)
    if not target:
        raise DataError("the target's column has no name", help="name it in the file, or choose another column with --target")
    given = {"path": path, **(written or {}), "target": target}
    read = _readable(table, target, given.get("decimal", "."))
    classes = target_classes(read.table, target, task)
    rows = proposed_rows(read.table, target, classes, read.missing, members_of(quality, read.table.rows))
    imbalance = ClassImbalance() if classes is None else _imbalance(read.table, target, classes, rows.validation)
    training = read.table.take(rows.training) if len(rows.training) < read.table.rows else read.table
    columns = _columns(read, training, target, rows.split)
    data = _data(given, read, target_keys(read.table, target, classes, task) | imbalance.data, rows.split)
    data |= _units(read.notations, columns, target if classes is None else None, data)
    keys = network_keys(quality, read.table.rows, classes, rows, time_budget) | imbalance.keys
    keys = keys if metric is None else with_metric(keys, metric, classes)
    spec = {"name": name, "seed": SEED, "data": data, **_preprocessing(columns, rows.split), **keys}
    _check_target(spec, target, (read.table, training))
    notes = [*imbalance.notes, *rows.split.notes, *([few_rows_note(read.table.rows)] if read.table.rows < FEW_ROWS else [])]
    columns |= _left_out(read.table, target, rows.split)
    return Draft(spec, _described(classes, read.notations.get(target)), read.untargeted, read.marks, columns, notes)


class _Readable(NamedTuple):
    """Table as the drafted spec reads it.

    Attributes
    ----------
    table : Table
        Rows that have a target, with the notations of their columns.
    untargeted : int
        Number of the other rows.
    notations : mapping of str to FoundNotation
        Notation of a column of texts, or the reason why its numbers cannot be read.
    marks : mapping of str to str
        Texts that stand for missing values besides the usual ones, each with a column.
    missing : tuple of str
        All texts that stand for missing values.
    """

    table: Table
    untargeted: int
    notations: Mapping[str, FoundNotation]
    marks: Mapping[str, str]
    missing: tuple[str, ...]


def _readable(table: Table, target: str, decimal: Literal[".", ","]) -> _Readable:
    """Return the table as the spec reads it. Raise DataError if no row has a target."""
    from mlpkit.spec.csv_options import MISSING

    found, marks = _notations(table, target, decimal)
    missing = (*MISSING, *marks)
    table = table.with_units({name: each.notation for name, each in found.items() if each.notation is not None})
    return _Readable(*_with_target(table, target, missing), found, marks, missing)


def _data(given: Mapping[str, Any], read: _Readable, of_target: Mapping[str, Any], split: ProposedSplit) -> dict[str, Any]:
    """Return the key `data` of a spec without `units`: the given keys, and those for missing values, the target and the split."""
    missing: dict[str, Any] = {"missing": list(read.marks)} if read.marks else {}
    missing |= {"missing_target": "drop"} if read.untargeted else {}
    return {**given, **missing, **of_target, **({"split": split.split} if split.split else {})}


def _units(
    found: Mapping[str, FoundNotation], columns: Mapping[str, ColumnRole], target: str | None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the key `units` of `data` for the inputs and a target of numbers, if some have a notation."""
    used = {name for name, role in columns.items() if role.treatment != "ignore"} | {target}
    units = {name: each.to_spec(data.get("decimal", ".")) for name, each in found.items() if name in used and each.notation is not None}
    return {"units": units} if units else {}


def _preprocessing(columns: Mapping[str, ColumnRole], split: ProposedSplit) -> dict[str, Any]:
    """Return the key `preprocessing` of a spec, if a column has a treatment of its own."""
    treatments = {name: role.treatment for name, role in columns.items() if role.treatment}
    treatments |= dict.fromkeys(sorted(split.columns), "ignore")  # holds also for another split
    return {"preprocessing": {"columns": treatments}} if treatments else {}


def _left_out(table: Table, target: str, split: ProposedSplit) -> dict[str, ColumnRole]:
    """Return the roles of columns that cannot be inputs: those without a name, and those that decide the split."""
    unnamed = {name: ColumnRole("", "ignore", "it has no name in the file") for name in sorted(table.unnamed) if name != target}
    return unnamed | {name: ColumnRole("", "ignore", f"it decides the {split.kind}") for name in split.columns}


def _check_target(spec: Mapping[str, Any], target: str, tables: Sequence[Table]) -> None:
    """Raise the error of a target that cannot be fitted on one of the tables."""
    from mlpkit.preprocessing import TargetEncoder
    from mlpkit.spec import Spec

    valid = Spec.model_validate(spec)
    for table in tables:
        TargetEncoder.fit(valid, table.select([target]))


def _columns(read: _Readable, training: Table, target: str, split: ProposedSplit) -> dict[str, ColumnRole]:
    """Return the roles of the named columns except the target and that of the split. Raise DataError if all are left out."""
    names = [name for name in read.table.names if name not in {target, *split.columns, *read.table.unnamed}]
    columns = {name: column_role(read.table, training, name, read.missing, read.notations.get(name)) for name in names}
    if all(role.treatment == "ignore" for role in columns.values()):
        reasons = "; ".join(f"{name}: {role.reason}" for name, role in columns.items())
        raise DataError(f"no column can be used to predict {target!r}", help=reasons or "give more columns")
    return columns


def _with_target(table: Table, target: str, marks: Sequence[str]) -> tuple[Table, int]:
    """Return the rows that have a target, and the number of rows without one."""
    import numpy as np

    from mlpkit.preprocessing.labels import missing_targets

    missing = missing_targets(table.select([target]), missing=marks)
    if missing.all():
        raise DataError(f"the target {target!r} is missing in every row", help="choose another column with --target")
    return (table.take(np.flatnonzero(~missing)), int(missing.sum())) if missing.any() else (table, 0)


def _notations(table: Table, target: str, decimal: Literal[".", ","]) -> tuple[dict[str, FoundNotation], dict[str, str]]:
    """Return the notations of columns of texts, and texts that stand for missing values in columns of numbers, each with a column.

    Classes of the target stand for no missing values.
    """
    from mlpkit.data.column_types import has_numbers, text_counts
    from mlpkit.data.decorated_numbers import marks
    from mlpkit.data.table import UnusableColumn
    from mlpkit.data.unit_detection import find_notation
    from mlpkit.spec.csv_options import MISSING

    usable = [name for name, column in table.columns.items() if not isinstance(column, UnusableColumn)]
    columns = [name for name in usable if table[name].dtype == object and name not in {*table.declared, *table.unnamed}]
    counts = {name: text_counts(table[name], MISSING) for name in columns if not has_numbers(table, name, MISSING)}
    found = {name: each for name, own in counts.items() if (each := find_notation(own, decimal)) is not None}
    marked: dict[str, str] = {}
    for name, texts in counts.items():
        own = found[name].marks if name in found else marks(texts) if name != target else ()
        marked |= {mark: marked.get(mark, name) for mark in own}
    classes = counts[target] if target in counts and not (target in found and found[target].notation) else {}
    return found, {mark: name for mark, name in marked.items() if mark not in classes}


def _imbalance(table: Table, target: str, classes: list[Any], validation: NDArray[np.intp]) -> ClassImbalance:
    """Return the keys for the classes of a target, with the rows that are held out."""
    from mlpkit.preprocessing.labels import class_numbers

    found = found_classes(table, target, classes)
    return class_imbalance(found, class_numbers(table, target, found), validation)


def _described(classes: list[Any] | None, found: FoundNotation | None) -> str:
    written = f", such as {found.example!r}, read as {found.notation.read(found.example):g}" if found and found.notation else ""
    return f"numbers{written}" if classes is None else f"{len(classes)} classes ({listed(classes)})"
