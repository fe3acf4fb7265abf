"""Fold as a task of a worker process. The raw rows are pickled once for all folds, with their arrays beside them, which workers map."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.cross_validation.fold import FoldResult, fit_fold
from mlpkit.data.folds import Fold
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.spec import Spec

if TYPE_CHECKING:
    from mlpkit.training.epoch import Epoch
    from mlpkit.workers.job import Job

Arrays = dict[str, NDArray[Any]]


def shared(rows: RawRows, folds: list[Fold]) -> Arrays:
    """Return rows and folds as arrays that processes share."""
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(rows, protocol=5, buffer_callback=buffers.append)
    found: Arrays = {"rows": np.frombuffer(text, np.uint8)}
    found |= {f"buffers.{number}": np.frombuffer(buffer.raw(), np.uint8) for number, buffer in enumerate(buffers)}
    for number, fold in enumerate(folds):
        found |= {f"folds.{number}.training": fold.training, f"folds.{number}.validation": fold.validation}
    return found


def run_fold(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Train and measure a fold; a `mlpkit.workers.job.Function`. The arrays are those of the process that has started this one."""
    arrays, number = job.arrays, values["fold"]
    count = sum(name.startswith("buffers.") for name in arrays)
    rows: RawRows = pickle.loads(arrays["rows"].data, buffers=[arrays[f"buffers.{place}"].data for place in range(count)])
    fold = Fold(arrays[f"folds.{number}.training"], arrays[f"folds.{number}.validation"])

    def send(epoch: Epoch) -> None:
        job.send({"epoch": list(epoch)})

    spec = Spec.model_validate(values["spec"])
    result = fit_fold(spec, rows, fold, stop=job.stopped, on_epoch=send)
    return {"finished": result is not None}, pickle.dumps(result)


def result_of(data: bytes) -> FoldResult | None:
    """Return the result that a worker has sent."""
    found: FoldResult | None = pickle.loads(data)
    return found
