"""Prediction of one file as a task of a worker process, or of this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from mlpkit.cli.errors import OutputError
from mlpkit.cli.output_files import written
from mlpkit.cli.prediction.model_file import loaded
from mlpkit.cli.prediction.options import Options
from mlpkit.cli.prediction.rows import First, predicted
from mlpkit.cli.predictions import Columns, Format, write
from mlpkit.errors import DataError, MLPKitError, Problem
from mlpkit.model.model import Model
from mlpkit.workers.job import Job

Count = Callable[[int], object]


class FileTask(NamedTuple):
    """Prediction of a file into another one.

    Attributes
    ----------
    source, output : str
        Paths; nothing is at `output` yet.
    header : bool
        True to begin a CSV file with the names of its columns.
    first : First or None
        Columns of the file whose rows are written before these.
    """

    source: str
    output: str
    header: bool = True
    first: First | None = None


class FileResult(NamedTuple):
    """Number of predicted rows, or the error: one of the data, or of the output, which then concerns all files."""

    rows: int = 0
    error: MLPKitError | None = None


def predict_file(model: Model, options: Options, task: FileTask, count: Count) -> FileResult:
    """Predict a file, and call `count` with the number of rows of each batch."""
    try:
        with written(task.output) as stream:
            batches = _counted(predicted(model, task.source, options, task.first), count)
            rows = write(stream, Format(options.format), batches, header=task.header)
            if os.path.lexists(task.output):
                raise OutputError(f"{task.output} was written by another program in the meantime", help="give another folder")
        return FileResult(rows)
    except (DataError, OutputError) as error:
        return FileResult(error=error)


def _counted(batches: Iterator[Columns], count: Count) -> Iterator[Columns]:
    for columns in batches:
        yield columns
        count(len(next(iter(columns.values()))))


def run(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Predict a file in a worker; a `mlpkit.workers.job.Function`."""
    options = Options(**{**values["options"], "code": tuple(values["options"]["code"])})
    model = loaded(values["model"], tuple(values["state"]), options.allow_surrogate, options.engine, options.code)
    source, output, header, first = values["task"]
    task = FileTask(source, output, header, None if first is None else First(*first))
    rows, error = predict_file(model, options, task, lambda rows: job.send({"rows": rows}))
    if error is None:
        return {"rows": rows}, b""
    problems = [asdict(problem) for problem in error.problems]
    return {"error": error.message, "help": error.help, "data": isinstance(error, DataError), "problems": problems}, b""


def result_of(values: dict[str, Any]) -> FileResult:
    """Return the result that a worker has sent."""
    if "error" not in values:
        return FileResult(values["rows"])
    kind = DataError if values["data"] else OutputError
    return FileResult(error=kind(values["error"], help=values["help"], problems=[Problem(**each) for each in values["problems"]]))
