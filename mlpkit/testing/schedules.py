"""Checks of schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Array, Progress, Schedule
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import expect, expect_same_bits

LONG = (7, 100)  # epochs of a run
EVERY = (1, 2, 3, *LONG, 1000, 10_000)
MOST = 401  # most positions in one run
PARTS = (3, 7, 11, 4)  # steps per epoch


def lengths(schedule: Schedule, runs: tuple[int, ...] = EVERY) -> tuple[int, ...]:
    """Return the lengths of runs to check that the schedule accepts; only shorter ones if it reads the whole history in every call."""
    few = [epochs for epochs in runs if epochs <= LONG[-1] or not schedule.once_per_epoch]
    return tuple(epochs for epochs in few if accepts(schedule, epochs))


def accepts(schedule: Schedule, epochs: int) -> bool:
    """Return True if the schedule fits a run of this many epochs."""
    try:
        schedule.check_epochs(epochs)
    except ValueError:
        return False
    return True


def accepted_epochs(schedule: Schedule, epochs: int) -> int:
    """Return the smallest accepted number of epochs from the given one on; the given one if there is none up to 10,000."""
    return next((length for length in range(epochs, EVERY[-1] + 1) if accepts(schedule, length)), epochs)


def places(runs: tuple[int, ...] = LONG) -> list[tuple[float, int]]:
    """Return positions (epoch, epochs) in runs of several lengths: all steps of short runs, a regular selection of long ones."""
    found = []
    for epochs in runs:
        for parts in PARTS if epochs < 10 else PARTS[-1:]:
            found += [(float(epoch), epochs) for epoch in np.linspace(0, epochs, min(parts * epochs + 1, MOST))]
    return found


def rate_at(schedule: Schedule, epoch: float, epochs: int) -> float:
    """Return the rate after `epoch` of `epochs` epochs, in a run whose loss falls and then stays constant."""
    if schedule.once_per_epoch:
        epoch = math.floor(epoch)
    step, steps = math.floor(epoch * PARTS[0]), epochs * PARTS[0]
    return schedule.at(Progress(min(epoch / epochs, 1.0), epoch, epochs, step, steps, _history(schedule, math.floor(epoch))))


def _history(schedule: Schedule, epochs: int) -> Mapping[str, NDArray[np.float64]]:
    """Return read-only history columns of finished epochs; empty unless the schedule is `once_per_epoch`."""
    if not schedule.once_per_epoch or not epochs:
        return {}
    column = 1.0 / np.minimum(np.arange(1, epochs + 1, dtype="float64"), 5.0)
    column.flags.writeable = False
    return dict.fromkeys(("loss", "validation_loss", "learning_rate", *schedule.history_columns), column)


def rates(schedule: Schedule) -> None:
    """Check that every rate is finite and not negative, in runs of one to 10,000 epochs."""
    for epoch, epochs in places(lengths(schedule)):
        rate = rate_at(schedule, epoch, epochs)
        found = f"the rate at epoch {epoch:g} of {epochs} is {rate}"
        expect(math.isfinite(rate) and rate >= 0, found, "give a finite number of at least 0 from epoch 0 to the last")


def short_runs(schedule: Schedule) -> None:
    """Check that a run of any length has a positive rate somewhere."""
    for epochs in lengths(schedule):
        largest = max(rate_at(schedule, *place) for place in places((epochs,)))
        found = f"no rate of a run of {epochs} epochs is above 0"
        expect(largest > 0, found, "define the phases of the schedule as fractions of the run, or shorten them for short runs")


def returns_float(schedule: Schedule) -> None:
    """Check that every rate is a float; NumPy's float64 is one."""
    for epoch, epochs in places(lengths(schedule)):
        rate = rate_at(schedule, epoch, epochs)
        found = f"the rate at epoch {epoch:g} of {epochs} is {type(rate).__name__}"
        expect(isinstance(rate, float), found, "return a float: an array or NumPy's float32 would change the optimizer's arithmetic")


def memory(schedule: Schedule) -> None:
    """Check that a rate depends on its arguments only, in any order of calls, because runs may be resumed."""
    every = places(lengths(schedule, (1, *LONG)))
    expected = np.array([rate_at(schedule, *place) for place in every], "float64")
    fresh = type(schedule).model_validate_json(schedule.model_dump_json())
    advice = "compute the rate from progress alone, and store nothing"
    for asked in (schedule, fresh):
        for order in (np.arange(len(every))[::-1], np.random.default_rng(0).permutation(len(every))):
            found = np.empty_like(expected)
            for index in order:
                found[index] = rate_at(asked, *every[index])
            expect_same_bits(found, expected, "rates asked for in order and in another order", advice)
    _expect_own_length(schedule, advice)


def _expect_own_length(schedule: Schedule, advice: str) -> None:
    """Check that the length of a run is taken from each call, not from an earlier one."""
    alone: dict[int, Array] = {}
    for epochs in lengths(schedule, (20, 40, 20, 40)):
        found = np.array([rate_at(schedule, epochs * share, epochs) for share in (0.1, 0.25, 0.5, 0.9)])
        expect_same_bits(found, alone.setdefault(epochs, found), "rates of runs of several lengths in turn", advice)


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (rates, short_runs, returns_float, memory)}
