"""`python -m tests.benchmarks ranks`: a step on two ranks of MPI against one process, each with one thread; needs mlpkit-mpi and mpich.

The same rows on two ranks (strong scaling), and twice as many (weak scaling). The processes of one side run while the other side waits.
`model` is what the parts of a step, measured one by one, say of two ranks: gradient of half the rows + sum of gradients + update.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from .networks import Network
from .pairing import Row, Run, pair

MPIEXEC = Path(sys.executable).parent / "mpiexec"
NETWORKS = [
    Network((784, 1024, 1024, 10), 1024, 4, {"one process": 1.6}),
    Network((784, 256, 128, 10), 1024, 10, {}),
    Network((64, 64, 10), 32, 200, {}),
]


def rows(quick: bool) -> list[Row]:
    """Return rows for each network; none without mlpkit-mpi and the mpiexec of its environment."""
    if find_spec("mlpkit_mpi") is None or not MPIEXEC.exists():
        return []
    found = []
    for network in NETWORKS[1:] if quick else NETWORKS:
        twice = network._replace(batch=2 * network.batch)
        rounds, goal = 3 if quick else 10, network.goals.get("one process")
        peers: dict[str, tuple[Run, float | None]] = {"one process": (steps(network, 1), goal)}
        strong = pair(f"2 ranks, step of {network.name}", steps(network, 2), peers, "us", rounds, 1e6)
        parts = started(network, 2, "parts")
        expected = sum(parts.values()) * 1e6
        found += [*strong, Row(strong[0].what, "model", "us", strong[0].mlpkit, expected, expected / strong[0].mlpkit, None)]
        found += pair(
            f"2 ranks, step of {twice.name}", steps(twice, 2), {"one process, half the batch": (steps(network, 1), None)}, "us", rounds, 1e6
        )
    return found


def steps(network: Network, count: int) -> Run:
    """Return a run that starts some ranks and returns the seconds of a step."""
    return lambda: started(network, count, "step")["step"]


def started(network: Network, count: int, what: str) -> dict[str, float]:
    """Return what the ranks, or one process, measure."""
    command = [sys.executable, "-m", "tests.benchmarks.ranks", json.dumps([network.widths, network.batch, network.steps]), str(count), what]
    launcher = [str(MPIEXEC), "-n", str(count)] if count > 1 else []
    allowed = lambda: os.sched_setaffinity(0, range(os.cpu_count() or 1))  # noqa: E731
    done = subprocess.run([*launcher, *command], stdout=subprocess.PIPE, text=True, check=True, preexec_fn=allowed)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure on this rank, and print what rank 0 finds."""
    from mlpkit import threads
    from mlpkit.plugin import REGISTRIES
    from mlpkit.training.ranks import Ranks, sharing

    widths, batch, count = json.loads(sys.argv[1])
    network = Network(tuple(widths), batch, count, {})
    ranks = Ranks(REGISTRIES["exchanges"].get("mpi")()) if sys.argv[2] != "1" else None
    threads.use(1)
    with sharing(ranks):
        found = parts_of(network, ranks) if sys.argv[3] == "parts" and ranks is not None else {"step": step_of(network)}
    if ranks is None or (ranks.rank == 0 and ranks.meet(None)) or not ranks.meet(None):
        print(json.dumps(found), flush=True)


def step_of(network: Network) -> float:
    """Return the median seconds of a step over epochs."""
    from .networks import data
    from .training import mlpkit_epoch

    epoch = mlpkit_epoch(network, *data(network))
    epoch()
    return statistics.median(float(epoch() or 0) for _ in range(5))


def parts_of(network: Network, ranks: object) -> dict[str, float]:
    """Return the seconds of the gradient of the rows of a rank, of the sum, and of the update, measured one by one."""
    from mlpkit.preprocessing.prepare import prepare
    from mlpkit.training.ranks import Ranks
    from mlpkit.training.ranks_estimate import fastest, ranks_estimate
    from mlpkit.training.update import Update

    from .networks import data, labels, model

    assert isinstance(ranks, Ranks)
    x, y = data(network)
    made = model(network)
    prepared = prepare(made.spec, x, labels(y))
    estimate = ranks_estimate(ranks, made.spec, made.network, prepared)
    update, gradient = Update(made.network, made.spec), made.network.parameters.trained * 0
    return {"share": estimate.share, "sum": estimate.sum, "update": fastest(lambda: update.apply(gradient, 1, 1))}


if __name__ == "__main__":
    main()
