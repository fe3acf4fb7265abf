"""Baselines of a spec and its data, to judge a model's score by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec, as_spec
from mlpkit.training.baselines import Baselines, score_baselines
from mlpkit.training.preflight import check_measured


def baselines(
    spec: Spec | dict[str, Any] | str | Path, rows: Any = None, y: Any = None, *, validation: Any = None, weights: Any = None
) -> Baselines:
    """Return the scores of a constant prediction and of a linear model, which a trained model should exceed.

    They are fitted on the training rows that `mlpkit.train` would use for the same arguments, and measured on the validation rows, or on
    the training rows if there are none. The constant prediction has the shares of the classes or labels, or the number of least loss (the
    mean or the median). The linear model is least squares for numbers, else logistic or softmax regression, on the encoded inputs, with
    the penalty of scikit-learn's `Ridge` and `LogisticRegression`. It is fitted on at most 10,000 rows.

    Parameters
    ----------
    spec, rows, y, validation, weights
        The same as for `mlpkit.train`.

    Returns
    -------
    Baselines
        With `scores["constant"]` and `scores["linear"]`, the metrics of the spec by name, or common ones for the task; `skipped` has the
        reason if there is no linear model, for very many inputs or classes.

    Raises
    ------
    SpecError, PluginError, DataError

    Examples
    --------
    >>> mlpkit.baselines("spec.json").scores["linear"]["accuracy"]      # doctest: +SKIP
    0.97
    """
    spec = as_spec(spec)
    prepared = prepare(spec, rows, y, validation=validation, weights=weights)
    check_measured(spec, prepared)
    return score_baselines(spec, prepared)
