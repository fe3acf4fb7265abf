"""Trial as a task of a worker process, or of this one; the prepared data or the raw rows are shared by all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlpkit.errors import MLPKitError
from mlpkit.preprocessing.prepare import Prepared, prepare
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.spec import Spec
from mlpkit.text.shown import shortened
from mlpkit.tuning.space import Space
from mlpkit.tuning.study import Study, Trial
from mlpkit.tuning.trial import run_trial, trial_spec
from mlpkit.workers.shared_objects import from_arrays

if TYPE_CHECKING:
    from mlpkit.workers.job import Job

Report = Callable[[int, float], bool]


def run_task(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Run one trial if there are any left; a `mlpkit.workers.job.Function`.

    The values have the "spec" as JSON with its search, the "folder" of its paths, the "store", the "seed", the number of "trials" in all,
    the most "epochs", and "prune".
    """
    space = Space.of(values["spec"])
    study = Study(values["store"], space, values["seed"], prune=values["prune"], epochs=values["epochs"])
    if len(study.trials()) >= values["trials"] or job.stopped():
        return {"trial": None}, b""
    shared = from_arrays(job.arrays)

    def evaluate(chosen: dict[str, Any], report: Report) -> tuple[str, float | None, int, str]:
        try:
            whole = Spec.model_validate(space.filled(chosen), folder=values["folder"])
            result = run_trial(trial_spec(whole), _prepared(whole, shared), report, job.stopped)
        except MLPKitError as error:
            return "failed", None, 0, shortened(error.message, 300)
        if result is None:
            return "interrupted", None, 0, ""
        if result.score is None:
            return "failed", None, result.epochs, "the loss became NaN or infinite"
        return "pruned" if result.pruned else "complete", result.score, result.epochs, ""

    trial = study.run(evaluate)
    return {"trial": None if trial is None else trial._asdict()}, b""


def _prepared(spec: Spec, shared: Prepared | RawRows) -> Prepared:
    """Return the data of a trial: those that are prepared for all, or the raw rows prepared as its spec says."""
    if isinstance(shared, Prepared):
        return shared
    return prepare(spec, shared.table, shared.target, weights=shared.weights)


def trial_of(values: dict[str, Any]) -> Trial | None:
    """Return the trial of a task's result."""
    found = values["trial"]
    return None if found is None else Trial(**found)
