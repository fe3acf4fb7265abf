"""A first spec for a table, which trains as it is: what the columns are for, and a network that fits its size.

The rules are few and plain, and each choice is said or stands in the spec: it is a start, to be changed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpkit.cli.facts import listed
from mlpkit.errors import DataError

if TYPE_CHECKING:
    from mlpkit.data import Table

FEW_ROWS = 20  # too few to keep some back for validation
SPARSE = 0.05  # a column with a smaller share of values than this is left out
MOST_CLASSES = 20  # whole numbers are classes when they are at most so many,
ROWS_PER_CLASS = 10  # and each has so many rows on average
LABELS = 20  # texts that differ in nearly every row, when there are more of them than this, name the rows
NETWORKS = (  # up to so many rows: widths, dropout, batch size, learning rate, epochs, patience
    (FEW_ROWS, (8,), 0.0, None, 0.05, 500, None),
    (1_000, (32,), 0.1, 32, 0.005, 300, 30),
    (10_000, (64, 32), 0.1, 64, 0.002, 300, 20),
    (100_000, (128, 64), 0.1, 256, 0.002, 100, 10),
    (None, (128, 64), 0.0, 512, 0.001, 50, 5),
)
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
    """A spec as JSON values; what was found, in a few words; and why columns were left out."""

    spec: dict[str, Any]
    target: str
    ignored: Mapping[str, str]


def draft(table: Table, target: str, path: str, name: str, written: Mapping[str, Any] | None = None) -> Draft:
    """A spec that predicts a column of a table from the others.

    Parameters
    ----------
    table : Table
    target : str
    path : str
        Of the data, as the spec is to name it.
    name : str
        Of the model.
    written : mapping, optional
        The keys of `data` that say how the file is written.

    Raises
    ------
    DataError
        The target cannot be predicted, or no other column can be used.
    """
    from mlpkit.preprocessing.labels import check_present

    check_present(table.select([target]))
    classes = _classes(table, target)
    candidates = [column for column in table.names if column != target and column not in table.unnamed]
    ignored = {column: reason for column in candidates if (reason := _unusable(table, column))}
    if len(ignored) == len(candidates):
        reasons = "; ".join(f"{column}: {reason}" for column, reason in ignored.items())
        raise DataError(f"no column can be used to predict {target!r}", help=reasons or "give more columns")
    data: dict[str, Any] = {"path": path, **(written or {}), "target": target}
    if table.rows >= FEW_ROWS:
        data["split"] = {"validation": 0.2}
    spec: dict[str, Any] = {"name": name, "seed": 0, "data": data}
    if ignored:
        spec["preprocessing"] = {"columns": dict.fromkeys(ignored, "ignore")}
    nameless = {column: "it has no name in the file" for column in table.names if column in table.unnamed and column != target}
    return Draft({**spec, **_network(table.rows, classes)}, _described(classes), {**nameless, **ignored})


def _described(classes: list[Any] | None) -> str:
    return "numbers" if classes is None else f"{len(classes)} classes ({listed(classes)})"


def _network(rows: int, classes: list[Any] | None) -> dict[str, Any]:
    """Layers, loss, optimizer and training for a table of this size."""
    row = next(row for row in NETWORKS if row[0] is None or rows < row[0])
    _, widths, dropout, batch_size, rate, epochs, patience = row
    binary = classes is not None and len(classes) == 2
    output = "linear" if classes is None else "sigmoid" if binary else "softmax"
    loss = "mean_squared_error" if classes is None else "binary_crossentropy" if binary else "categorical_crossentropy"
    hidden = [{"units": units, "activation": "relu"} | ({"dropout": dropout} if dropout else {}) for units in widths]
    training: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size}
    return {
        "network": {"layers": [*hidden, {"activation": output}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": rate},
        "training": training | ({"early_stopping": {"patience": patience}} if patience else {}),
        "metrics": ["rmse", "r2"] if classes is None else ["accuracy", "log_loss"],
    }


def _classes(table: Table, target: str) -> list[Any] | None:
    """The classes of the target, None when it is a number.

    Raises
    ------
    DataError
        It is constant, or differs in nearly every row and is no number.
    """
    import numpy as np

    from mlpkit.data.kinds import column_kind, numbers
    from mlpkit.preprocessing.labels import find_classes

    if table[target].ndim == 2:
        help = "choose another column with --target, or write a spec by hand"
        raise DataError(f"the column {target!r} has {table[target].shape[1]} values per row", help=help)
    if column_kind(table, target) != "number":
        classes = find_classes(table, target)
        if len(classes) > max(LABELS, table.rows // 2):
            message = f"the column {target!r} has {len(classes)} different texts in {table.rows} rows: it names the rows, it is no class"
            raise DataError(message, help="choose another column with --target")
        return list(classes.tolist())
    values = np.unique(numbers(table, target))
    if len(values) < 2:
        raise DataError(
            f"the target {target!r} is {values[0]:g} in every row: there is nothing to learn", help="choose another with --target"
        )
    few = len(values) <= max(2, min(MOST_CLASSES, table.rows // ROWS_PER_CLASS))
    whole = bool((values == np.floor(values)).all())
    return list(find_classes(table, target).tolist()) if few and whole else None


def _unusable(table: Table, name: str) -> str:
    """Why a column is left out; empty when it is not."""
    from mlpkit.preprocessing import InputEncoder
    from mlpkit.spec import Preprocessing
    from mlpkit.spec.csv_options import MISSING

    try:
        encoder = InputEncoder.fit(Preprocessing(), table, (name,), MISSING)
    except DataError as error:
        return error.message
    column = encoder.columns[0]
    if column.kind == "category":
        return _unusable_category(table.rows, [category for category in column.categories if category is not None])
    return _unusable_number(table, name) if column.width == 1 else ""


def _unusable_category(rows: int, categories: list[str]) -> str:
    if len(categories) == 1:
        return f"it has one value only, {categories[0]!r}"
    if len(categories) > max(LABELS, rows // 2):
        return f"it has {len(categories)} different texts in {rows} rows"
    return ""


def _unusable_number(table: Table, name: str) -> str:
    import numpy as np

    from mlpkit.data.kinds import column_kind, numbers

    values = numbers(table, name, boolean=column_kind(table, name) == "boolean").astype(float)
    present = values[~np.isnan(values)]
    if len(present) < SPARSE * len(values):
        return f"it has {len(present)} values in {len(values)} rows"
    if len(np.unique(present)) == 1:
        return f"it has one value only, {present[0]:g}"
    if len(present) > FEW_ROWS and (np.diff(values) == 1).all():
        return "it numbers the rows"
    return ""
