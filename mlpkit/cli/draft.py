"""Draft of a spec for a table: roles of the columns and a network that fits the size of the table. It trains without changes.

The rules are few and simple. Each choice is reported or written to the spec, which is meant to be edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlpkit.cli.class_imbalance import ClassImbalance, class_imbalance
from mlpkit.cli.column_roles import FEW_ROWS, ColumnRole, column_role, proposed_units
from mlpkit.cli.drafted_target import AskedTask, found_classes, target_classes, target_keys, with_metric
from mlpkit.cli.model_facts import listed
from mlpkit.cli.proposed_split import ProposedSplit, proposals
from mlpkit.cli.quality import Quality, network_keys
from mlpkit.errors import DataError, SpecError
from mlpkit.text.column_names import same_form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlpkit.data.table import Table
    from mlpkit.data.unit_detection import FoundNotation

SEED = 0
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
    from mlpkit.preprocessing import TargetEncoder
    from mlpkit.spec import Spec
    from mlpkit.spec.csv_options import MISSING

    target = same_form(target)
    if not target:
        raise DataError("the target's column has no name", help="name it in the file, or choose another column with --target")
    found, marks = _notations(table, target, (written or {}).get("decimal", "."))
    table = table.with_units({name: each.notation for name, each in found.items() if each.notation is not None})
    table, untargeted = _with_target(table, target, (*MISSING, *marks))
    classes = target_classes(table, target, task)
    split, rows = _split(table, target, classes, (*MISSING, *marks))
    training = table if split is None else table.take(rows)
    imbalance = ClassImbalance() if classes is None else _imbalance(table, target, classes, rows)
    data: dict[str, Any] = {"path": path, **(written or {}), "target": target} | ({"missing": list(marks)} if marks else {})
    data |= {"missing_target": "drop"} if untargeted else {}
    data |= target_keys(table, target, classes, task) | imbalance.data
    keys = network_keys(quality, table.rows, classes, time_budget)
    if split is not None and (split.columns or quality == "fast"):  # rotating folds need no share of the rows
        data["split"] = split.split if quality == "fast" else {key: split.split[key] for key in ("group", "time") if key in split.split}
    columns = _columns(table, training, target, set() if split is None else split.columns, (*MISSING, *marks), found)
    treatments = {column: role.treatment for column, role in columns.items() if role.treatment}
    treatments |= dict.fromkeys(sorted(split.columns), "ignore") if split is not None else {}  # holds also for another split
    used = {column for column, role in columns.items() if role.treatment != "ignore"} | ({target} if classes is None else set())
    data |= _units(found, used, data)
    spec = {"name": name, "seed": SEED, "data": data} | ({"preprocessing": {"columns": treatments}} if treatments else {})
    keys |= imbalance.keys
    spec |= keys if metric is None else with_metric(keys, metric, classes)
    for part in (table, training):
        TargetEncoder.fit(Spec.model_validate(spec), part.select([target]))  # raises the error if the target cannot be fitted
    left_out = {column: ColumnRole("", "ignore", "it has no name in the file") for column in sorted(table.unnamed) if column != target}
    left_out |= {} if split is None else {column: ColumnRole("", "ignore", f"it decides the {split.kind}") for column in split.columns}
    notes = [*imbalance.notes, *([] if split is None else split.notes)]
    return Draft(spec, _described(classes, found.get(target)), untargeted, marks, {**columns, **left_out}, notes)


def _units(found: Mapping[str, FoundNotation], used: set[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key `units` of `data` for the columns in use, if there are any."""
    units = {name: each.to_spec(data.get("decimal", ".")) for name, each in found.items() if name in used and each.notation is not None}
    return {"units": units} if units else {}


def _columns(
    table: Table, training: Table, target: str, split: set[str], missing: Sequence[str], found: Mapping[str, FoundNotation]
) -> dict[str, ColumnRole]:
    """Return the roles of the named columns except the target and that of the split. Raise DataError if all are left out."""
    names = [name for name in table.names if name not in {target, *split, *table.unnamed}]
    columns = {name: column_role(table, training, name, missing, found.get(name)) for name in names}
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
    from mlpkit.data.column_types import text_counts
    from mlpkit.data.decorated_numbers import marks
    from mlpkit.data.table import UnusableColumn
    from mlpkit.spec.csv_options import MISSING

    usable = [name for name, column in table.columns.items() if not isinstance(column, UnusableColumn)]
    texts = [name for name in usable if table[name].dtype == object and name not in {*table.declared, *table.unnamed}]
    counts = {name: text_counts(table[name], MISSING) for name in texts}
    found = proposed_units(counts, decimal)
    marked: dict[str, str] = {}
    for name in texts:
        own = found[name].marks if name in found else marks(counts[name]) if name != target else ()
        marked |= {mark: marked.get(mark, name) for mark in own}
    classes = counts[target] if target in counts and not (target in found and found[target].notation) else {}
    return found, {mark: name for mark, name in marked.items() if mark not in classes}


def _split(table: Table, target: str, classes: list[Any] | None, missing: Sequence[str]) -> tuple[ProposedSplit | None, NDArray[np.intp]]:
    """Return the split and the rows for training: all rows without a split if there are few, or if the target would be constant."""
    import numpy as np

    if table.rows >= FEW_ROWS:
        for proposed in proposals(table, target, missing):
            rows = _training_rows(table, target, classes, proposed, missing)
            if rows is not None:
                return proposed, rows
    return None, np.arange(table.rows)


def _imbalance(table: Table, target: str, classes: list[Any], training: NDArray[np.intp]) -> ClassImbalance:
    """Return the keys for the classes of a target, with the rows for training."""
    import numpy as np

    from mlpkit.preprocessing.labels import class_numbers

    found = found_classes(table, target, classes)
    return class_imbalance(found, class_numbers(table, target, found), np.setdiff1d(np.arange(table.rows), training))


def _training_rows(
    table: Table, target: str, classes: list[Any] | None, proposed: ProposedSplit, missing: Sequence[str]
) -> NDArray[np.intp] | None:
    """Return the rows for training, or None if they lack a class, their target is constant, or no other column is left."""
    import numpy as np

    from mlpkit.data.column_types import numbers
    from mlpkit.data.splits import split_by_group, split_by_share, split_by_time
    from mlpkit.preprocessing.labels import class_numbers
    from mlpkit.spec import Split

    if not set(table.names) - table.unnamed - proposed.columns - {target}:
        return None
    split = Split.model_validate(proposed.split)
    strata = None if classes is None else class_numbers(table, target, found_classes(table, target, classes))
    try:
        if split.group is not None:
            rows = split_by_group(split, SEED, table, missing, strata)[0]
        elif split.time is not None:
            rows = split_by_time(split, table, missing)[0]
        else:
            rows = split_by_share(split, SEED, table.rows, strata)[0]
    except (DataError, SpecError):
        return None
    found = numbers(table, target) if strata is None else strata
    few = len(np.unique(found[rows])) == 1 if strata is None else len(np.unique(found[rows])) < len(np.unique(found))
    return None if few else rows


def _described(classes: list[Any] | None, found: FoundNotation | None) -> str:
    written = f", such as {found.example!r}, read as {found.notation.read(found.example):g}" if found and found.notation else ""
    return f"numbers{written}" if classes is None else f"{len(classes)} classes ({listed(classes)})"
