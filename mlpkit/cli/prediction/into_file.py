"""Predictions of one or several files in one file, in their order."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from itertools import chain
from typing import BinaryIO

from mlpkit.cli.prediction.model_file import ModelFile
from mlpkit.cli.prediction.options import Options
from mlpkit.cli.prediction.progress import ShardProgress
from mlpkit.cli.prediction.rows import first_of, predicted
from mlpkit.cli.prediction.runs import Results, results
from mlpkit.cli.prediction.task import FileTask
from mlpkit.cli.predictions import Format, write
from mlpkit.threads import blas_threads


def predict_here(stream: BinaryIO, file: ModelFile, options: Options, paths: Sequence[str], *, one_thread: bool = False) -> int:
    """Predict files in this process and return the number of rows.

    Parameters
    ----------
    stream : binary file object
    file : ModelFile
    options : Options
    paths : sequence of str
    one_thread : bool
        True to multiply matrices as worker processes do.

    Raises
    ------
    DataError
        A file cannot be predicted, or has other columns than the first.
    """
    first = first_of(file.model, paths[0], options) if len(paths) > 1 else None
    batches = chain.from_iterable(predicted(file.model, path, options, first) for path in paths)
    with blas_threads("numpy", 1) if one_thread else nullcontext():
        return write(stream, Format(options.format), batches)


def predict_in_parts(
    stream: BinaryIO, file: ModelFile, options: Options, paths: Sequence[str], processes: int, progress: ShardProgress
) -> int:
    """Predict files side by side into temporary files, which are joined in their order; see `predict_here`."""
    first = first_of(file.model, paths[0], options)
    with tempfile.TemporaryDirectory(prefix="mlpkit-") as folder, closing(progress):
        tasks = [FileTask(path, os.path.join(folder, str(number)), number == 0, first) for number, path in enumerate(paths)]
        join = _join_arrays if options.format == Format.npy else _join_texts
        with closing(results(file, options, tasks, processes, progress.count)) as found:
            join(stream, _in_order(found, tasks, progress))
    return progress.rows


def _in_order(found: Results, tasks: Sequence[FileTask], progress: ShardProgress) -> Iterator[str]:
    """Yield the parts in order, each as soon as it and those before it are finished. Raise the first error."""
    finished: set[int] = set()
    following = 0
    for number, result in found:
        progress.finish()
        if result.error is not None:
            raise result.error
        finished.add(number)
        while following in finished:
            yield tasks[following].output
            os.unlink(tasks[following].output)
            following += 1


def _join_texts(stream: BinaryIO, parts: Iterator[str]) -> None:
    for part in parts:
        with open(part, "rb") as file:
            shutil.copyfileobj(file, stream)


def _join_arrays(stream: BinaryIO, parts: Iterator[str]) -> None:
    import numpy as np

    np.save(stream, np.concatenate([np.load(part, allow_pickle=False) for part in parts]), allow_pickle=False)
