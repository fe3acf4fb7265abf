"""Rows of a report: all of them predicted once, and some of them with their raw columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.columns import Column
from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Table
from mlpkit.explain.raw_columns import RawColumn, aligned, raw_columns
from mlpkit.explain.rows import drawn, open_rows, taken
from mlpkit.model.model import Model
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, Metric, Task
from mlpkit.preprocessing.labelled import Labelled, encode_rows, measured_rows
from mlpkit.preprocessing.soft_targets import PREDICTED
from mlpkit.preprocessing.unscanned import unscanned_inputs
from mlpkit.provenance.placeholders import require
from mlpkit.training.evaluation import measure, row_answers

AT_ONCE = 2**16  # rows on disk that are predicted at once

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """Predictions for rows with targets.

    Attributes
    ----------
    losses : array, shape (rows,)
        Loss of each row; NaN if it is not known, as for a baseline.
    outputs : array, shape (rows, columns)
        Probabilities, or numbers in the units of the data.
    values : array
        Targets in the form that metrics use.
    weights : array, shape (rows,)
        Sample weights, or ones.
    task : {"classification", "regression", "multilabel"}
    threshold : float
        Decision threshold between two classes.
    """

    losses: Vector
    outputs: Vector
    values: NDArray[Any]
    weights: Vector
    task: Task
    threshold: float = 0.5

    def __len__(self) -> int:
        return len(self.outputs)

    def take(self, rows: NDArray[np.intp]) -> Measured:
        """Return some of the rows."""
        return Measured(self.losses[rows], self.outputs[rows], self.values[rows], self.weights[rows], self.task, self.threshold)

    def figures(self, metrics: tuple[Metric, ...], weights: Vector | None = None) -> dict[str, float]:
        """Return the mean loss and metrics by name, with the weights of the rows or others."""
        weights = self.weights if weights is None else weights
        with np.errstate(all="ignore"):
            loss = float(np.average(self.losses, weights=weights))
        return {"loss": loss, **measure(metrics, self.outputs, self.values, weights, self.threshold)}

    @cached_property
    def chosen(self) -> NDArray[Any]:
        """Predicted class number of each row, or 0 and 1 for each label, by the decision threshold."""
        if self.task == "multilabel":
            return (self.outputs > 0.5).astype(np.int64)
        if self.outputs.shape[1] == 2:
            return (self.outputs[:, 1] > self.threshold).astype(np.int64)
        return np.asarray(self.outputs.argmax(axis=1))


def measured(model: Model, labelled: Labelled) -> Measured:
    """Return the predictions of a model for encoded rows with targets."""
    target, weights = model.encoders[1], labelled.data.weights
    losses, outputs = row_answers(model.spec, model._predicting, target, labelled.data)
    each = np.ones(len(outputs)) if weights is None else weights.astype(np.float64)
    return Measured(losses, outputs, labelled.values, each, target.task, target.threshold)


class Sample(NamedTuple):
    """Some of the rows, with their raw columns.

    Attributes
    ----------
    chosen : array of int
        Numbers of the rows among all.
    raw : dict of str to array
        Raw columns by name.
    inputs : array, shape (rows, inputs)
        Encoded inputs.
    """

    chosen: NDArray[np.intp]
    raw: dict[str, Column]
    inputs: Array


class ReportRows:
    """Rows that a report is about.

    Attributes
    ----------
    model : Model
    table : Table or StoredTable
        Raw inputs.
    outputs : array, shape (rows, columns)
        Predictions.
    measured : Measured or None
        None for rows without targets.
    untargeted : int
        Number of rows that were left out because their target is missing.
    columns : tuple of RawColumn
    """

    def __init__(self, model: Model, rows: Any, y: Any = None, weights: Any = None, *, weighted: bool = False, allow_large: bool = False):
        inputs, target = model.encoders
        spec = model.spec.allowing_large() if allow_large else model.spec
        self.model, self.columns = model, raw_columns(inputs)
        source: Any = rows if y is not None else open_rows(model, rows, allow_large=allow_large)
        self.measured: Measured | None = None
        self.labelled: Labelled | None = None
        self._inputs: Array | StoredInputs
        self.untargeted = 0
        if y is not None or has_target(model, source):
            require(model.spec.loss)
            given = rows if isinstance(source, StoredTable) else source
            found = measured_rows(spec, inputs, given, y, weights, weighted=weighted or weights is not None)
            self.table, self.untargeted = found.table, found.untargeted
            self.labelled = encode_rows(spec, inputs, target, found)
            self.measured = measured(model, self.labelled)
            self.outputs, self._inputs = self.measured.outputs, self.labelled.data.inputs
        else:
            self.table = source
            on_disk = isinstance(source, StoredTable)
            self._inputs = unscanned_inputs(inputs, source, spec.dtype) if on_disk else inputs.encode(source, spec.dtype)
            self.outputs = np.concatenate([model.scores(self._inputs[part]) for part in row_blocks(source.rows, AT_ONCE)])

    def __len__(self) -> int:
        return len(self.outputs)

    def sample(self, most: int, seed: int = 0) -> Sample:
        """Return at most `most` rows, drawn if there are more."""
        return self.take(drawn(len(self), most, seed))

    def take(self, index: NDArray[np.intp]) -> Sample:
        """Return rows by sorted numbers."""
        encoder = self.model.encoders[0]
        table = taken(encoder, self.table, index)
        own = self._inputs
        inputs = encoder.encode(table, self.model.spec.dtype) if isinstance(own, StoredInputs) else own[index]
        return Sample(index, aligned(encoder, table), inputs)

    def place(self, row: int) -> str:
        """Return the line of a row in its file, or its number."""
        if isinstance(self.table, StoredTable):
            return f"row {row if self.table.index is None else int(self.table.index[row])}"
        return f"{'line' if self.table.text_file else 'row'} {int(self.table.numbers[row])}"

    def labelled_sample(self, sample: Sample) -> Labelled:
        """Return encoded rows of a sample with their targets."""
        assert self.labelled is not None
        data, index = self.labelled.data, sample.chosen
        weights = None if data.weights is None else data.weights[index]
        return Labelled(Dataset(sample.inputs, data.targets[index], weights), self.labelled.values[index])

    def column(self, name: str) -> RawColumn:
        """Return a raw column by its name."""
        return next(column for column in self.columns if column.name == name)


def has_target(model: Model, table: Table | StoredTable) -> bool:
    """Return True if a table has a target column of the model, or its labels beside probabilities."""
    names = model.spec.data.target
    if names is None:
        return False
    return any(name in table for name in names) or (len(names) > 1 and model.classes is not None and PREDICTED in table)
