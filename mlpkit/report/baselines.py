"""Baselines on the rows of a report: a constant prediction and a linear model.

A model file has no training rows. Unless these are given, the constant is that of the rows of the report, and for the linear model these
are cut into parts, each of which is predicted by a model that is fitted on the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.dataset import Dataset
from mlpkit.explain.rows import drawn
from mlpkit.model.model import Model
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.preprocessing.embedded_inputs import one_hot_width
from mlpkit.preprocessing.labelled import Labelled
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.report.rows import Measured
from mlpkit.training.baselines import constant_prediction, fitted_rows, limited, linear_predictions

MOST = 2_000  # rows that a baseline is fitted on
FEW, PARTS, OF_MANY = 1_000, 5, 2  # parts of up to 1,000 rows, and of more

Vector = NDArray[np.float64]


class BaselinePredictions(NamedTuple):
    """Predictions of baselines for the rows of a report.

    Attributes
    ----------
    name : str
        "majority", "mean", "median" or "constant".
    constant : Measured
    linear : Measured or None
        None if there is no linear model, for the reason in `skipped`.
    skipped : str
    fitted : str
        Rows that they are fitted on.
    """

    name: str
    constant: Measured
    linear: Measured | None
    skipped: str
    fitted: str


def baseline_predictions(model: Model, labelled: Labelled, rows: Measured, training: Prepared | None = None) -> BaselinePredictions | None:
    """Return the predictions of baselines for encoded rows; None if there are too few rows to fit them on.

    Parameters
    ----------
    model : Model
    labelled : Labelled
        Encoded rows in memory.
    rows : Measured
        The model's predictions for them.
    training : Prepared, optional
        Training rows to fit the baselines on.
    """
    everything = np.arange(len(rows))
    if training is not None:
        prepared = _some(training)
        return _predicted(model, labelled, rows, prepared, [(prepared, everything)], "the training rows")
    parts = PARTS if len(rows) <= FEW else OF_MANY
    if len(rows) < 2 * parts:
        return None
    part = np.random.Generator(np.random.PCG64(0)).permutation(everything % parts)
    pairs = [(_prepared(model, labelled, np.flatnonzero(part != each)), np.flatnonzero(part == each)) for each in range(parts)]
    fitted = f"these rows; the linear model on {'four fifths' if parts == PARTS else 'half'} of them, to predict the others"
    return _predicted(model, labelled, rows, _prepared(model, labelled, everything, len(rows)), pairs, fitted)


def _predicted(
    model: Model, labelled: Labelled, rows: Measured, whole: Prepared, pairs: list[tuple[Prepared, NDArray[np.intp]]], fitted: str
) -> BaselinePredictions:
    """Return the prediction of the constant of `whole`, and those of linear models fitted on the first for the second of each pair."""
    assert isinstance(labelled.data, Dataset)
    linear, skipped = np.empty_like(rows.outputs), ""
    with np.errstate(all="ignore"), attributing_errors():
        name, values = constant_prediction(model.spec, whole)
        for prepared, held_out in pairs:
            size, width = len(prepared.train.inputs), one_hot_width(prepared.inputs)
            _, skipped = fitted_rows(size, width, rows.outputs.shape[1], prepared.target.task, len(pairs))
            if not skipped:
                predicted = linear_predictions(prepared, np.arange(size), labelled.data.inputs[held_out])
                linear[held_out] = limited(model.spec, prepared, predicted)
    unknown, constant = np.full(len(rows), np.nan), np.tile(values, (len(rows), 1))
    first, second = (Measured(unknown, outputs, rows.values, rows.weights, rows.task) for outputs in (constant, linear))
    return BaselinePredictions(name, first, None if skipped else second, skipped, fitted)


def _prepared(model: Model, labelled: Labelled, index: NDArray[np.intp], most: int = MOST) -> Prepared:
    """Return some labelled rows, at most `most`, as training rows."""
    data, (inputs, target) = labelled.data, model.encoders
    assert isinstance(data, Dataset)
    index = index[drawn(len(index), most, 0)]
    weights = None if data.weights is None else data.weights[index]
    train, values = Dataset(data.inputs[index], data.targets[index], weights), labelled.values[index]
    return Prepared(inputs, target, train, None, values, values, sample_weights=weights)


def _some(training: Prepared) -> Prepared:
    """Return training rows, or some of them if there are many."""
    from mlpkit.preprocessing.members import taken

    index = drawn(len(training.train.inputs), MOST, 0)
    train = taken(training.train, index, training.train.weights)
    data = train if isinstance(train, Dataset) else Dataset(train.inputs[0 : len(index)], train.targets, train.weights)
    weights = None if training.sample_weights is None else training.sample_weights[index]
    values = training.train_values[index]
    return Prepared(training.inputs, training.target, data, None, values, values, sample_weights=weights)
