"""Schedule that does something on one rank before a step, for tests: `--code` gives it to `mlpkit train`."""

import os
import resource
import signal
from typing import Literal

from mlpkit import Schedule


class Faulty(Schedule):
    fault: Literal["none", "error", "kill", "interrupt", "terminate", "twice", "disk"] = "none"
    rank: int = 1
    before: int = 40

    def at(self, progress):
        if progress.step == self.before and os.environ.get("PMI_RANK") == str(self.rank):
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
