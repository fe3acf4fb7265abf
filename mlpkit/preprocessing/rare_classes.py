"""Warning of classes that folds or training rows of an ensemble's members lack."""

from __future__ import annotations

import numpy as np

from mlpkit.data.folds import Folds
from mlpkit.errors import DataWarning, warn
from mlpkit.plugin import Targets
from mlpkit.preprocessing import TargetEncoder
from mlpkit.text.shown import counted, first_few


def warn_rare(target: TargetEncoder, values: Targets, folds: Folds) -> None:
    """Warn once of classes without a row among the training rows, or the validation rows, of some member.

    Parameters
    ----------
    target : TargetEncoder
    values : array of int, shape (rows,)
        Class of each row, as `Labelled.values`; for other targets nothing happens.
    folds : tuple of Fold
    """
    if target.classes is None:
        return
    count = len(target.classes)
    rows = np.bincount(values, minlength=count)
    trained, validated = (np.array([np.bincount(values[part], minlength=count) for part in parts]) for parts in zip(*folds, strict=True))
    for part, lacking, effect in (
        ("train", (trained == 0).any(axis=0), "cannot predict it"),
        ("validate", (validated == 0).any(axis=0), "are measured without it"),
    ):
        found = np.flatnonzero(lacking & (rows > 0))
        if len(found):
            labels = target.classes.tolist()
            shown = first_few([f"{labels[index]!r} ({counted(int(rows[index]), 'row')})" for index in found])
            warn(DataWarning(f"some members of the ensemble {part} without a row of a class, and {effect}: {shown}"))
