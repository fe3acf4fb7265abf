"""Errors on held-out rows, from which a model predicts intervals and sets of classes: conformal prediction.

If the held-out rows and the rows to predict are exchangeable, an interval of the level p contains the target of a new row with a
probability of at least p, whatever the model. Papadopoulos et al. 2002; Lei et al. 2018, 1604.04173; for classes Sadinle et al. 2019,
1609.00451.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.plugin import Targets, Task

MOST = 10_000  # rows whose residuals are kept
LARGEST = float(np.finfo(np.float64).max)  # residual of a row whose prediction overflows

Vector = NDArray[np.float64]


class Residuals(NamedTuple):
    """Errors on held-out rows, sorted.

    Attributes
    ----------
    errors : array, shape (rows, targets), or (rows, 1) for classes
    ratio : array, shape (targets,), or (1,) for classes
        If `errors` are those of members that hold out other rows, the estimated error of their average on new rows relative to them; 1 for
        classes. Else empty.
    """

    errors: Vector = np.empty(0)
    ratio: Vector = np.empty(0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names in the file."""
        return {"residuals": self.errors, "residual_ratio": self.ratio}


def kept_rows(count: int) -> NDArray[np.intp]:
    """Return the numbers of all rows, or of 10,000 at equal distances."""
    return np.linspace(0, count - 1, min(count, MOST)).round().astype(np.intp)


def sorted_residuals(task: Task, scores: Vector, values: Targets) -> Vector:
    """Return the residuals of held-out rows, each column sorted; of more than 10,000 rows those at equal distances.

    Parameters
    ----------
    task : {"classification", "regression"}
    scores : array, shape (rows, targets) or (rows, classes)
        Predictions, or the probability of each class.
    values : array, shape (rows, targets) or (rows,)
        Targets in the units of the data, or class numbers.

    Returns
    -------
    array, shape (rows, targets) or (rows, 1)
        abs(prediction - target), or 1 - probability of the right class; the largest float instead of infinity and NaN.
    """
    rows = kept_rows(len(scores))
    with np.errstate(all="ignore"):
        found = np.abs(scores[rows] - values[rows]) if task == "regression" else 1.0 - scores[rows, values[rows]][:, None]
    return np.sort(np.nan_to_num(found, nan=LARGEST, posinf=LARGEST), axis=0)


def bound(residuals: Vector, level: float) -> Vector:
    """Return the half width of intervals of a level for each target, or the largest 1 - probability of a class in a set.

    It is the k-th smallest residual; `rank` returns k, and raises the errors.

    Parameters
    ----------
    residuals : array, shape (rows, targets), each column sorted
    level : float
        Share of new rows, between 0 and 1.

    Returns
    -------
    array, shape (targets,)
    """
    return np.asarray(residuals[rank(len(residuals), level) - 1])


def rank(count: int, level: float) -> int:
    """Return k = ceil((count + 1) level): of count + 1 exchangeable errors the last is among the k smallest with a probability of `level`.

    Raises
    ------
    DataError
        The level is not between 0 and 1, or there are too few residuals for it.
    """
    if isinstance(level, bool) or not isinstance(level, (int, float, np.floating)) or not 0 < level < 1:
        raise DataError(f"the level is {level!r}, but must be a number between 0 and 1", help="0.9 is usual")
    exact = Fraction(str(float(level)))
    place = math.ceil((count + 1) * exact)
    if place > count:
        needed = math.ceil(exact / (1 - exact))
        message = f"a level of {level!s} needs {needed:,} held-out rows, but the model has {count:,}"
        more = ", or more validation rows" if needed <= MOST else ""
        raise DataError(message, help=f"use a level of at most {_highest(count)}{more}")
    return place


def _highest(count: int) -> str:
    """Return the highest level for a number of residuals, rounded down."""
    return f"{math.floor(count / (count + 1) * 10_000) / 10_000:g}"


def stored_residuals(arrays: Mapping[str, NDArray[Any]], task: Task, width: int) -> Residuals:
    """Return the residuals in a model file, empty if there are none. Raise ValueError if they are not valid."""
    found = np.asarray(arrays.get("residuals", np.empty((0, width))))
    columns = width if task == "regression" else 1
    if found.dtype.kind != "f" or found.ndim != 2 or (len(found) and (found.shape[1] != columns or task == "multilabel")):
        raise ValueError(f"'residuals' are not floats of the shape (rows, {columns})")
    if not np.isfinite(found).all() or (found < 0).any() or (np.diff(found, axis=0) < 0).any():
        raise ValueError("'residuals' are not finite numbers of at least 0 in order")
    return Residuals(found.astype(np.float64), _stored_ratio(arrays, columns if len(found) else 0))


def _stored_ratio(arrays: Mapping[str, NDArray[Any]], columns: int) -> Vector:
    found = np.asarray(arrays.get("residual_ratio", np.empty(0)))
    if found.dtype.kind != "f" or found.shape not in ((0,), (columns,)):
        raise ValueError(f"'residual_ratio' is not floats of the shape ({columns},), that of a row of 'residuals'")
    if not ((found > 0) & np.isfinite(found)).all():
        raise ValueError("'residual_ratio' is not finite and above 0")
    return found.astype(np.float64)
