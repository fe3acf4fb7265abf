"""Checks of exchanges, in one process, which is the only rank."""

from __future__ import annotations

import numpy as np

from mlpkit.plugin.exchange import Exchange
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import expect

DTYPES = ("float32", "float64")


def rank(exchange: Exchange) -> None:
    """Check that one process is rank 0 of 1, or one of the ranks that a launcher has started."""
    expect(exchange.size >= 1, f"size is {exchange.size}", "return the number of processes, which is 1 without a launcher")
    found = f"rank is {exchange.rank}, of {exchange.size}"
    expect(0 <= exchange.rank < exchange.size, found, "number the processes from 0")


def sums(exchange: Exchange) -> None:
    """Check that a sum over the ranks is in place, for both types of numbers."""
    for dtype in DTYPES:
        array = np.arange(5, dtype=dtype)
        exchange.sum(array)
        expected = exchange.size * np.arange(5, dtype=dtype)
        found = f"the sum of 0 1 2 3 4 over {exchange.size} ranks is {' '.join(f'{number:g}' for number in array)}"
        expect(bool((array == expected).all()), found, "replace the array by the sum, in place")


def gathers(exchange: Exchange) -> None:
    """Check that each rank gets the values of all, in their order."""
    found = exchange.gather({"rank": exchange.rank})
    expect(
        found == [{"rank": rank} for rank in range(exchange.size)], f"gather returns {found}", "return a list of the values of all ranks"
    )


def arrives(exchange: Exchange) -> None:
    """Check that all ranks arrive, more than once."""
    for _ in range(2):
        expect(exchange.arrive(None) is True, "arrive returns no True, without a limit", "return True once all ranks have called it")


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (rank, sums, gathers, arrives)}
