"""Fold as a task of a worker process; the raw rows are shared by all of them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlpkit.cross_validation.fold import FoldResult, fit_fold
from mlpkit.data.folds import Fold
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.spec import Spec
from mlpkit.workers.shared_objects import as_arrays, from_arrays

if TYPE_CHECKING:
    from mlpkit.training.epoch import Epoch
    from mlpkit.workers.job import Job

Arrays = dict[str, NDArray[Any]]


def shared(rows: RawRows, folds: list[Fold]) -> Arrays:
    """Return rows and folds as arrays that processes share."""
    found: Arrays = as_arrays(rows)
    for number, fold in enumerate(folds):
        found |= {f"folds.{number}.training": fold.training, f"folds.{number}.validation": fold.validation}
    return found


def run_fold(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Train and measure a fold; a `mlpkit.workers.job.Function`. The arrays are those of the process that has started this one."""
    arrays, number = job.arrays, values["fold"]
    rows: RawRows = from_arrays(arrays)
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
