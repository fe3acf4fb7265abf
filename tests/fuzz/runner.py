"""The runner: starts workers, sees those that hang or die, and puts what they report together."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .golden import Golden
from .mutations import mutant_of, name_and_seed
from .worker import COMPARING, FINDING, Reader, Worker, warm_up

POLL = 0.02  # seconds between two looks at the workers


@dataclass
class Summary:
    """Result of a run.

    Attributes
    ----------
    outcomes : Counter
        How many mutants had each outcome.
    findings : dict of int to str
        What was found, by the number of the mutant.
    slowest : float
        Milliseconds that the slowest mutant took.
    memory : int
        By how many KiB a worker grew beyond what it had after its first mutant, at most.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[int, str] = field(default_factory=dict)
    slowest: float = 0.0
    memory: int = 0

    def add(self, number: int, outcome: str, milliseconds: float, finding: str) -> None:
        """Count one mutant."""
        self.outcomes[outcome] += 1
        if finding:
            self.findings[number] = finding
        self.slowest = max(self.slowest, milliseconds)


@dataclass
class Run:
    """A run over mutants.

    Attributes
    ----------
    goldens : dict of str to Golden
    reader : function
    seed : int
    mutants : int
    patience : float
        Seconds of work, or of sleep, without a report after which a worker is ended. Waiting for a processor is neither.
    """

    goldens: dict[str, Golden]
    reader: Reader
    seed: int
    mutants: int
    patience: float = 10.0

    def summary(self, workers: int) -> Summary:
        """Read all mutants with some workers."""
        summary = Summary()
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
            warm_up(self.goldens, Path(folder) / "golden.h5")
            pending = [Process(self, range(first, self.mutants, workers), Path(folder)) for first in range(workers)]
            while pending:
                time.sleep(POLL)
                pending = [successor for process in pending if (successor := process.looked_after(summary)) is not None]
        return summary

    def mutant(self, number: int) -> tuple[str, int, bytes]:
        """The golden file, the seed and the bytes of the mutant with a number."""
        name, seed = name_and_seed(self.seed, number, list(self.goldens))
        return name, seed, mutant_of(self.goldens[name], seed)


class Watch:
    """Watches a process between two reports: the processor's seconds that it used, and those in which it slept."""

    def __init__(self) -> None:
        self.heard()

    def heard(self) -> None:
        """Begin anew."""
        self.begin: float | None = None
        self.last = 0.0
        self.slept = 0.0

    def idle_or_busy(self, pid: int) -> float:
        """Return the seconds since the last report that it worked, or slept without any work, whichever is longer."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if self.begin is None:
            self.begin = used
        asleep = fields[0] == "S" and used == self.last
        self.slept = self.slept + POLL if asleep else 0.0
        self.last = used
        return max(used - self.begin, self.slept)


class Process:
    """A worker seen from outside: which mutants it has to do, and what it has told so far."""

    def __init__(self, run: Run, numbers: range, folder: Path) -> None:
        self.run, self.numbers, self.folder = run, numbers, folder
        self.comparing, self.first_memory = False, 0
        self.watch = Watch()
        self.rest = b""
        self.pipe, report = os.pipe()
        os.set_blocking(self.pipe, False)
        self.pid = os.fork()
        if self.pid == 0:
            _child(Worker(run.goldens, run.reader, folder, report), run.seed, numbers)
        os.close(report)

    def looked_after(self, summary: Summary) -> Process | None:
        """Take what it has reported; itself, the process that goes on after it died, or None when all is done."""
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        self._listen(summary)
        if not ended and self.watch.idle_or_busy(self.pid) > self.run.patience:
            os.kill(self.pid, signal.SIGKILL)
            ended, status = os.waitpid(self.pid, 0)
            return self._succeeded(summary, f"hang: nothing was heard for {self.run.patience} s")
        if not ended:
            return self
        if os.waitstatus_to_exitcode(status) == 0 and not self.numbers:
            return self._closed()
        return self._succeeded(summary, f"crash: the process ended with {_cause(status)}")

    def _listen(self, summary: Summary) -> None:
        try:
            while data := os.read(self.pipe, 1 << 16):
                *lines, self.rest = (self.rest + data).split(b"\n")
                for line in lines:
                    self._take(summary, *json.loads(line))
        except BlockingIOError:
            return

    def _take(self, summary: Summary, number: int, outcome: str, milliseconds: float, memory: int, finding: str) -> None:
        self.comparing = outcome == COMPARING
        self.watch.heard()
        self.first_memory = self.first_memory or memory
        summary.memory = max(summary.memory, memory - self.first_memory)
        if not self.comparing:
            self.numbers = self.numbers[1:]
            summary.add(number, outcome, milliseconds, finding)

    def _succeeded(self, summary: Summary, finding: str) -> Process | None:
        """Another process for what is left, after the one mutant that ended this one."""
        os.close(self.pipe)
        if not self.numbers:
            raise RuntimeError(f"a worker failed after its last mutant: {finding}")
        summary.add(self.numbers[0], FINDING, 0.0, f"h5py, at a file that was taken: {finding}" if self.comparing else finding)
        return Process(self.run, self.numbers[1:], self.folder) if self.numbers[1:] else None

    def _closed(self) -> None:
        os.close(self.pipe)


def _child(worker: Worker, seed: int, numbers: range) -> None:
    """Run a worker process; it never returns."""
    code = 1
    try:
        worker.work(seed, numbers)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _cause(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
