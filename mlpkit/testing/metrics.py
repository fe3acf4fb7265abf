"""The checks of metrics."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.plugin import Array, Metric, Targets
from mlpkit.testing.findings import expect, expect_close, expect_same_bits
from mlpkit.testing.trial import CheckFunction

ROWS = 24


def data(metric: Metric, columns: int | None = None) -> tuple[Array, Targets, Array]:
    """Outputs that are right for most rows, targets and weights; two classes or one value per row, unless `columns` says more."""
    rng = np.random.default_rng(2)
    if metric.task == "classification":
        classes = columns or 2
        targets: Targets = np.resize(np.arange(classes), ROWS)
        outputs = rng.dirichlet(np.ones(classes), ROWS) + 0.3 * np.eye(classes)[targets]
        return outputs / outputs.sum(axis=1, keepdims=True), targets, np.ones(ROWS)
    targets = rng.standard_normal((ROWS, columns or 1))
    return targets + 0.3 * rng.standard_normal(targets.shape), targets, np.ones(ROWS)


def answer(metric: Metric) -> list[Array]:
    """Its figure, to be compared."""
    return [np.array([metric.compute(*data(metric))], "float64")]


def finite(metric: Metric) -> None:
    """The figure is a finite float, for two classes and more, for one value per row and more, and for a single row."""
    outputs, targets, weights = data(metric)
    for case in (data(metric), data(metric, 3), (outputs[:1], targets[:1], weights[:1])):
        figure = metric.compute(*case)
        what = f"with outputs of the shape {case[0].shape}, the figure"
        expect(isinstance(figure, float), f"{what} is {type(figure).__name__}", "return a float")
        expect(math.isfinite(figure), f"{what} is {figure}", "give a finite figure where the formula has none, such as 0")


def row_weights(metric: Metric) -> None:
    """A row of weight 2 counts as two rows, and one of weight 0 not at all."""
    outputs, targets, _ = data(metric)
    counts = np.resize([2, 1, 0, 1, 2, 0], ROWS)
    expected = metric.compute(np.repeat(outputs, counts, axis=0), np.repeat(targets, counts, axis=0), np.ones(counts.sum()))
    found = metric.compute(outputs, targets, counts.astype("float64"))
    advice = "weigh each row, such as with np.average(..., weights=weights)"
    expect_close(np.array(found), np.array(expected), "figures of weighted rows, against those of repeated ones,", advice)


def order(metric: Metric) -> None:
    """The order of the rows does not matter."""
    outputs, targets, _ = data(metric)
    weights = np.random.default_rng(3).uniform(0.5, 2.0, ROWS)
    expected = np.array(metric.compute(outputs, targets, weights))
    for seed in range(3):
        shuffled = np.random.default_rng(seed).permutation(ROWS)
        found = np.array(metric.compute(outputs[shuffled], targets[shuffled], weights[shuffled]))
        expect_close(found, expected, "figures of shuffled rows", "let each row count wherever it stands")


def inputs_untouched(metric: Metric) -> None:
    """Outputs, targets and weights are left alone."""
    arrays = data(metric)
    before = [array.copy() for array in arrays]
    metric.compute(*arrays)
    for name, array, copy in zip(("outputs", "targets", "weights"), arrays, before, strict=True):
        expect_same_bits(array, copy, f"{name} before and after compute", f"do not write to {name}")


def direction(metric: Metric) -> None:
    """`higher_is_better` says whether right outputs have the higher figure."""
    higher = getattr(metric, "higher_is_better", None)
    expect(isinstance(higher, bool), f"higher_is_better is {higher!r}", "say True or False in the class")
    _, targets, weights = data(metric)
    if metric.task == "classification":
        right, wrong = np.eye(2)[targets] * 0.98 + 0.01, np.eye(2)[1 - targets] * 0.98 + 0.01
    else:
        right, wrong = targets.copy(), targets + 5.0 * np.random.default_rng(4).standard_normal(targets.shape)
    good, bad = metric.compute(right, targets, weights), metric.compute(wrong, targets, weights)
    agrees = good > bad if higher else good < bad
    found = f"right outputs have {good:g} and wrong ones {bad:g}, and higher_is_better is {higher}"
    expect(agrees, found, "correct higher_is_better, or the figure")


CHECKS: dict[str, CheckFunction] = {
    "finite": finite,
    "weights": row_weights,
    "order": order,
    "inputs_untouched": inputs_untouched,
    "direction": direction,
}
