"""`python -m tests.fuzz --mutants 1000000 --seed 0 --workers 2`: read mutants of valid files; exit code 1 when anything is found."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes: workers are forked, and threads would fight for the processors

from .golden import Golden, golden_files
from .mutations import mutant_of
from .readers import READERS
from .runner import Run, Summary

EXAMPLES = 3  # of each kind of finding
NUMBER = re.compile(r"0x[0-9a-f]+|\d+")  # by which findings of one kind differ


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Read mutants of valid model files.")
    parser.add_argument("--mutants", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the run: the same seed gives the same mutants")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; they do not change what is found")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds without a report after which a worker is ended")
    parser.add_argument("--reader", choices=READERS, default="mlpkit", help="mlpkit's, or one with a fault planted")
    parser.add_argument("--keep", type=Path, help="the folder for mutants that something was found with")
    parser.add_argument("--reproduce", metavar="GOLDEN:SEED", help="write this mutant and read it here, without limits")
    options = parser.parse_args()
    goldens = golden_files()
    if options.reproduce:
        return reproduce(goldens, options.reproduce, _folder(options.keep))
    run = Run(goldens, READERS[options.reader], options.seed, options.mutants, options.patience)
    started = time.monotonic()
    summary = run.summary(options.workers)
    _report_findings(run, summary, options.keep)
    _report(summary, time.monotonic() - started)
    return 1 if summary.findings else 0


def reproduce(goldens: dict[str, Golden], which: str, folder: Path) -> int:
    """Write a mutant and read it; an error comes out with its traceback."""
    name, _, seed = which.partition(":")
    data = mutant_of(goldens[name], int(seed))
    path = folder / f"{name}-{seed}.h5"
    path.write_bytes(data)
    print(f"{path}: {len(data)} bytes", flush=True)
    READERS["mlpkit"](data, path)
    print("it is taken")
    return 0


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="mutants-"))
    keep.mkdir(parents=True, exist_ok=True)
    return keep


def _report_findings(run: Run, summary: Summary, keep: Path | None) -> None:
    """Every kind of finding with some examples, whose files are kept."""
    kinds: dict[str, list[int]] = {}
    for number, finding in sorted(summary.findings.items()):
        kinds.setdefault(NUMBER.sub("N", finding), []).append(number)
    folder = _folder(keep) if kinds else Path()
    for numbers in kinds.values():
        print(f"{len(numbers)} times: {summary.findings[numbers[0]]}")
        for number in numbers[:EXAMPLES]:
            name, seed, data = run.mutant(number)
            path = folder / f"{name}-{seed}.h5"
            path.write_bytes(data)
            print(f"    {path}: python -m tests.fuzz --reproduce {name}:{seed}")


def _report(summary: Summary, seconds: float) -> None:
    total = summary.outcomes.total()
    print(f"{total} mutants in {seconds:.0f} s, {total / seconds:.0f} a second; {len(summary.findings)} findings")
    for outcome, count in summary.outcomes.most_common():
        print(f"{count:10} {outcome}")
    print(f"slowest {summary.slowest:.0f} ms; memory at most {summary.memory / 1024:.1f} MiB above that of the first mutant")


if __name__ == "__main__":
    raise SystemExit(main())
