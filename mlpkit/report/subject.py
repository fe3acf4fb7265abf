"""Subject of a report: a model, its file, rows, and what several sections share."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.shards import Paths, first_file, shard_paths
from mlpkit.explain.contributions import outputs_of
from mlpkit.explain.importance import Importance, change_importance, measured_importance
from mlpkit.model.inspection import inspect
from mlpkit.model.model import Model
from mlpkit.plugin import Metric, plugin_name
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.provenance.placeholders import Placeholder
from mlpkit.report.baselines import BaselinePredictions, baseline_predictions
from mlpkit.report.bootstrap import Replicates, replicates
from mlpkit.report.rows import Measured, ReportRows, Sample
from mlpkit.training.evaluation import USUAL, choose_metrics

MORE = {
    "classification": ("balanced_accuracy", "f1", "roc_auc", "brier"),
    "regression": ("median_absolute_error",),
    "multilabel": ("multilabel_f1", "multilabel_roc_auc"),
}
WIDE = 50_000  # rows for scores by slice and for drift
CELLS = 2**25  # encoded values of these
EXPLAINED = 5_000  # rows for the importance of columns
FEWEST = 1_000  # rows of a small table, for which the cost is no matter
PASSES = 20  # predictions of all rows that the importance may cost, unless there are few rows
LEAST = 64  # rows for the importance of many columns
FEW = 4  # rows to find the candidates of very many
REPEATS = 5


@dataclass(frozen=True, eq=False)
class Subject:
    """Subject of a report.

    Attributes
    ----------
    model : Model
    facts : dict
        Result of `mlpkit.inspect`.
    rows : ReportRows or None
    source : str
        Name of the file of the rows; empty for rows in memory.
    digest : str
        SHA-256 of the file of the rows, or of the rows.
    training : Prepared or None
        Training and validation rows, if they are given.
    same : bool
        True if the given training rows are the rows of the report too.
    raw : bool
        True if values of single rows may be shown.
    """

    model: Model
    facts: dict[str, Any]
    rows: ReportRows | None = None
    source: str = ""
    digest: str = ""
    training: Prepared | None = None
    same: bool = False
    raw: bool = True

    @property
    def encoders(self) -> tuple[InputEncoder, TargetEncoder]:
        """Fitted preprocessing."""
        return self.model.encoders

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of predictions: classes, labels or targets."""
        return outputs_of(self.encoders[1])

    @property
    def measured(self) -> Measured | None:
        """Predictions for rows with targets, if there are any."""
        return None if self.rows is None else self.rows.measured

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics of the spec, and common ones for the task."""
        return metrics_of(self.model)

    @cached_property
    def wide(self) -> Sample:
        """Rows for figures of raw columns."""
        assert self.rows is not None
        return self.rows.sample(max(FEWEST, min(WIDE, CELLS // self.encoders[0].width)))

    @cached_property
    def baselines(self) -> BaselinePredictions | None:
        """Predictions of baselines for a sample of the rows."""
        rows, some = self.rows, self.wide
        assert rows is not None
        assert rows.measured is not None
        own = rows.measured if len(some.chosen) == len(rows) else rows.measured.take(some.chosen)
        return baseline_predictions(self.model, rows.labelled_sample(some), own, self.training)

    @cached_property
    def replicates(self) -> Replicates:
        """Scores of the model on the rows, with their intervals."""
        assert self.measured is not None
        return replicates([self.measured], self.metrics)

    @cached_property
    def candidates(self) -> list[int]:
        """Numbers of the raw columns whose importance is measured.

        These are all, or of very many those whose shuffling changes the predictions of a few rows the most.
        """
        rows = self.rows
        assert rows is not None
        columns, budget = len(rows.columns), self._budget
        most = max(1, budget // (2 * LEAST))
        if columns <= most:
            return list(range(columns))
        few = rows.sample(max(FEW, min(LEAST, budget // columns)), seed=1)
        changes = change_importance(self.model, few.inputs, len(rows), repeats=1, seed=1)
        return sorted(changes.order[:most])

    @property
    def _budget(self) -> int:
        """Number of rows that may be predicted for the importance."""
        assert self.rows is not None
        return PASSES * max(len(self.rows), FEWEST)

    @cached_property
    def importance(self) -> Importance | None:
        """Importance of the candidates, on as many rows as its cost allows; None for a single row."""
        rows = self.rows
        assert rows is not None
        columns, count = self.candidates if len(rows) > 1 else [], len(rows)
        if not columns:
            return None
        repeats = REPEATS if self._budget >= REPEATS * len(columns) * LEAST else 2
        some = rows.sample(min(EXPLAINED, max(LEAST, self._budget // (len(columns) * repeats))))
        if rows.measured is None:
            return change_importance(self.model, some.inputs, count, repeats=repeats, seed=0, only=columns)
        return measured_importance(self.model, rows.labelled_sample(some), count, repeats=repeats, seed=0, only=columns)

    @cached_property
    def order(self) -> list[int]:
        """Numbers of the raw columns, the most important first; those that are no candidates come last."""
        assert self.rows is not None
        first = [] if self.importance is None else [self.candidates[place] for place in self.importance.order]
        return first + sorted(set(range(len(self.rows.columns))).difference(first))


def metrics_of(model: Model) -> tuple[Metric, ...]:
    """Return the metrics of a model's spec that are installed, and common ones for its task."""
    task = model.encoders[1].task
    installed = [metric for metric in model.spec.metrics if not isinstance(metric, Placeholder)]
    chosen = list(choose_metrics(installed, task)) if installed else []
    for name in (*USUAL[task], *MORE[task]):
        (metric,) = choose_metrics([name], task)
        if plugin_name(metric) not in map(plugin_name, chosen):
            chosen.append(metric)
    return tuple(chosen)


def facts_of(model: Model, path: str | Path | None) -> dict[str, Any]:
    """Return the description of a model's file, or of the file that it would be saved as."""
    if path is not None:
        return inspect(path)
    stream = io.BytesIO()
    model.save(stream)
    stream.seek(0)
    return inspect(stream)


def file_digest(path: Paths) -> str:
    """Return the SHA-256 of a file; of several files that of their own ones."""
    files = shard_paths(path, any_suffix=True)
    if files is not None:
        return hashlib.sha256("".join(map(file_digest, files)).encode()).hexdigest()
    with open(first_file(path), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def rows_digest(rows: ReportRows) -> str:
    """Return the SHA-256 of the predictions for rows in memory, and of their targets."""
    digest = hashlib.sha256(np.ascontiguousarray(rows.outputs).tobytes())
    if rows.measured is not None:
        digest.update(np.ascontiguousarray(rows.measured.values).tobytes())
    return digest.hexdigest()
