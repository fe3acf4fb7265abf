"""Checks of metrics, with two classes and three, and one value per row and two.

A metric may reject three classes or two values by raising ValueError. The checks then skip those.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from mlpkit.plugin import Array, Metric, Targets
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.concurrency import expect_undisturbed
from mlpkit.testing.failure_messages import expect, expect_close, expect_same_bits
from mlpkit.testing.metric_cases import COLUMNS, EVERY, MANY, ROWS, Case, cases, data, refused, special, unbalanced
from mlpkit.testing.variants import variants

LONG = 1500  # rows


def finite(metric: Metric) -> None:
    """Check that the value is a finite float for all numbers of classes and columns; it may be NaN for a single row."""
    taken = cases(metric)
    outputs, targets, weights = taken[0]
    for case in (*taken, (outputs[:1], targets[:1], weights[:1])):
        figure = metric.compute(*case)
        what = f"with outputs of the shape {case[0].shape}, the figure"
        expect(isinstance(figure, float), f"{what} is {type(figure).__name__}", "return a float")
        undefined = len(case[0]) == 1 and math.isnan(figure)
        expect(math.isfinite(figure) or undefined, f"{what} is {figure}", "return a finite value, or NaN for rows without a defined value")


def row_weights(metric: Metric) -> None:
    """Check that a sample weight of 2 equals two rows, and a weight of 0 none."""
    counts = np.resize([2, 1, 0, 1, 2], ROWS)
    for outputs, targets, _ in cases(metric):
        expected = metric.compute(np.repeat(outputs, counts, axis=0), np.repeat(targets, counts, axis=0), np.ones(counts.sum()))
        found = metric.compute(outputs, targets, counts.astype("float64"))
        what = f"values of weighted rows, against those of repeated ones, with outputs of the shape {outputs.shape}"
        expect_close(np.array(found), np.array(expected), what, "weigh each row, such as with np.average(..., weights=weights)")


def order(metric: Metric) -> None:
    """Check that the order of the rows does not matter."""
    weights = np.random.default_rng(3).uniform(0.5, 2.0, ROWS)
    for outputs, targets, _ in cases(metric):
        expected = np.array(metric.compute(outputs, targets, weights))
        for seed in range(3):
            shuffled = np.random.default_rng(seed).permutation(ROWS)
            found = np.array(metric.compute(outputs[shuffled], targets[shuffled], weights[shuffled]))
            what = f"figures of shuffled rows, with outputs of the shape {outputs.shape}"
            expect_close(found, expected, what, "let each row count at any position")


def sizes(metric: Metric) -> None:
    """Check that many rows, and many classes or columns, give the value of the few weighted rows that they repeat."""
    advice = "let every row and every class count, for any number of them"
    for columns in EVERY[metric.task]:
        rows = max(ROWS, columns)
        case = data(metric, columns, rows)
        if refused(metric, case):
            continue
        outputs, targets, _ = case
        counts = np.random.default_rng(8).multinomial(LONG, np.full(rows, 1 / rows)) + 1
        every = np.repeat(np.arange(rows), counts)
        every = np.random.default_rng(9).permutation(every)
        found = metric.compute(outputs[every], targets[every], np.ones(len(every)))
        expected = metric.compute(outputs, targets, counts.astype("float64"))
        what = f"values of {len(every)} rows, against those of {rows} weighted rows, with outputs of {columns} columns"
        expect_close(np.array(found), np.array(expected), what, advice, rtol=1e-7, atol=1e-9)
        if metric.task == "classification" and columns > MANY["classification"][-1]:
            _expect_last_counts(metric, outputs, targets, advice)


def _expect_last_counts(metric: Metric, outputs: Array, targets: Targets, advice: str) -> None:
    """Check that the last of many classes counts, if each of a few classes does."""
    fewest = cases(metric)[0]
    if all(_counts(metric, fewest, part) for part in range(fewest[0].shape[1])):
        columns = outputs.shape[1]
        for part in (columns // 2, columns - 1):
            found = f"with {columns} classes, the figure is the same whether the outputs of the rows of class {part} are right or wrong"
            expect(_counts(metric, (outputs, targets, np.ones(len(targets))), part), found, advice)


def special_values(metric: Metric) -> None:
    """Check that absent classes, certain outputs, zeros, constant and negative targets give a finite value or a ValueError.

    NaN is allowed where a formula is undefined: for one row, or for constant targets.
    """
    for what, case in special(metric):
        if refused(metric, case):
            continue
        with np.errstate(all="ignore"):
            figure = metric.compute(*[array.copy() for array in case])
        text = f"for rows {what}, with outputs of the shape {case[0].shape}, the figure is {figure}"
        defined = isinstance(figure, float) and (math.isfinite(figure) or (math.isnan(figure) and len(np.unique(case[1], axis=0)) == 1))
        expect(defined, text, "return a finite value where the formula is undefined, such as 0")


def buffers(metric: Metric) -> None:
    """Check that nothing is kept between two calls: arrays are reused with other numbers in them."""
    for outputs, targets, weights in cases(metric):
        same = [np.empty_like(array) for array in (outputs, targets, weights)]
        for seed in (2, 3, 2):
            fresh = unbalanced(metric, outputs.shape[1], seed)
            fresh = fresh[0][:ROWS], fresh[1][:ROWS], fresh[2][:ROWS]
            if refused(metric, fresh):
                continue
            expected = metric.compute(*fresh)
            for array, numbers in zip(same, fresh, strict=True):
                array[...] = numbers
            found = metric.compute(*same)
            what = "values of rows in fresh arrays and in ones that were used before"
            expect_same_bits(np.array(found), np.array(expected), what, "compute from the arguments alone, and keep nothing between calls")


def threads(metric: Metric) -> None:
    """Check that evaluations in several threads at once do not affect each other."""
    columns = cases(metric)[0][0].shape[1]
    one, other = (data(metric, columns, ROWS, seed) for seed in (2, 3))
    expect_undisturbed(partial(_figure, metric, one), partial(_figure, metric, other))


def _figure(metric: Metric, case: Case) -> list[Array]:
    return [np.array([metric.compute(*case)])]


def inputs_untouched(metric: Metric) -> None:
    """Check that outputs, targets and weights are not written to."""
    far = [case for _, case in special(metric) if not refused(metric, case)]
    for arrays in (*cases(metric), *far):
        before = [array.copy() for array in arrays]
        with np.errstate(all="ignore"):
            metric.compute(*arrays)
        for name, array, copy in zip(("outputs", "targets", "weights"), arrays, before, strict=True):
            expect_same_bits(array, copy, f"{name} before and after compute", f"do not write to {name}")


def direction(metric: Metric) -> None:
    """Check `higher_is_better` against right and wrong outputs, and that every class or column counts.

    Some metrics have the same value for right and wrong outputs with two classes, such as a top-2 accuracy. Then more classes must
    tell them apart.
    """
    higher = getattr(metric, "higher_is_better", None)
    expect(isinstance(higher, bool), f"higher_is_better is {higher!r}", "set it to True or False in the class")
    found, told_apart = "", False
    for outputs, targets, weights in cases(metric, MANY):
        columns = outputs.shape[1]
        good, bad = (
            metric.compute(answers, targets, weights) for answers in (_right(metric, targets, columns), _wrong(metric, targets, columns))
        )
        of = "" if columns == COLUMNS[metric.task][0] else f" with {columns} {_called(metric)}"
        found = f"right outputs have {good:g} and wrong ones {bad:g}{of}, and higher_is_better is {higher}"
        expect(good >= bad if higher else good <= bad, found, "correct higher_is_better, or the value")
        told_apart |= good != bad
    expect(told_apart, found, "let the value differ between right and wrong outputs")
    _expect_all_count(metric)


def _called(metric: Metric) -> str:
    return "classes" if metric.task == "classification" else "columns"


def _right(metric: Metric, targets: Targets, columns: int) -> Array:
    """Return outputs equal to the targets; for classes, probabilities of about 0.98."""
    return 0.02 / columns + 0.98 * np.eye(columns)[targets] if metric.task == "classification" else targets.copy()


def _wrong(metric: Metric, targets: Targets, columns: int, by: int = 1) -> Array:
    """Return outputs far from the targets; for classes, those of class `target + by`, with the lowest probability for the target."""
    if metric.task == "multilabel":
        return 1.0 - targets
    if metric.task == "regression":
        return targets + 5.0 * np.random.default_rng(4).standard_normal(targets.shape)
    chances = np.full((len(targets), columns), 0.2 / columns) + 0.78 * np.eye(columns)[(targets + by) % columns]
    chances[np.arange(len(targets)), targets] = 0.01 / columns
    wrong: Array = chances / chances.sum(axis=1, keepdims=True)
    return wrong


def _expect_all_count(metric: Metric) -> None:
    """Check that each class of many counts if each of the fewest does; likewise for columns."""
    fewest, *more = cases(metric)
    if not all(_counts(metric, fewest, part) for part in range(fewest[0].shape[1])):
        return  # such as the recall of one class
    for case in more:
        columns = case[0].shape[1]
        for part in range(columns):
            counts = any(_counts(each, case, part) for each in (metric, *variants(metric)))  # other options may select the column
            what = f"the rows of class {part}" if metric.task == "classification" else f"column {part}"
            found = f"with {columns} {_called(metric)}, the figure is the same whether the outputs of {what} are right or wrong"
            expect(counts, found, f"let all {_called(metric)} count, or raise ValueError for more than the metric supports")


def _counts(metric: Any, case: Case, part: int) -> bool:
    """Return True if the value depends on the outputs of one class's rows, or of one column."""
    outputs, targets, weights = case
    columns = outputs.shape[1]
    if metric.task != "classification":
        changed = outputs.copy()
        changed[:, part] = _wrong(metric, targets, columns)[:, part]
        return bool(metric.compute(changed, targets, weights) != metric.compute(outputs, targets, weights))
    right, rows = _right(metric, targets, columns), (targets == part)[:, None]
    every = [np.where(rows, _wrong(metric, targets, columns, by), right) for by in range(1, columns)]
    return any(metric.compute(changed, targets, weights) != metric.compute(right, targets, weights) for changed in every)


CHECKS: dict[str, CheckFunction] = {
    "finite": finite,
    "weights": row_weights,
    "order": order,
    "sizes": sizes,
    "special_values": special_values,
    "buffers": buffers,
    "threads": threads,
    "inputs_untouched": inputs_untouched,
    "direction": direction,
}
