"""Together: processes that run one command as ranks of an exchange, with `--distributed`, and end together.

A rank that fails alone would leave the others waiting for it for ever. So each rank tells the others that it has come to its end. If they
do not come too, within some seconds, they train on and wait for this rank: it ends them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli import errors, signals
from mlpkit.cli.console import Console
from mlpkit.errors import MLPKitError, Problem

if TYPE_CHECKING:
    from mlpkit.training.ranks import Ranks

LIMIT = 4.0  # seconds to wait for the end of the other ranks, after which this one ends them
ALONE, VARIABLE = "none", "MLPKIT_DISTRIBUTED"
OTHER_MPI = "start them with the mpiexec or srun of the MPI that mpi4py uses: python -m mpi4py --mpi-lib-version"
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # set by mpiexec and srun
Distributed = Annotated[
    str | None,
    typer.Option(
        "--distributed",
        metavar="NAME",
        envvar=VARIABLE,
        help="Train one model with all processes that mpiexec has started: mpi, of the package mlpkit-mpi. none: each trains alone.",
    ),
]


@contextmanager
def together(console: Console, name: str | None) -> Iterator[Ranks | None]:
    """Return a context for the ranks of a named exchange, with messages of rank 0 alone; None for a process that trains alone.

    Raises
    ------
    MLPKitError
        Several processes were started without a name; or the exchange connects none of them.
    typer.Exit
        An error has ended the run on some rank. It was shown.
    """
    ranks = _ranks(name)
    if ranks is None:
        yield None
        return
    console.muted, failure = ranks.rank > 0, None
    try:
        from mlpkit.training.same_run import check_versions

        check_versions(ranks, _versions(str(name)))
        yield ranks
    except BaseException as error:
        failure = error
    code = _end(console, ranks, failure)
    if isinstance(failure, Exception) and ranks.rank == 0:
        raise failure
    if code:
        raise typer.Exit(code)


def _ranks(name: str | None) -> Ranks | None:
    started = launched()
    if name is None and started > 1:
        message = f"{started} processes were started at once, and each of them would train the same model"
        raise MLPKitError(message, help=f"add --distributed mpi to train one model together, or --distributed {ALONE}")
    if name in (None, ALONE):
        return None
    from mlpkit.plugin import REGISTRIES
    from mlpkit.training.ranks import Ranks

    ranks = Ranks(REGISTRIES["exchanges"].get(str(name))())
    if ranks.size == 1 and started > 1:
        message = f"{started} processes were started, but {name} connects this one with no other"
        raise MLPKitError(message, help=OTHER_MPI)
    return ranks if ranks.size > 1 else None


def launched() -> int:
    """Return the number of processes that a launcher of parallel programs has started together with this one, and this one."""
    return max(int(text) if (text := os.environ.get(name, "")).isdecimal() else 1 for name in SIZES)


def started_once(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as one that several processes must not run at once, because each would do the same and write the same files.

    It raises MLPKitError before any work, unless the environment says that each process is meant to work alone.
    """

    @functools.wraps(command)
    def run(console: Console, **given: Any) -> None:
        started, name = launched(), command.__name__.partition("_")[0]
        if started > 1 and os.environ.get(VARIABLE) != ALONE:
            message = f"{started} processes were started at once, and each of them would run 'mlpkit {name}' and write the same files"
            own = f"or set {VARIABLE}={ALONE} if each has files of its own"
            raise MLPKitError(message, help=f"start it without mpiexec or srun: only 'mlpkit train' shares its work with them; {own}")
        command(console, **given)

    return run


def _versions(name: str) -> dict[str, str]:
    """Return the versions of mlpkit and of the package of an exchange."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.version import __version__

    info = REGISTRIES["exchanges"].find(name)
    return {"mlpkit": __version__, **({info.distribution: info.version} if info.distribution and info.version else {})}


def _end(console: Console, ranks: Ranks, failure: BaseException | None) -> int:
    """End this rank together with the others, or end the others; return the highest exit code.

    Errors are shown that are not those of rank 0, which shows its own.
    """
    code, problems = _code(failure), _problems(failure)
    try:
        met = ranks.meet(LIMIT if failure else None)
        text = "\n".join(problem.message for problem in problems)
        ends = ranks.exchange.gather((code, text)) if met else []
        if problems and (not met or (ranks.rank and text != ends[0][1])):
            console.muted = False
            errors.show(console, [replace(each, message=f"rank {ranks.rank}: {each.message}") for each in problems])
        if met and ranks.exchange.arrive(None):
            return int(max(end for end, _ in ends))
    except BaseException:  # another signal
        code = code or signals.INTERRUPTED
    ranks.exchange.abort(code)


def _code(failure: BaseException | None) -> int:
    """Return the exit code of an exception."""
    if failure is None:
        return 0
    if isinstance(failure, typer.Exit):
        return int(failure.exit_code)
    if isinstance(failure, signals.Ended):
        return 128 + failure.number
    if isinstance(failure, Exception) and not isinstance(failure, typer.Abort):
        return 2 if hasattr(failure, "format_message") else errors.exit_code(failure)  # a usage error
    return signals.INTERRUPTED


def _problems(failure: BaseException | None) -> tuple[Problem, ...]:
    """Return the problems to show for an exception; none for a signal."""
    if not isinstance(failure, Exception) or isinstance(failure, (typer.Exit, typer.Abort)):
        return ()
    usage: Any = getattr(failure, "format_message", None)
    return errors.problems_of(failure) if usage is None else (Problem(usage()),)
