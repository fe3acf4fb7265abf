"""Decision boundary: the predictions over the plane of two columns, with the others at a typical value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.axis import Axis
from mlpkit.charts.chart import BOTTOM, HEIGHT, LEFT, RIGHT, SERIES, TOP, WIDTH, Series, drawn, frame, sample
from mlpkit.charts.drawing import Drawing
from mlpkit.data.columns import Column
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.explain.raw_columns import RawColumn, aligned, raw_columns
from mlpkit.explain.rows import draw_labelled, open_rows, taken
from mlpkit.model.model import Model
from mlpkit.plugin import Array
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.input_columns import InputColumn
from mlpkit.preprocessing.target import TargetEncoder
from mlpkit.report.rows import has_target
from mlpkit.report.values import Levels, levels_of, numbers_of, table_values
from mlpkit.text.markup import Markup, el, number
from mlpkit.text.shown import first_few

CELLS = 96  # along each axis
LEVELS = 6  # of the shade of a region
MOST_POINTS = 400
DOTS = -1  # style of points without a class
MARGIN = 0.06  # of the plane beside the rows
WIDE = 2.5  # scales from the center, without rows

Vector = NDArray[np.float64]


class Rows(NamedTuple):
    """Rows that are drawn.

    Attributes
    ----------
    raw : dict of str to array
        Input columns.
    shown : array of int, shape (rows,), or None
        Class of each row, or None if it has no target or the target is a number.
    """

    raw: dict[str, Column]
    shown: NDArray[np.intp] | None


def plot_boundary(model: Model, x1: str, x2: str, rows: Any = None) -> Drawing:
    """Return a drawing of the predictions over the plane of two columns of numbers, such as ``plot_boundary(model, "a", "b", "xor.csv")``.

    Regions have the color of the predicted class, darker where it is more probable; a number is shown by the shade alone. Of several
    targets the first is shown.

    Parameters
    ----------
    model : Model
        A trained model.
    x1, x2 : str
        Columns along and up.
    rows : table or path, optional
        Rows that are drawn as points, in the color and shape of their class if they have one. They define the range of the plane, and the
        value of the other columns: the middle one of numbers and dates, the most frequent one of others. Needed if there are other columns.

    Returns
    -------
    Drawing
        ``drawing.save("boundary.svg")`` writes it; a notebook shows it.

    Raises
    ------
    DataError
        The model is not trained, has no such columns of numbers, or has others and there are no rows; or the rows cannot be used.
    """
    encoder, target = model.encoders
    first, second = (_column(encoder, name) for name in (x1, x2))
    if x1 == x2:
        raise DataError(f"both columns are {x1!r}", help="give two columns")
    found = None if rows is None else _rows(model, target, rows)
    ranges = [_range(encoder, each, found) for each in (first, second)]
    axes = [np.linspace(low, high, CELLS + 1) for low, high in ranges]
    middles = [(edges[1:] + edges[:-1]) / 2 for edges in axes]
    scores = model.scores(encoder.encode(_plane(encoder, (first, second), middles, found), model.spec.dtype))
    x = Axis(x1, *ranges[0], LEFT, WIDTH - RIGHT)
    y = Axis(x2, *ranges[1], HEIGHT - BOTTOM, TOP)
    points = [] if found is None else _points(encoder, (first, second), found)
    with np.errstate(all="ignore"):  # predictions may overflow; cells without a number are left empty
        regions, legend = _regions(target, scores.reshape(CELLS, CELLS, -1), x.place(axes[0]), y.place(axes[1]), points)
    parts = [*regions, *frame(x, y), *[part for each in points for part in drawn(each, x, y)]]
    return Drawing(f"{model.spec.name}: {target.names[0]} by {x1} and {x2}".removeprefix(": "), parts, legend)


def _column(encoder: InputEncoder, name: str) -> RawColumn:
    """Return a column of single numbers by its name."""
    columns = {column.name: column for column in raw_columns(encoder)}
    numeric = [column.name for column in columns.values() if column.of_numbers]
    if name not in numeric:
        problem = "is no single number per row" if name in columns else "is no column of the model"
        raise DataError(f"{name!r} {problem}", help=f"columns of numbers: {first_few(numeric) if numeric else 'none'}")
    return columns[name]


def _rows(model: Model, target: TargetEncoder, rows: Any) -> Rows:
    """Return the rows to draw, at most `MOST_POINTS`."""
    encoder, source = model.encoders[0], open_rows(model, rows)
    if target.classes is not None and has_target(model, source):
        given = rows if isinstance(source, StoredTable) else source
        found = draw_labelled(model, given, None, None, weighted=False, most=MOST_POINTS, seed=0)
        values = np.asarray(found.labelled.values)
        shown = values.argmax(axis=1) if values.ndim == 2 and values.shape[1] > 1 else values.reshape(len(values))
        return Rows(aligned(encoder, found.table), shown.astype(np.intp))
    table = taken(encoder, source, np.linspace(0, source.rows - 1, min(source.rows, MOST_POINTS)).astype(np.intp))
    encoder.encode(table, model.spec.dtype)  # raises an error that names the line of a wrong value
    return Rows(aligned(encoder, table), None)


def _numbers(encoder: InputEncoder, rows: Rows, column: RawColumn) -> Vector:
    """Return the numbers of a column, NaN where one is missing."""
    found = numbers_of(encoder, rows.raw, column)
    assert found is not None  # `_column` has checked it
    return found


def _range(encoder: InputEncoder, column: RawColumn, rows: Rows | None) -> tuple[float, float]:
    """Return the range of an axis: that of the rows with a margin, or some scales around the center of the training rows."""
    if rows is None:
        place, numbers = int(column.encoded[0]), encoder.numbers
        if numbers.limits:
            return float(numbers.limits.lower[place]), float(numbers.limits.upper[place])
        center, scale = float(numbers.center[place]), float(numbers.scale[place])
        return center - WIDE * scale, center + WIDE * scale
    values = _numbers(encoder, rows, column)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = MARGIN * (high - low) or max(abs(low), 1.0) / 2
    if not np.isfinite([low - margin, high + margin]).all():
        raise DataError(f"the values of {column.name!r} are too large to draw", help="correct or leave out the rows with the largest ones")
    return low - margin, high + margin


def _plane(encoder: InputEncoder, shown: Sequence[RawColumn], middles: Sequence[Vector], rows: Rows | None) -> Table:
    """Return a row for each cell of the plane, line by line from the bottom."""
    grid = dict(zip(((each.column.name, each.value) for each in shown), (m.ravel() for m in np.meshgrid(*middles)), strict=True))
    columns: dict[str, Any] = {}
    for column in encoder.columns:
        values = [value for name, value in grid if name == column.name]
        if values == [None]:
            columns[column.name] = grid[column.name, None]
            continue
        if rows is None and len(values) < column.cells:
            others = "give rows: they have typical values for them (--data on the command line)"
            raise DataError(f"the model has more columns than these two, such as {column.name!r}", help=others)
        block = np.zeros((CELLS**2, column.cells)) if rows is None else _typical(encoder, rows, column)
        for value in values:
            block[:, value] = grid[column.name, value]
        columns[column.name] = block
    return Table(columns)


def _typical(encoder: InputEncoder, rows: Rows, column: InputColumn) -> NDArray[Any]:
    """Return the middle value of numbers, dates and booleans, or the most frequent category, for each cell of the plane."""
    values = rows.raw[column.name]
    if values.ndim == 2:
        middle = np.array([_middle(each) for each in values.astype(np.float64).T])
        return np.repeat(np.where(np.isnan(middle), 0.0, middle)[None], CELLS**2, axis=0)
    raw = RawColumn(column.name, column, None, np.empty(0, np.intp))
    numbers = numbers_of(encoder, rows.raw, raw)
    chosen = _most_frequent(levels_of(encoder, rows.raw, raw)) if numbers is None else _middle(numbers)
    missing = chosen is None or chosen != chosen
    return np.full(CELLS**2, None, object) if missing else np.repeat(table_values(raw, [chosen]), CELLS**2)


def _middle(values: Vector) -> float:
    """Return the middle one of the values that are not missing; NaN if all are."""
    present = np.sort(values[~np.isnan(values)])
    return float(present[len(present) // 2]) if len(present) else np.nan


def _most_frequent(levels: Levels) -> str | None:
    """Return the most frequent level, of equal ones the first; None if all are missing."""
    counts = np.bincount(levels.codes, minlength=len(levels.names))
    known = [place for place, name in enumerate(levels.names) if name is not None]
    return levels.names[max(known, key=counts.__getitem__)] if known else None


# -- what is drawn


def _regions(
    target: TargetEncoder, scores: Vector, x: Array, y: Array, points: Sequence[Series]
) -> tuple[list[Markup], list[tuple[Markup, str]]]:
    """Return the shaded regions of the plane, and the legend of regions and points."""
    if target.task == "regression":
        return _shades(scores[:, :, 0], x, y)
    labels = [f"not {target.names[0]}", target.names[0]] if target.classes is None else [str(label) for label in target.classes.tolist()]
    if target.classes is None:
        scores = np.stack([1 - scores[:, :, 0], scores[:, :, 0]], axis=2)
    count = scores.shape[2]
    chosen = (scores[:, :, 1] > target.threshold).astype(np.intp) if count == 2 else scores.argmax(axis=2)
    share = np.take_along_axis(scores, chosen[:, :, None], axis=2)[:, :, 0]
    level = _whole(LEVELS * (share - 1 / count) / (1 - 1 / count), LEVELS)
    parts = []
    for label in range(count):
        for shade in range(LEVELS):
            path = _cells((chosen == label) & (level == shade), x, y)
            if path:
                parts.append(el("path", d=path, fill=f"var(--c{label % SERIES})", opacity=_opacity(shade)))
    marks = {each.style: sample(each) for each in points}
    legend = [
        (el("g", _square(f"var(--c{label % SERIES})", _opacity(LEVELS - 1)), marks.get(label, "")), labels[label])
        for label in range(count)
        if label in marks or (chosen == label).any()
    ]
    return parts, legend


def _shades(values: Vector, x: Array, y: Array) -> tuple[list[Markup], list[tuple[Markup, str]]]:
    """Return the regions of numbers between equal steps."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (np.nan, np.nan)
    steps = 2 * LEVELS
    level = _whole(steps * (values - low) / ((high - low) or 1.0), steps)
    parts = [
        el("path", d=path, fill="var(--c0)", opacity=f"{0.04 + 0.8 * shade / steps:.2f}")
        for shade in range(steps)
        if (path := _cells(level == shade, x, y))
    ]
    ends = [(0.04, low), (0.04 + 0.8 * (steps - 1) / steps, high)]
    return parts, [(_square("var(--c0)", f"{opacity:.2f}"), number(value)) for opacity, value in ends]


