"""Clock of a run with a time budget, which goes on from the state of an interrupted run."""

from __future__ import annotations

import time
from collections.abc import Callable


class RunClock:
    """Elapsed part of a time budget.

    Parameters
    ----------
    budget : float
        Seconds.
    now : callable, optional
        Present time in seconds.

    Attributes
    ----------
    elapsed : float
        Fraction of the budget at the last call of `read`; more than 1 if it is exceeded.
    agree : callable or None
        Function from the elapsed fraction here to the one that several processes use.
    """

    def __init__(self, budget: float, now: Callable[[], float] = time.monotonic) -> None:
        self.budget, self._now, self.elapsed = budget, now, 0.0
        self.agree: Callable[[float], float] | None = None
        self._start: float | None = None

    @property
    def over(self) -> bool:
        """True if the budget was spent at the last call of `read`."""
        return self.elapsed >= 1.0

    def read(self) -> float:
        """Return the elapsed fraction of the budget since the first call."""
        now = self._now()
        self._start = now if self._start is None else self._start
        self.elapsed = (now - self._start) / self.budget
        return self.elapsed

    def decide(self) -> float:
        """Return the elapsed fraction that all processes use."""
        self.elapsed = self.read() if self.agree is None else self.agree(self.read())
        return self.elapsed

    def resume(self, elapsed: float) -> None:
        """Go on from an elapsed fraction."""
        self.elapsed, self._start = elapsed, self._now() - elapsed * self.budget
