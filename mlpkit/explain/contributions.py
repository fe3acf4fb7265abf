"""Contributions of the raw columns to single predictions: Shapley values by sampling.

A background row becomes the explained row column by column, in a random order; the change of the prediction at each step is a sample of the
contribution of that column. Strumbelj & Kononenko 2014, Explaining prediction models and individual predictions with feature contributions,
Knowledge and Information Systems 41, 647-665. Each order is also used backwards (Mitchell et al. 2022, 2104.12199), and each background row
equally often, so that the contributions of a row sum to its prediction minus the mean prediction of the background rows.

Gradients would be cheaper, but say nothing about categories, missing values and bins, and saturate where a prediction is certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.explain.importance import finite_list
from mlpkit.explain.raw_columns import RawColumn, aligned, cell_text, raw_columns
from mlpkit.explain.rows import drawn, open_rows, taken
from mlpkit.model.model import Model
from mlpkit.numerics.counts import check_count
from mlpkit.plugin import Array
from mlpkit.preprocessing import TargetEncoder

ORDERS = 64  # random orders of the columns, each of which is used forwards and backwards
CELLS = 2**22  # encoded values that are predicted at once

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Result of `mlpkit.contributions`.

    Attributes
    ----------
    columns : tuple of str
        Raw columns, in the order of the training table.
    outputs : tuple of str
        Classes, labels or targets.
    values : array, shape (rows, columns, outputs)
        Contributions to the probability of a class or label, or to a number in the units of the target.
    errors : array, same shape
        Standard errors of the sampling; NaN for a single order.
    predictions : array, shape (rows, outputs)
    mean : array, shape (outputs,)
        Mean prediction of the background rows. Contributions sum to the prediction minus this.
    cells : tuple of tuple of str, (rows, columns)
        Values of the rows as texts, empty if missing.
    background : int
        Number of background rows.
    orders : int
        Number of random orders.
    """

    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    values: Vector
    errors: Vector
    predictions: Vector
    mean: Vector
    cells: tuple[tuple[str, ...], ...]
    background: int
    orders: int

    def of_row(self, row: int, output: int) -> list[dict[str, Any]]:
        """Return the contributions to an output of a row as JSON values, the largest first; None for what is not finite."""
        found, errors = finite_list(self.values[row, :, output]), finite_list(self.errors[row, :, output])
        return [
            {"column": self.columns[at], "value": self.cells[row][at], "contribution": found[at], "error": errors[at]}
            for at in np.argsort(-np.abs(self.values[row, :, output]), kind="stable").tolist()
        ]


def contributions(
    model: Model,
    rows: Any,
    *,
    background: Any = None,
    orders: int = ORDERS,
    seed: int = 0,
    allow_large: bool = False,
) -> Contributions:
    """Return how much each raw column adds to the prediction of each row, compared with the mean prediction of background rows.

    These are Shapley values by sampling. The columns of a row are replaced by those of background rows, so that a combination of
    values may not occur in reality. The time is that of 2 x columns x orders predictions for each row.

    Parameters
    ----------
    model : Model
    rows : as for `Model.predict`
    background : as for `Model.predict`, optional
        Rows to compare with, of which at most `orders` are drawn; default: `rows`.
    orders : int
        Least number of random orders of the columns, which is rounded up to a multiple of the number of background rows. Errors fall with
        its square root.
    seed : int
        Seed of the orders and of the drawing. The result for a row does not depend on the others if `background` is given.
    allow_large : bool
        The same as for `Model.predict`.

    Returns
    -------
    Contributions

    Raises
    ------
    DataError
        The rows cannot be used, or there are fewer than two background rows.

    Examples
    --------
    >>> found = mlpkit.contributions(model, "rows.csv")      # doctest: +SKIP
    >>> found.values[0].sum(axis=0) + found.mean             # doctest: +SKIP
    array([0.98, 0.01, 0.01])
    """
    check_count("orders", orders)
    check_count("seed", seed, 0)
    encoder, dtype = model.encoders[0], model.spec.dtype
    found = open_rows(model, rows, allow_large=allow_large)
    others = found if background is None else open_rows(model, background, allow_large=allow_large)
    if others.rows < 2:
        raise DataError("there is one row to compare with, so nothing differs from the mean", help="give more background rows")
    table = taken(encoder, found, np.arange(found.rows))
    inputs = encoder.encode(table, dtype)
    compared = encoder.encode(taken(encoder, others, drawn(others.rows, int(orders), seed)), dtype)
    columns, predictions, raw = raw_columns(encoder), model.scores(inputs), aligned(encoder, table)
    with np.errstate(all="ignore"):  # predictions may overflow
        sampled = _Sampled(model, columns, compared, int(orders), seed)
        sums = [sampled.of_row(row, prediction) for row, prediction in zip(inputs, predictions, strict=True)]
    values, errors = (np.stack(part) for part in zip(*sums, strict=True))
    cells = tuple(tuple(cell_text(raw[each.column.name], each, row) for each in columns) for row in range(table.rows))
    names, drawn_rows = tuple(column.name for column in columns), len(compared)
    return Contributions(names, outputs_of(model.encoders[1]), values, errors, predictions, sampled.mean, cells, drawn_rows, sampled.orders)


