"""Exchange of mlpkit over MPI, with mpi4py, which is imported when a run begins."""

from __future__ import annotations

import sys
import time
from functools import cached_property
from typing import Any, NoReturn

from mlpkit import BrokenPlugin, Exchange
from mlpkit.plugin import Array

PAUSE = 0.005  # seconds between two looks at ranks that have not arrived
AT_ONCE = 0.001  # seconds without a pause, for ranks that come together
HELP = "pip install 'mlpkit-mpi[mpich]' brings an MPI; on a cluster, load the site's MPI and install mpi4py for it"


class MPI(Exchange):
    """Exchange between the processes that `mpiexec` or `srun` has started."""

    @cached_property
    def _mpi(self) -> Any:
        try:
            from mpi4py import MPI as mpi  # initializes MPI
        except (ImportError, RuntimeError) as error:
            raise BrokenPlugin(f"MPI cannot be used: {error}", help=HELP) from error
        return mpi

    @cached_property
    def _world(self) -> Any:
        return self._mpi.COMM_WORLD

    @cached_property
    def _arrivals(self) -> _Arrivals:
        return _Arrivals(self._world)

    @cached_property
    def _gathering(self) -> _Arrivals:
        return _Arrivals(self._world)

    @property
    def rank(self) -> int:
        return int(self._world.rank)

    @property
    def size(self) -> int:
        _ = self._arrivals, self._gathering  # begun on all ranks at once
        return int(self._world.size)

    def sum(self, array: Array) -> None:
        self._world.Allreduce(self._mpi.IN_PLACE, array)

    def gather(self, value: Any) -> list[Any]:
        self._gathering.wait(None)  # which a signal interrupts, for example while another rank reads the rows
        return list(self._world.allgather(value))

    def arrive(self, seconds: float | None) -> bool:
        return self._arrivals.wait(seconds)

    def abort(self, code: int) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(code)
        raise SystemExit(code)  # it never comes here


class _Arrivals:
    """Barrier on a communicator of its own, because other ranks may be in another call of the first one.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
    """

    def __init__(self, world: Any) -> None:
        self.ranks: Any = world.Dup()
        self.request: Any = None

    def wait(self, seconds: float | None) -> bool:
        """Wait for the barrier, or go on waiting for it; return False after some seconds."""
        if self.request is None:
            self.request = self.ranks.Ibarrier()
        begun = time.monotonic()
        while not self.request.Test():
            waited = time.monotonic() - begun
            if seconds is not None and waited >= seconds:
                return False
            if waited > AT_ONCE:
                time.sleep(PAUSE)
        self.request = None
        return True
