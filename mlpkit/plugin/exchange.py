"""Contract of exchanges between processes that train one model together.

An exchange stands neither in a spec nor in a model file: it is chosen for a run, by `mlpkit train --distributed NAME`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NoReturn

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import Plugin


class Exchange(Plugin):
    """Exchange between `size` processes, the ranks 0 to size - 1. All ranks call `sum` and `gather` in the same order."""

    kind: ClassVar[str] = "exchanges"
    of_a_run: ClassVar[bool] = True
    if_missing: ClassVar[str] = ""

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of this process."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of processes."""

    @abstractmethod
    def sum(self, array: Array) -> None:
        """Replace an array by its sum over all ranks, in place, with the same bits on each rank.

        Parameters
        ----------
        array : array
            Contiguous, float32 or float64, of the same shape on each rank.
        """

    @abstractmethod
    def gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in their order, on each rank. A value is anything that can be pickled."""

    @abstractmethod
    def arrive(self, seconds: float | None) -> bool:
        """Wait until each rank has called this method; return False if one has not within `seconds`.

        Other ranks may be in any other call meanwhile. After False, the next call goes on waiting. None waits without a limit.
        """

    @abstractmethod
    def abort(self, code: int) -> NoReturn:
        """End the processes of all ranks with an exit code, in whatever call they are."""