def outputs_of(target: TargetEncoder) -> tuple[str, ...]:
    """Return the names of the columns of scores: classes, labels or targets."""
    return tuple(map(str, target.classes.tolist())) if target.classes is not None else target.names


class _Sampled:
    """Orders of the columns with a background row for each, and the contributions of any row by them."""

    def __init__(self, model: Model, columns: tuple[RawColumn, ...], background: Array, orders: int, seed: int) -> None:
        rng = np.random.Generator(np.random.PCG64([seed, len(columns)]))
        count = -(-orders // len(background)) * len(background)  # so that each row counts alike
        forwards = rng.permuted(np.tile(np.arange(len(columns)), (count, 1)), axis=1)
        both = np.stack([forwards, forwards[:, ::-1]], axis=1).reshape(2 * count, len(columns))
        self.model, self.background, self.orders = model, background, count
        self.ranks = np.argsort(both, axis=1)  # place of each column in each order
        self.start = np.repeat(np.arange(count) % len(background), 2)  # background row of each order
        self.owner = np.empty(background.shape[1], np.intp)
        for number, column in enumerate(columns):
            self.owner[column.encoded] = number
        self.scores = model.scores(background)
        self.mean = self.scores.mean(axis=0)

    def of_row(self, row: Array, prediction: Vector) -> tuple[Vector, Vector]:
        """Return the contributions to the prediction of an encoded row and their errors, shape (columns, outputs)."""
        walks, columns = self.ranks.shape
        step = max(1, CELLS // max(1, columns * len(row)))
        changes = np.concatenate([self._changes(row, prediction, slice(at, at + step)) for at in range(0, walks, step)])
        pairs = changes.reshape(walks // 2, 2, columns, -1).mean(axis=1)
        count = len(pairs)
        error = pairs.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(pairs.shape[1:], np.nan)
        return pairs.mean(axis=0), error

    def _changes(self, row: Array, prediction: Vector, walks: slice) -> Vector:
        """Return the change of the prediction by each column in some orders, shape (orders, columns, outputs)."""
        ranks, start = self.ranks[walks], self.start[walks]
        count, columns = ranks.shape
        place = ranks[:, self.owner]  # of the column of each encoded input
        steps = np.arange(1, columns)
        mixed = np.where(place[:, None, :] < steps[:, None], row, self.background[start][:, None, :])
        found = np.empty((count, columns + 1, len(prediction)))
        found[:, 0], found[:, -1] = self.scores[start], prediction
        if columns > 1:
            found[:, 1:-1] = self.model.scores(mixed.reshape(-1, len(row))).reshape(count, columns - 1, -1)
        return np.take_along_axis(np.diff(found, axis=1), ranks[:, :, None], axis=1)