def _whole(levels: Vector, count: int) -> NDArray[np.intp]:
    """Return levels as whole numbers below `count`; -1 for NaN."""
    return np.nan_to_num(np.clip(levels, 0, count - 1), nan=-1).astype(np.intp)


def _square(fill: str, opacity: str) -> Markup:
    """Return the mark of a region in the legend."""
    return el("rect", width=24, height=10, fill=fill, opacity=opacity)


def _opacity(shade: int) -> str:
    return f"{0.1 + 0.4 * shade / (LEVELS - 1):.2f}"


def _cells(chosen: NDArray[np.bool_], x: Array, y: Array) -> str:
    """Return the path around chosen cells: a rectangle for each run of them in a line."""
    parts = []
    for row in range(len(chosen)):
        changes = np.flatnonzero(np.diff(np.concatenate([[False], chosen[row], [False]]).astype(np.int8)))
        for start, end in zip(changes[::2], changes[1::2], strict=True):
            parts.append(f"M{x[start]:.1f} {y[row]:.1f}H{x[end]:.1f}V{y[row + 1]:.1f}H{x[start]:.1f}z")
    return "".join(parts)


def _points(encoder: InputEncoder, shown: Sequence[RawColumn], rows: Rows) -> list[Series]:
    """Return the rows as points, those of each class in its color and shape; or as dots, if the class is not known."""
    x, y = (_numbers(encoder, rows, column) for column in shown)
    if rows.shown is None:
        return [Series("", x, y, "points", DOTS)]
    return [
        Series("", x[rows.shown == label], y[rows.shown == label], "points", int(label), np.full(int((rows.shown == label).sum()), 3.0))
        for label in np.unique(rows.shown)
    ]
