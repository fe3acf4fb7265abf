"""A worker: a process that reads one mutant after the other and reports each in a line.

A line is JSON: the number of the mutant, what came of it, the milliseconds that it took, the largest memory of the
process so far in KiB and, for a finding, what it is. Before h5py reads a file, which may end the process, a line with
the outcome `comparing` says so.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mlpkit.errors import ModelFileError, PluginError, ProbeWarning, SurrogateWarning
from mlpkit.modelfile import memory_map
from mlpkit.modelfile.contents import Contents

from .comparison import OtherReader, difference
from .golden import Golden
from .limits import EXTRA_MEMORY, SECONDS, TooLong, Watch, limited, raise_too_long
from .mutant import Mutant
from .mutations import mutant_of, name_and_seed
from .readers import mlpkit_reader

Reader = Callable[[bytes, Path], Contents]
COMPARING, FINDING = "comparing", "finding"


class Outcome(NamedTuple):
    """Result of a mutant: `same`, `accepted`, the code of an error, or `finding` with a description."""

    name: str
    finding: str = ""


class Worker:
    """Reads mutants.

    Attributes
    ----------
    goldens : dict of str to Golden
    reader : function
        Takes the bytes and the path of a mutant; gives its contents, or raises what refuses it.
    path : Path
        Where each mutant is written.
    report : int
        The descriptor that lines are written to.
    """

    def __init__(self, goldens: dict[str, Golden], reader: Reader, folder: Path, report: int) -> None:
        self.goldens, self.reader, self.report = goldens, reader, report
        self.path = folder / f"{os.getpid()}.h5"
        self.watch = Watch(self.path)

    def work(self, run: int, numbers: range) -> None:
        """Read the mutants of a run with these numbers."""
        signal.signal(signal.SIGPROF, raise_too_long)
        sys.addaudithook(self.watch)
        gc.freeze()
        for number in numbers:
            name, seed = name_and_seed(run, number, list(self.goldens))
            data = mutant_of(self.goldens[name], seed)
            started = time.process_time()
            outcome = Outcome("same") if data == self.goldens[name].data else self._read(data)
            milliseconds = 1000 * (time.process_time() - started)
            if outcome is None:
                self._tell(number, Outcome(COMPARING), milliseconds)
                outcome = _compared(data, self.contents)
            self._tell(number, outcome, milliseconds)

    def _read(self, data: bytes) -> Outcome | None:
        """Result of a mutant; None if it was accepted, with its `contents`."""
        self.path.write_bytes(data)
        outcome = None
        try:
            with limited(len(data), self.watch), warnings.catch_warnings():
                warnings.simplefilter("error")  # a warning is an error where people have made it one
                warnings.simplefilter("ignore", ProbeWarning)
                warnings.simplefilter("ignore", SurrogateWarning)
                self.contents = self.reader(data, self.path)
        except (ModelFileError, PluginError) as error:
            outcome = Outcome(getattr(error, "code", type(error).__name__))
        except TooLong:
            outcome = Outcome(FINDING, f"hang: it took more than {SECONDS} s")
        except MemoryError:
            outcome = Outcome(FINDING, f"memory: it took more than its length and {EXTRA_MEMORY >> 20} MiB")
        except Exception as error:
            outcome = Outcome(FINDING, f"error: {_described(error)}")
        return Outcome(FINDING, self.watch.seen[0]) if self.watch.seen else outcome

    def _tell(self, number: int, outcome: Outcome, milliseconds: float) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        line = json.dumps([number, outcome.name, round(milliseconds, 2), memory, outcome.finding])
        os.write(self.report, f"{line}\n".encode())


def warm_up(goldens: dict[str, Golden], path: Path) -> None:
    """Import whatever reading and comparing import, before workers are forked, memory is counted and files are watched."""
    memory_map._libc()
    for golden in goldens.values():
        path.write_bytes(golden.data)
        problem = difference(golden.data, mlpkit_reader(golden.data, path))
        mutant = Mutant(golden)
        for block in golden.anatomy.blocks:
            mutant.sign_block(block)
        if problem or mutant.data != golden.data:
            raise RuntimeError(f"the golden file {golden.name}: {problem or 'its checksums are not understood'}")


def _compared(data: bytes, contents: Contents) -> Outcome:
    try:
        found = difference(data, contents)
    except OtherReader as error:
        return Outcome(FINDING, f"h5py: it fails at a file that was taken: {error}")
    return Outcome(FINDING, f"difference: {found}") if found else Outcome("accepted")


def _described(error: Exception) -> str:
    """The error and the line that it comes from."""
    trace: Any = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{type(error).__name__}: {str(error)[:200]} ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
