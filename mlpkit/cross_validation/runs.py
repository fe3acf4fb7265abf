"""Runs of cross-validation: the folds one after the other here, or side by side in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mlpkit.cross_validation.fold import FoldResult, fit_fold
from mlpkit.cross_validation.task import result_of, shared
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.folds import Fold
from mlpkit.errors import MLPKitError
from mlpkit.model.member_workers import is_local, worth_processes
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.spec import Spec
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.threads import chosen, cores
from mlpkit.training.epoch import Epoch, MemberEpoch
from mlpkit.training.interrupts import Interrupts
from mlpkit.workers.pool import Pool, Task


class Run(NamedTuple):
    """Fold with the spec that is trained on it."""

    spec: Spec
    fold: Fold


Show = Callable[[Epoch], object]


def results(
    rows: RawRows, runs: Sequence[Run], on_epoch: Show | None, stop: Callable[[], bool] | None = None
) -> Iterator[tuple[int, FoldResult]]:
    """Yield the number and the result of each run as it ends. Ctrl-C raises KeyboardInterrupt after the results of finished runs.

    If `stop` returns True, running folds end without a result, and others do not begin.

    Raises
    ------
    MLPKitError
        The error of the first run that has one.
    """
    count = _processes(rows, runs)
    if count > 1:
        try:
            pool = Pool(shared(rows, [run.fold for run in runs]), count)
        except OSError:  # processes cannot be started here
            pass
        else:
            yield from _in_workers(pool, runs, on_epoch, stop)
            return
    for number, run in enumerate(runs):
        try:
            result = fit_fold(run.spec, rows, run.fold, stop=stop, on_epoch=_numbered(number, on_epoch))
        except MLPKitError as error:
            raise type(error)(f"fold {number}: {error.message}", help=error.help) from error
        if result is None:
            return
        yield number, result


def _processes(rows: RawRows, runs: Sequence[Run]) -> int:
    """Return the number of worker processes; 1 to train in this process, as for rows on disk and plugins that only this process knows."""
    spec, fold = runs[0]
    if isinstance(rows.table, StoredTable) or any(map(is_local, plugin_objects(spec))):
        return 1
    return min(chosen() or cores(), len(runs)) if worth_processes(spec, rows.table.width, len(fold.training), len(runs)) else 1


def _numbered(number: int, on_epoch: Show | None) -> Show | None:
    """Return a function that passes epochs on with the number of their run."""
    return None if on_epoch is None else lambda epoch: on_epoch(MemberEpoch.of(epoch, number))


def _in_workers(
    pool: Pool, runs: Sequence[Run], on_epoch: Show | None, stop: Callable[[], bool] | None
) -> Iterator[tuple[int, FoldResult]]:
    tasks = [
        Task(f"fold {number}", "mlpkit.cross_validation.task:run_fold", {"fold": number, "spec": run.spec.to_dict()})
        for number, run in enumerate(runs)
    ]
    interrupts = Interrupts()
    interrupts.begin()
    try:
        with pool:
            for message in pool.run(tasks, lambda: interrupts.pending or (stop is not None and stop())):
                if not message.done:
                    if on_epoch is not None:
                        on_epoch(MemberEpoch.of(Epoch(*message.values["epoch"]), message.task))
                elif (result := result_of(message.data)) is not None:
                    yield message.task, result
        interrupts.let()
    finally:
        interrupts.end()
