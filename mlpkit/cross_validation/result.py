"""Result of a cross-validation: the scores of the folds, and the predictions for the rows that they hold out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table
from mlpkit.model.named_predictions import Columns
from mlpkit.text.json_numbers import finite

FACTS = ("repeat", "fold", "training", "held_out", "digest", "epochs")  # columns of the table before the scores


class FoldScores(NamedTuple):
    """Scores of one fold.

    Attributes
    ----------
    repeat, fold : int
        From 0.
    training, held_out : int
        Numbers of rows.
    digest : str
        Digest of the numbers of the held-out rows, which tells folds from each other.
    epochs : int
    figures : dict of str to float
        Loss and metrics on the held-out rows.
    """

    repeat: int
    fold: int
    training: int
    held_out: int
    digest: str
    epochs: int
    figures: dict[str, float]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Scores and predictions on rows that were held out.

    Attributes
    ----------
    folds : tuple of FoldScores
        Those that are finished.
    runs : int
        Number of folds of all repeats.
    predictions : dict of str to array
        Columns for each row of the data in their order, without test rows, rows of weight 0 and dropped ones: "row" is its number in the
        data from 0, "fold" of the first repeat (-1 where none holds it out, as for
        early rows of folds by time), the target, the prediction as ``predicted_NAME``, and probabilities as ``NAME=CLASS``. Numbers and
        probabilities are means over the repeats, NaN without a prediction; labels are those of the first repeat.
    inputs : tuple of str, or None
        Columns that the folds are trained on; None for an array without names.
    """

    folds: tuple[FoldScores, ...]
    runs: int
    predictions: Columns
    inputs: tuple[str, ...] | None

    @property
    def figures(self) -> dict[str, tuple[float, float]]:
        """Mean of each figure over the folds, and its standard deviation (with one less than their number; NaN for one fold)."""
        names = self.folds[0].figures if self.folds else {}
        found = {}
        for name in names:
            values = np.array([fold.figures[name] for fold in self.folds])
            found[name] = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        return found

    @property
    def table(self) -> dict[str, list[Any]]:
        """Facts and scores of each fold as columns."""
        facts = {name: [getattr(fold, name) for fold in self.folds] for name in FACTS}
        return facts | {name: [fold.figures[name] for fold in self.folds] for name in self.figures}

    def to_dict(self) -> dict[str, Any]:
        """Return all scores as JSON values."""
        folds = [{**fold._asdict(), "figures": finite(fold.figures)} for fold in self.folds]
        means = {name: finite({"mean": mean, "deviation": spread}) for name, (mean, spread) in self.figures.items()}
        return {"scores": means, "folds": folds, "runs": self.runs}

    def __str__(self) -> str:
        """Return a table with a line for each fold, and the means with standard deviations."""
        names = list(self.figures)
        several = any(fold.repeat for fold in self.folds)
        head = [*(["repeat"] if several else []), "fold", "rows", "epochs", *names]
        lines = [
            [
                *([str(fold.repeat)] if several else []),
                str(fold.fold),
                f"{fold.held_out:,}",
                str(fold.epochs),
                *(f"{fold.figures[name]:.5g}" for name in names),
            ]
            for fold in self.folds
        ]
        gap = [""] * (len(head) - len(names) - 1)
        lines.append(["mean", *gap, *(f"{mean:.5g}" for mean, _ in self.figures.values())])
        lines.append(["±", *gap, *(f"{spread:.2g}" for _, spread in self.figures.values())])
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        return "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in [head, *lines])


def out_of_fold(numbers: NDArray[np.intp], target: Table, parts: Sequence[tuple[FoldScores, NDArray[np.intp], Columns]]) -> Columns:
    """Return the predictions for all rows that folds were made of.

    Parameters
    ----------
    numbers : array of int
        Numbers of the rows in the data.
    target : Table
        Target columns of the rows.
    parts : sequence of (FoldScores, array, dict of str to array)
        Scores of a fold, the numbers of its held-out rows, and their predictions by name.
    """
    count = len(numbers)
    fold_of, targets = np.full(count, -1), _columns(target)
    names = list(dict.fromkeys(name for _, _, columns in parts for name in columns))
    labels = {name for _, _, columns in parts for name in columns if name in targets and columns[name].dtype.kind not in "f"}
    sums = {name: np.zeros(count) for name in names if name not in labels}
    seen = np.zeros(count)
    for scores, rows, columns in parts:
        seen[rows] += 1
        if scores.repeat == 0:
            fold_of[rows] = scores.fold
        for name, total in sums.items():
            total[rows] += columns.get(name, np.zeros(len(rows)))  # a class that the training rows of the fold lack
    with np.errstate(invalid="ignore"):
        means = {name: total / np.where(seen, seen, np.nan) for name, total in sums.items()}
    found: Columns = {"row": numbers, "fold": fold_of}
    found |= {f"target_{name}" if name in found else name: values for name, values in targets.items()}
    first = [part for part in parts if part[0].repeat == 0]
    for name in names:
        found[f"predicted_{name}" if name in targets else name] = _labels(name, first, count) if name in labels else means[name]
    return found


def _columns(target: Table) -> Columns:
    """Return the targets as columns of single values: those of an array are y0, y1 and so on."""
    found: Columns = {}
    for name in target.names:
        values = target[name]
        found |= {name: values} if values.ndim == 1 else {f"{name}{index}": column for index, column in enumerate(values.T)}
    return found


def _labels(name: str, parts: Sequence[tuple[FoldScores, NDArray[np.intp], Columns]], count: int) -> NDArray[Any]:
    """Return predicted labels; None where there is none."""
    values = np.full(count, None, object)
    for _, rows, columns in parts:
        values[rows] = columns[name].astype(object)
    return values
