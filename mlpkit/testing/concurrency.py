"""A crowd: other threads that call the same plugin, at the same time or in the middle of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Barrier, Thread

import numpy as np

from mlpkit.plugin import Array
from mlpkit.testing.failure_messages import expect_close
from mlpkit.testing.instruction_count import instructions, observed

TURNS = 60  # in which a call is held up, at most
COUNTED = 50_000  # instructions of a call
PATIENCE = 1.0  # seconds that another thread is waited for, which is held up itself where a lock is
KEEP_NONE = "keep no array outside of a call: scratch space is made in each, or is the caller's"
Call = Callable[[], Sequence[Array]]


def at_once(actions: Sequence[Callable[[], object]]) -> None:
    """Run each action on a thread of its own, all begun at the same moment, and raise what the first of them raised."""
    begin, raised = Barrier(len(actions)), dict[int, BaseException]()

    def run(number: int) -> None:
        begin.wait()
        try:
            with np.errstate(all="ignore"):  # as in training
                actions[number]()
        except BaseException as error:  # SystemExit too, which would end the thread alone
            raised[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[min(raised)]


def expect_undisturbed(call: Call, other: Call, turns: int = TURNS) -> None:
    """Raise AssertionError unless a call gives the same numbers alone, and while another thread makes another one.

    The other one is made as a whole wherever the first one may be held up, between any two of Python's instructions: so
    what two threads share is found at once, and not by chance. At last both run freely side by side.
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
        what = "numbers of one thread beside another and of one alone"
        expect_close(array, right, what, KEEP_NONE, rtol=1e-6, atol=1e-9, nan=True)


def interrupted(call: Call, other: Callable[[], object], turns: int) -> Sequence[Array]:
    """Return what a call gives in whose middle, some `turns` times, another thread makes another call."""
    stride = -(-instructions(call, COUNTED) // turns)
    count, late = 0, list[Thread]()

    def run_other() -> None:
        with np.errstate(all="ignore"), suppress(Exception):  # which is raised when both run freely
            other()

    def each() -> None:
        nonlocal count
        count += 1
        if count % stride == 0 and not late:
            thread = Thread(target=run_other)
            thread.start()
            thread.join(PATIENCE)
            if thread.is_alive():  # it waits for a lock that this thread holds: well done
                late.append(thread)

    try:
        return observed(call, each)
    finally:
        for thread in late:
            thread.join()
