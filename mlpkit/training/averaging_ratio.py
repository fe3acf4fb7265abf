"""Ratio of the error of an ensemble's average to that of a single member, on rows like those that one member has held out.

Each row is held out by one member, and the others have trained on it. So the error of the average on new rows cannot be measured, but
estimated: as for a linear model, an error on a row of training is taken as a fraction of the error that the same network would make without
the row. Then the correlation between the errors of the member that held out a row and those of the others is that on new rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.members import taken
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.preprocessing.residuals import kept_rows
from mlpkit.spec import Spec
from mlpkit.training.evaluation import mean_answers

Vector = NDArray[np.float64]


def averaging_ratio(spec: Spec, networks: Sequence[Network], prepared: Prepared, target: TargetEncoder) -> Vector:
    """Return the ratio for each target, shape (targets,); 1 for folds in order of time, as the others have not trained on later rows.

    Parameters
    ----------
    spec : Spec
    networks : sequence of Network
        Those of all members.
    prepared : Prepared
        With folds.
    target : TargetEncoder
        Of numbers.
    """
    count = len(prepared.train_values)
    if any(len(fold.training) + len(fold.validation) != count for fold in prepared.folds):
        return np.ones(len(target.names))
    rows = kept_rows(count)
    data, values = taken(prepared.train, rows, None), prepared.train_values[rows]
    errors = np.stack([values - mean_answers(spec, [network], target, data)[1] for network in networks])
    return ratio_of(errors, np.stack([np.isin(rows, fold.validation) for fold in prepared.folds]))


def ratio_of(errors: Vector, held_out: NDArray[np.bool_]) -> Vector:
    """Return the root of the mean squared error of the average of members relative to that of a member, for new rows.

    With r the correlation between the errors of two members on new rows, that is sqrt(r + (1 - r) / members). r is the square of the
    correlation between the error of the member that held out a row and the mean error of the others, corrected for the attenuation
    by the noise of that mean (Spearman 1904). Rows differ in how much training on them reduces their error, which makes the estimate
    too low, and 1 is too high: the mean of the two is returned.

    Parameters
    ----------
    errors : array, shape (members, rows, targets)
        Errors of each member on all rows.
    held_out : array of bool, shape (members, rows)
        True where a member has held out a row; others have trained on it. No row is held out twice.

    Returns
    -------
    array, shape (targets,), from 0.5 to 1
    """
    members, trained, some = len(errors), ~held_out[..., None], held_out.any(axis=0)
    counts = trained.sum(axis=0)
    pairs = counts[:, 0] >= 2
    if not some.any() or not pairs.any():
        return np.ones(errors.shape[2])
    with np.errstate(all="ignore"):
        own = np.where(trained, 0.0, errors).sum(axis=0)[some]
        means = np.where(trained, errors, 0.0).sum(axis=0) / counts
        squares = (np.where(trained, errors - means, 0.0) ** 2).sum(axis=0)[pairs] / (counts[pairs] - 1)
        noise = squares.mean(axis=0) / (members - 1)  # variance of the mean of the others
        others = means[some]
        signal = (others**2).mean(axis=0) - noise
        share = np.maximum((own * others).mean(axis=0), 0.0) ** 2 / (own**2).mean(axis=0) / signal
    share = np.where((signal > 0) & np.isfinite(share), np.minimum(share, 1.0), 1.0)
    return np.asarray((1.0 + np.sqrt(share + (1.0 - share) / members)) / 2)
