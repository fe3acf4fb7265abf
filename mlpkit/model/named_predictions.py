"""Predictions as columns by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from numpy.typing import NDArray

from mlpkit.model.model import Model

Columns: TypeAlias = dict[str, NDArray[Any]]


def predictions(model: Model, rows: Any, **options: Any) -> Columns:
    """Return predictions by the names of the targets. Parameters and errors are those of `Model.predict`."""
    names = ("prediction",) if model.target_encoder is None else model.target_encoder.names
    return named(names, model.predict(rows, **options))


def probabilities(model: Model, rows: Any, **options: Any) -> Columns:
    """Return the probability of each class, or of each label. Parameters and errors are those of `Model.predict_proba`."""
    return named(score_names(model), model.predict_proba(rows, **options))


def spread(model: Model, rows: Any, threshold: float | None, **options: Any) -> Columns:
    """Return predictions, and the deviations of numbers or probabilities over the members of an ensemble."""
    values, deviations = model.predict(rows, threshold=threshold, spread=True, **options)
    names = () if model.target_encoder is None else model.target_encoder.names
    return named(names, values) | named([f"{name}.spread" for name in score_names(model)], deviations)


def intervals(model: Model, rows: Any, level: float, **options: Any) -> Columns:
    """Return predictions with the ends of their intervals, or with true or false for each class of a set."""
    names = () if model.target_encoder is None else model.target_encoder.names
    if model.classes is not None:
        chosen = model.predict_set(rows, level, **options)
        return named(names, model.predict(rows, **options)) | named([f"{names[0]}={label}" for label in model.classes.tolist()], chosen)
    arrays = (model.predict(rows, **options), *model.predict_interval(rows, level, **options))
    values, lower, upper = (part.reshape(len(part), -1).T for part in arrays)
    return {
        column: array
        for index, name in enumerate(names)
        for column, array in ((name, values[index]), (f"{name}.lower", lower[index]), (f"{name}.upper", upper[index]))
    }


def parts(model: Model, rows: Any, **options: Any) -> Columns:
    """Return all that the loss predicts, by name."""
    found: Columns = model.predict(rows, parts=True, **options)
    return found


def score_names(model: Model) -> Sequence[str]:
    """Return the name of each class, such as species=Adelie, or of each target."""
    names = () if model.target_encoder is None else model.target_encoder.names
    return names if model.classes is None else [f"{names[0]}={label}" for label in model.classes.tolist()]


def named(names: Sequence[str], values: NDArray[Any]) -> Columns:
    """Return the columns of an array of shape (rows,) or (rows, columns) by name."""
    columns = values[:, None] if values.ndim == 1 else values
    return dict(zip(names, columns.T, strict=True))
