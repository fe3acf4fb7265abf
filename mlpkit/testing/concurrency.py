"""Concurrency: other threads that call the same plugin, at the same time or in the middle of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Barrier, Thread

import numpy as np

from mlpkit.plugin import Array
from mlpkit.testing.failure_messages import expect_close
from mlpkit.testing.instruction_count import instructions, observed

TURNS = 60  # times at most that a call is interrupted
COUNTED = 50_000  # most instructions of a call that are counted
PATIENCE = 1.0  # seconds to wait for another thread, which may be blocked by a lock
KEEP_NONE = "keep no array outside of a call: allocate scratch space in each call, or use the caller's"
Call = Callable[[], Sequence[Array]]


def at_once(actions: Sequence[Callable[[], object]]) -> None:
    """Run each action on its own thread, all started at once, and raise the first exception."""
    begin, raised = Barrier(len(actions)), dict[int, BaseException]()

    def run(number: int) -> None:
        begin.wait()
        try:
            with np.errstate(all="ignore"):  # as in training
                actions[number]()
        except BaseException as error:  # SystemExit too, which would only end its thread
            raised[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[min(raised)]


def expect_undisturbed(call: Call, other: Call, turns: int = TURNS) -> None:
    """Raise AssertionError unless a call gives the same numbers alone and while another thread makes another call.

    The other call is made completely at points between two Python instructions of the first call. This finds shared state
    reliably, not by chance. Finally both calls run in parallel.
    """
    with np.errstate(all="ignore"):
        alone, apart = call(), other()
        held_up = interrupted(call, other, turns)
    _expect_same(held_up, alone)
    found: list[Sequence[Array]] = [(), ()]

    def run(number: int, each: Call) -> None:
        found[number] = each()

    at_once([partial(run, 0, call), partial(run, 1, other)])
    _expect_same(found[0], alone)
    _expect_same(found[1], apart)


def _expect_same(found: Sequence[Array], expected: Sequence[Array]) -> None:
    for array, right in zip(found, expected, strict=True):
        what = "results of one thread beside another and of one alone"
        expect_close(array, right, what, KEEP_NONE, rtol=1e-6, atol=1e-9, nan=True)


def interrupted(call: Call, other: Callable[[], object], turns: int) -> Sequence[Array]:
    """Return the result of a call that is interrupted about `turns` times by another call on another thread."""
    stride = -(-instructions(call, COUNTED) // turns)
    count, late = 0, list[Thread]()

    def run_other() -> None:
        with np.errstate(all="ignore"), suppress(Exception):  # raised again when both run in parallel
            other()

    def each() -> None:
        nonlocal count
        count += 1
        if count % stride == 0 and not late:
            thread = Thread(target=run_other)
            thread.start()
            thread.join(PATIENCE)
            if thread.is_alive():  # it waits for a lock that this thread holds, which is correct
                late.append(thread)

    try:
        return observed(call, each)
    finally:
        for thread in late:
            thread.join()
