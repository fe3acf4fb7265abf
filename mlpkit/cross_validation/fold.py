"""Training and measurement of one fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.table import StoredTable
from mlpkit.data.folds import Fold
from mlpkit.data.table import Table
from mlpkit.model.model import Model
from mlpkit.model.named_predictions import Columns, predictions, probabilities
from mlpkit.model.train import train
from mlpkit.preprocessing.on_disk import named_by
from mlpkit.preprocessing.prepare import of_known_classes
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.spec import Spec
from mlpkit.training.epoch import Epoch


class FoldResult(NamedTuple):
    """Result of a fold.

    Attributes
    ----------
    figures : dict of str to float
        Loss and metrics on the rows that it holds out.
    epochs : int
        Epochs that were trained; of an ensemble the mean over its members.
    training, held_out : int
        Numbers of rows.
    rows : array of int
        Numbers of the held-out rows that have predictions.
    columns : dict of str to array
        Predictions of these rows by name: labels or numbers, and probabilities.
    """

    figures: dict[str, float]
    epochs: int
    training: int
    held_out: int
    rows: NDArray[np.intp]
    columns: Columns


def fit_fold(
    spec: Spec, rows: RawRows, fold: Fold, *, stop: Callable[[], bool] | None = None, on_epoch: Callable[[Epoch], object] | None = None
) -> FoldResult | None:
    """Train on the training rows of a fold, and measure the model on the others; None if it was stopped before its end.

    Raises
    ------
    DataError
        No class of the held-out rows is in the training rows; and the errors of `train`.
    """
    part = rows.take(fold.training)
    model = train(spec, part.table, part.target, weights=part.weights, stop=stop, on_epoch=on_epoch)
    if model.training_state is not None or (stop is not None and stop()):
        return None
    held_out = rows.take(fold.validation)
    known = of_known_classes(model.encoders[1], held_out)
    weighted = spec.training.weighted_metrics and known.weights is not None
    figures = model.evaluate(known.table, known.target, weights=known.weights if weighted else None)
    return FoldResult(
        figures, len(model.history), len(fold.training), len(fold.validation), fold.validation, _columns(model, held_out.table)
    )


def _columns(model: Model, table: Table | StoredTable) -> Columns:
    """Return predictions and probabilities by name; those of rows on disk are computed block by block."""
    if isinstance(table, StoredTable):
        blocks = table.tables([(0, table.rows)], named_by(model.encoders[0], table))
        parts = [_columns(model, block) for block in blocks]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = predictions(model, table)
    return found if model.encoders[1].task == "regression" else found | probabilities(model, table)
