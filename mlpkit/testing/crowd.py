"""A crowd of threads that do something at the same time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import numpy as np

OFTEN = 2e-4  # seconds after which another thread has its turn


def at_once(actions: Sequence[Callable[[], None]]) -> None:
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
    before = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if raised:
        raise raised[min(raised)]
