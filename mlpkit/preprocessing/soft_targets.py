"""Soft targets: the probability of each class in a column of its own. `data.classes` names the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table, column_width
from mlpkit.errors import DataError, PluginError, SpecError
from mlpkit.plugin import REGISTRIES, plugin_name
from mlpkit.plugin.registry import PluginInfo
from mlpkit.preprocessing.class_options import label_array, ordered_classes
from mlpkit.preprocessing.labels import Labels
from mlpkit.preprocessing.target_numbers import labels_of, values_of
from mlpkit.preprocessing.task import is_classes
from mlpkit.spec import Spec
from mlpkit.spec.class_labels import label_text
from mlpkit.text.column_names import same_form
from mlpkit.text.shown import counted, first_few

PREDICTED = "class"  # name of the predicted column if the target has several
TOLERANCE = 0.01 + 1e-9  # of the sum of a row: probabilities may be rounded
ADVICE = "give the probability of each class, from 0 to 1; or, for labels, one column"


def is_soft(spec: Spec, table: Table) -> bool:
    """Return True if the target has the probabilities of the classes that the spec lists. Errors are those of `is_classes`."""
    return spec.data.classes is not None and table.width > 1 and is_classes(spec, table)


def check_loss(spec: Spec) -> None:
    """Raise an error if the loss does not accept probabilities of classes."""
    loss = spec.loss
    if loss.soft_targets or loss.targets == "numbers":
        return
    known = [info.name for info in REGISTRIES["losses"].installed() if _takes_probabilities(info)]
    message = f"{plugin_name(loss)} does not accept several columns of probabilities, one for each class"
    help = f"use one of {', '.join(known)}; or give one column of classes"
    if spec.data.classes is None:
        raise DataError(message, help=help)
    labels = "; or remove it, if each column is a label of its own" if loss.targets == "binary" else ""
    raise SpecError.at("data.classes", message, help + labels)


def _takes_probabilities(info: PluginInfo) -> bool:
    """Return True for a loss of classes that declares `soft_targets`; False for a broken plugin."""
    try:
        return bool(REGISTRIES["losses"].get(info.full_name).soft_targets)
    except PluginError:
        return False


def class_columns(spec: Spec, table: Table, part: str) -> Table:
    """Return a target with the columns of probabilities in the order of the model's classes; another target as it is.

    Parameters
    ----------
    spec : Spec
        Columns that have the labels of `data.classes` as names are matched by name, others by position.
    table : Table
        Target columns.
    part : {"training", "validation", "given"}
        Use of the rows, for errors.

    Raises
    ------
    SpecError
        The loss accepts no probabilities, or the number of training columns is not that of the classes.
    DataError
        The number of other columns is not that of the classes, or some names are labels and others not.
    """
    if spec.data.classes is None or not is_soft(spec, table):
        return table
    check_loss(spec)
    listed = label_array(spec.data.classes)
    if table.width != len(listed):
        message = f"{len(listed)} classes, but the target has {counted(table.width, 'column')} of probabilities"
        help = "give one column for each class"
        if part == "training":
            raise SpecError.at("data.classes", f"it lists {message}", help)
        raise DataError(f"the model has {message}", help=f"{help}, or one column of labels")
    found = matched(table, listed.tolist())
    return found if ordered_classes(spec.data, listed, PREDICTED)[0] == listed[0] else _reversed(found)


def _reversed(table: Table) -> Table:
    """Return the columns of two classes in the other order."""
    if len(table.names) == 2:
        return table.select(reversed(table.names))
    block = table[table.names[0]]
    part = table.select(table.names)
    part.columns = {name: block[:, index] for index, name in reversed(list(enumerate(labels_of(table))))}
    part.ambiguous = dict.fromkeys(part.columns, "")
    return part


def names_by_label(table: Table, labels: Sequence[Any]) -> list[str | None]:
    """Return the column that is named by each label, or None for a label without one. An array has no names."""
    names = set(table.names) if table.named else set()
    forms = [[same_form(text) for text in (label_text(label), str(label))] for label in labels]  # true, and True of Python
    return [next((form for form in own if form in names), None) for own in forms]


def matched(table: Table, labels: Sequence[Any]) -> Table:
    """Return columns in the order of labels: by their names if these are the labels, else by position.

    Raises
    ------
    DataError
        Some names are labels and others not.
    """
    found = names_by_label(table, labels)
    names = [name for name in found if name is not None]
    if not names or len(set(names)) == len(labels) == len(table.names):
        return table.select(names) if names else table
    other = next((name for name in table.names if name not in names), names[0])
    message = f"the target column {names[0]!r} has the name of a class, but {other!r} has not"
    raise DataError(message, help=f"name all columns by the classes: {first_few(list(map(label_text, labels)), 10)}")


def probability_columns(table: Table, classes: Labels, name: str) -> Table | None:
    """Return the columns in the order of the classes if they are their probabilities; None if one has the labels, such as that of a name.

    Raise DataError if some names are labels and others not.
    """
    labels = classes.tolist()
    if table.width != len(labels) or len(labels) < 2:
        return None
    single = table.named and name in table and column_width(table[name]) == 1
    return None if single and None in names_by_label(table, labels) else matched(table, labels)


def shares(table: Table) -> NDArray[np.float64]:
    """Return probabilities, shape (rows, classes), divided by their sum in each row.

    Raises
    ------
    DataError
        A value is no number of at least 0, or a row does not sum to 1 within 0.01.
    """
    values, names = values_of(table, ADVICE), labels_of(table)
    wrong = np.argwhere(~(values >= 0))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        message = f"the column {names[column]!r} has {values[row, column]:g} in {table.place(row)}, but probabilities are at least 0"
        raise table.error(message, row, ADVICE)
    with np.errstate(all="ignore"):
        sums = values.sum(axis=1)
    for row in np.flatnonzero(~(np.abs(sums - 1) <= TOLERANCE))[:1].tolist():
        message = f"the probabilities {first_few(names, 5, repr)} sum to {sums[row]:.6g} in {table.place(row)}, not to 1"
        raise table.error(message, row, "divide each row by its sum: counts of votes become shares; a row without any has no target")
    return np.asarray(values / sums[:, None])
