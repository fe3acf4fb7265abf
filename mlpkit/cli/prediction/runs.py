"""Predictions of several files: one after the other here, or side by side in worker processes, with the same bytes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias

from mlpkit.cli.prediction.model_file import ModelFile
from mlpkit.cli.prediction.options import Options
from mlpkit.cli.prediction.task import Count, FileResult, FileTask, predict_file, result_of
from mlpkit.errors import WorkerError
from mlpkit.threads import blas_threads
from mlpkit.workers.pool import Pool, Task

Results: TypeAlias = "Generator[tuple[int, FileResult], None, None]"


def results(file: ModelFile, options: Options, tasks: Sequence[FileTask], processes: int, count: Count) -> Results:
    """Yield the number and the result of each task as it ends. Products of matrices use one thread, here and in worker processes.

    Parameters
    ----------
    file : ModelFile
    options : Options
    tasks : sequence of FileTask
    processes : int
        Number of worker processes; with 1, files are predicted here.
    count : callable
        Called with the number of rows of each batch.

    Raises
    ------
    MLPKitError
        Any error but those of data and outputs, which are in the results.
    """
    if min(processes, len(tasks)) > 1:
        try:
            pool = Pool({}, min(processes, len(tasks)))
        except OSError:  # processes cannot be started here
            pass
        else:
            yield from _in_workers(pool, file, options, tasks, count)
            return
    with blas_threads("numpy", 1):
        for number, task in enumerate(tasks):
            yield number, predict_file(file.model, options, task, count)


def _in_workers(pool: Pool, file: ModelFile, options: Options, tasks: Sequence[FileTask], count: Count) -> Results:
    shared = {"model": file.path, "state": file.state, "options": options.to_dict()}
    run = "mlpkit.cli.prediction.task:run"
    with pool:
        try:
            for message in pool.run([Task(task.source, run, {**shared, "task": task}) for task in tasks]):
                if message.done:
                    yield message.task, result_of(message.values)
                else:
                    count(message.values["rows"])
        except WorkerError as error:
            raise WorkerError(error.message, help="use fewer processes, with -j, or a smaller --batch-size") from error
