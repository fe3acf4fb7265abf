"""Ranges of numbers in the training rows, as far as a model file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlpkit.preprocessing.limits import Limits

if TYPE_CHECKING:
    from mlpkit.preprocessing.numeric import NumberEncoder


def training_ranges(numbers: NumberEncoder) -> Limits:
    """Return the smallest and the largest value in the training rows of each number, infinite where they are not known.

    They are known with `preprocessing.clip_inputs`, and of columns with the treatments "min_max" and "quantile"; of the numbers of a date
    only for the days.
    """
    center, scale, knots, limits = numbers.center, numbers.scale, numbers.knots, numbers.limits
    lower, upper = np.full(len(center), -np.inf), np.full(len(center), np.inf)
    ends, start, constant = np.concatenate([[0], np.cumsum(knots.counts)]).astype(int), 0, set(numbers.constant.tolist())
    for column in numbers.columns:
        for index in range(start, start + column.width):
            if limits:
                lower[index], upper[index] = limits.lower[index], limits.upper[index]
            elif index in constant:
                continue
            elif column.treatment == "min_max":
                top = center[index] + scale[index]  # rounded
                lower[index], upper[index] = center[index], top + 2 * np.spacing(max(abs(top), abs(center[index])))
            elif column.treatment == "quantile":
                lower[index], upper[index] = knots.points[ends[index]], knots.points[ends[index + 1] - 1]
        if column.kind == "date":
            later = slice(start + 1, start + column.width)
            lower[later], upper[later] = -np.inf, np.inf
        start += column.width
    return Limits(lower, upper)
