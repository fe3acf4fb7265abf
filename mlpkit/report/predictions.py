"""Predictions for rows without targets."""

from __future__ import annotations

import numpy as np

from mlpkit.model.combination import decoded
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, name_of, number, paragraph, percent, table

MOST = 50  # classes or targets
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def prediction_section(subject: Subject) -> Markup:
    """Return the number of rows of each class or label, or quantiles of the predicted numbers."""
    rows, names, target = subject.rows, subject.names, subject.encoders[1]
    assert rows is not None
    note = paragraph("The rows have no targets, so there are no scores and no errors.", "note")
    if target.task == "regression":
        quantiles = np.quantile(rows.outputs, SHARES, axis=0)
        lines = [[name_of(name), *map(number, quantiles[:, place].tolist())] for place, name in enumerate(names[:MOST])]
        return Markup(note + table(["target", *map(percent, SHARES)], lines, caption="Quantiles of the predictions"))
    if target.task == "multilabel":
        shares = (rows.outputs > 0.5).mean(axis=0)
    else:
        chosen = decoded(target, rows.outputs)
        assert target.classes is not None
        shares = np.array([(chosen == label).mean() for label in target.classes[:MOST]])
    means = rows.outputs.mean(axis=0)
    lines = [[name_of(name), percent(shares[place]), number(means[place])] for place, name in enumerate(names[:MOST])]
    return Markup(note + table(["predicted", "rows", "mean probability"], lines, caption="Predictions"))
