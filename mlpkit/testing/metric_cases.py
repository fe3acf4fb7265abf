"""Outputs, targets and weights for metrics: two classes and more, one value per row and more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mlpkit.plugin import Array, Metric, Targets
from mlpkit.testing.failure_messages import NotApplicable
from mlpkit.testing.refusals import is_refusal

Case = tuple[Array, Targets, Array]  # outputs, targets and weights
ROWS = 24
COLUMNS = {"classification": (2, 3), "regression": (1, 2), "multilabel": (2, 3)}  # of outputs
# enough columns that a metric of the first few differs
MANY = {
    "classification": (2, 3, 12),
    "regression": (1, 2),
    "multilabel": (2, 3, 12),
}
EVERY = {"classification": (2, 3, 12, 60), "regression": (1, 2, 5), "multilabel": (2, 3, 12)}


def data(metric: Metric, columns: int | None = None, rows: int = ROWS, seed: int = 2) -> Case:
    """Return mostly right outputs, targets and weights; two classes or one value per row by default."""
    rng = np.random.default_rng(seed)
    if metric.task == "classification":
        classes = columns or 2
        targets: Targets = np.resize(np.arange(classes), rows)
        outputs = rng.dirichlet(np.ones(classes), rows) + 0.3 * np.eye(classes)[targets]
        return outputs / outputs.sum(axis=1, keepdims=True), targets, np.ones(rows)
    if metric.task == "multilabel":
        targets = rng.integers(0, 2, (rows, columns or 2)).astype("float64")
        return _chances(rng, targets, 0.8), targets, np.ones(rows)
    targets = rng.standard_normal((rows, columns or 1))
    return targets + 0.3 * rng.standard_normal(targets.shape), targets, np.ones(rows)


def unbalanced(metric: Metric, columns: int, seed: int = 2) -> Case:
    """Return unbalanced classes, or columns of very different sizes, with random sample weights."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 3.0, 60)
    if metric.task == "classification":
        targets: Targets = np.minimum(rng.geometric(0.45, 60) - 1, columns - 1)
        outputs = rng.dirichlet(np.full(columns, 0.5), 60) + 0.2 * np.eye(columns)[targets]
        return outputs / outputs.sum(axis=1, keepdims=True), targets, weights
    if metric.task == "multilabel":
        targets = (rng.random((60, columns)) < np.linspace(0.1, 0.9, columns)).astype("float64")
        return _chances(rng, targets, 0.7), targets, weights
    scale = np.logspace(0, 1.5, columns)
    targets = scale * rng.standard_normal((60, columns)) + 2.0
    return targets + scale[::-1] * rng.standard_normal(targets.shape), targets, weights


def _chances(rng: np.random.Generator, targets: Targets, right: float) -> Array:
    """Return probabilities of labels, a share `right` of which are on the right side of one half."""
    size = rng.uniform(0.05, 0.45, targets.shape)
    found: Array = 0.5 + np.where(rng.random(targets.shape) < right, size, -size) * (2 * targets - 1)
    return found


def cases(metric: Metric, every: Mapping[str, tuple[int, ...]] = COLUMNS) -> list[Case]:
    """Return cases with each number of columns that the metric accepts."""
    found = [data(metric, columns) for columns in every[metric.task]]
    taken = [case for case in found if not refused(metric, case)]
    if not taken:
        raise NotApplicable(f"compute raises ValueError for outputs of the shapes {', '.join(str(case[0].shape) for case in found)}")
    return taken


def refused(metric: Metric, case: Case) -> bool:
    """Return True if the metric itself raises ValueError, and not NumPy for shapes that do not match."""
    try:
        with np.errstate(all="ignore"):
            metric.compute(*[array.copy() for array in case])
    except ValueError as error:
        return is_refusal(error)
    return False


def special(metric: Metric) -> Iterator[tuple[str, Case]]:
    """Yield ordinary data that break some formulas."""
    for columns in COLUMNS[metric.task]:
        outputs, targets, weights = data(metric, columns)
        yield "of a single row", (outputs[:1], targets[:1], weights[:1])
        yield "with tiny weights", (outputs, targets, 1e-8 * weights)
        if metric.task == "classification":
            yield from _special_classes(outputs, targets, weights)
        elif metric.task == "multilabel":
            yield from _special_labels(outputs, targets, weights)
        else:
            yield from _special_values(outputs, targets, weights)


def _special_classes(outputs: Array, targets: Targets, weights: Array) -> Iterator[tuple[str, Case]]:
    classes = outputs.shape[1]
    for number in range(classes):
        yield f"of class {number} only", (outputs, np.full_like(targets, number), weights)
        only = targets != number
        yield f"without class {number}", (outputs[only], targets[only], weights[only])
    certain = np.eye(classes)
    yield "with certain and right outputs", (certain[targets], targets, weights)
    yield "with certain and wrong outputs", (certain[(targets + 1) % classes], targets, weights)
    yield "with outputs for the same class", (certain[np.zeros_like(targets)], targets, weights)
    yield "with equal outputs", (np.full_like(outputs, 1 / classes), targets, weights)


def _special_labels(outputs: Array, targets: Targets, weights: Array) -> Iterator[tuple[str, Case]]:
    yield "without any label", (outputs, np.zeros_like(targets), weights)
    yield "with every label", (outputs, np.ones_like(targets), weights)
    first = targets.copy()
    first[:, 0] = 0.0
    yield "without the first label", (outputs, first, weights)
    yield "with certain and right outputs", (targets.copy(), targets, weights)
    yield "with certain and wrong outputs", (1.0 - targets, targets, weights)
    yield "with equal outputs", (np.full_like(outputs, 0.5), targets, weights)


def _special_values(outputs: Array, targets: Targets, weights: Array) -> Iterator[tuple[str, Case]]:
    yield "with outputs equal to the targets", (targets.copy(), targets, weights)
    yield "with targets of 0", (outputs, np.zeros_like(targets), weights)
    yield "with outputs and targets of 0", (np.zeros_like(outputs), np.zeros_like(targets), weights)
    yield "with the same target in every row", (outputs, np.full_like(targets, 3.0), weights)
    yield "with the same output in every row", (np.full_like(outputs, 3.0), targets, weights)
    yield "with targets below 0", (outputs, -5.0 - np.abs(targets), weights)
    for size in (1e-8, 1e4, 1e8):
        yield f"of the size {size:g}", (size * outputs, size * targets, weights)
