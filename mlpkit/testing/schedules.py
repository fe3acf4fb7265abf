"""The checks of schedules."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.plugin import Array, Schedule
from mlpkit.testing.findings import expect, expect_same_bits
from mlpkit.testing.trial import CheckFunction

LONG = (7, 100)  # epochs of a run
EVERY = (1, 2, 3, *LONG, 1000, 10_000)
MOST = 401  # places of one run


def places(runs: tuple[int, ...] = LONG) -> list[tuple[float, int]]:
    """Epochs, with fractions, of runs of several lengths: quarters of them, and of long runs so many from the first to the last."""
    return [(float(epoch), epochs) for epochs in runs for epoch in np.linspace(0, epochs, min(4 * epochs + 1, MOST))]


def answer(schedule: Schedule) -> list[Array]:
    """Its rates, to be compared."""
    return [np.array([schedule.rate(*place) for place in places()], "float64")]


def rates(schedule: Schedule) -> None:
    """Every rate is finite and not below 0, in runs of one epoch and of 10,000 too."""
    for epoch, epochs in places(EVERY):
        rate = schedule.rate(epoch, epochs)
        found = f"the rate at epoch {epoch:g} of {epochs} is {rate}"
        expect(math.isfinite(rate) and rate >= 0, found, "give a finite number of at least 0 from epoch 0 to the last")


def returns_float(schedule: Schedule) -> None:
    """Every rate is a float. NumPy's float64 is one of Python's, and computes the same."""
    for epoch, epochs in places():
        rate = schedule.rate(epoch, epochs)
        found = f"the rate at epoch {epoch:g} of {epochs} is {type(rate).__name__}"
        expect(isinstance(rate, float), found, "return a float: an array or NumPy's float32 would change the optimizer's arithmetic")


def memory(schedule: Schedule) -> None:
    """A rate depends on its arguments alone, in whatever order they come: a run may go on in the middle."""
    every = places()
    expected = np.array([schedule.rate(*place) for place in every], "float64")
    fresh = type(schedule).model_validate_json(schedule.model_dump_json())
    advice = "compute the rate from epoch and epochs alone, and keep nothing"
    for asked in (schedule, fresh):
        for order in (np.arange(len(every))[::-1], np.random.default_rng(0).permutation(len(every))):
            found = np.empty_like(expected)
            for index in order:
                found[index] = asked.rate(*every[index])
            expect_same_bits(found, expected, "rates asked for in order and in another order", advice)


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (rates, returns_float, memory)}
