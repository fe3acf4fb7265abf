"""Plugins that do something on one rank, for tests: `--code` gives them to `mlpkit train`."""

import os
import resource
import signal
import time
from pathlib import Path
from typing import Literal

from mlpkit import Reader, Schedule

RANK = os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK"))  # of MPICH, of Open MPI


class Endless(Reader):
    """Reader that ends the process of the other rank, and reads on."""

    def open(self, source):
        parent = os.getppid()
        children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        (other,) = (child for child in children if child != os.getpid())
        os.kill(other, signal.SIGTERM)
        time.sleep(1000)


class Faulty(Schedule):
    fault: Literal["none", "error", "kill", "interrupt", "terminate", "twice", "disk"] = "none"
    rank: int = 1
    before: int = 40

    def at(self, progress):
        if progress.step == self.before and str(self.rank) == RANK:
            self.happen()
        return 0.01

    def happen(self):
        if self.fault == "error":
            raise ValueError("a fault on purpose")
        if self.fault == "disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        ending = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "twice": signal.SIGINT, "terminate": signal.SIGTERM}
        for _ in range(2 if self.fault == "twice" else 1):
            if self.fault in ending:
                os.kill(os.getpid(), ending[self.fault])
