"""`python -m tests.benchmarks earlier --earlier FOLDER`: training steps of two versions of mlpkit, such as those of two commits.

The folder holds the package mlpkit of the other version: a checkout, or the site-packages of an environment. Each version runs in a
process of its own, on the same data; the processes take turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .networks import NETWORKS
from .pairing import Row, Run, pair

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
sys.path.insert(0, {folder!r})
import mlpkit
assert mlpkit.__file__.startswith({folder!r}), mlpkit.__file__
sys.path.insert(0, {root!r})
from tests.benchmarks.earlier import serve
serve({number})
"""


def rows(quick: bool) -> list[Row]:
    """Return a row for each network; none without a folder of another version."""
    folder = os.environ.get("MLPKIT_EARLIER")
    if not folder:
        return []
    found = []
    for number, network in enumerate(NETWORKS[: 3 if quick else None]):
        with process(str(ROOT), number) as new, process(folder, number) as old:
            found += pair(f"step of {network.name}", asked(new), {"earlier": (asked(old), None)}, "us", 9 if quick else 41, 1e6)
            for side in (new, old):
                side.communicate("", timeout=60)  # the end of its input is its end
    return found


def process(folder: str, number: int) -> subprocess.Popen[str]:
    """Start a process with the mlpkit of a folder, which trains a network."""
    code = SERVE.format(folder=os.path.abspath(folder), root=str(ROOT), number=number)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir()
    )


def asked(side: subprocess.Popen[str]) -> Run:
    """Return a run that lets a process train an epoch and returns the seconds of a step."""

    def run() -> float:
        assert side.stdin is not None
        assert side.stdout is not None
        side.stdin.write("\n")
        side.stdin.flush()
        return float(side.stdout.readline())

    return run


def serve(number: int) -> None:
    """Train an epoch for each line of stdin and print the seconds of a step."""
    from .networks import data
    from .training import mlpkit_epoch

    network = NETWORKS[number]
    epoch = mlpkit_epoch(network, *data(network))
    for _ in sys.stdin:
        print(epoch(), flush=True)
