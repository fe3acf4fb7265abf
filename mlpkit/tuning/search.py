"""`search`: the best of many specs by their validation rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlpkit.data.disk.table import StoredTable
from mlpkit.errors import DataError, MLPKitError, SpecError
from mlpkit.files.paths import as_path
from mlpkit.numerics.counts import check_count
from mlpkit.preprocessing.prepare import Prepared, prepare
from mlpkit.preprocessing.raw_rows import RawRows, read_rows
from mlpkit.spec import Spec
from mlpkit.spec.reading import read_text
from mlpkit.text import json_text
from mlpkit.threads import chosen, cores
from mlpkit.training.early_stopping import Monitor
from mlpkit.training.interrupts import Interrupts
from mlpkit.training.preflight import engine_of
from mlpkit.tuning.result import Search
from mlpkit.tuning.space import Space
from mlpkit.tuning.study import Study, Trial
from mlpkit.tuning.task import run_task, trial_of
from mlpkit.tuning.trial import score_name, trial_spec
from mlpkit.workers.job import Job
from mlpkit.workers.pool import Pool, Task
from mlpkit.workers.shared_objects import as_arrays


def search(
    spec: dict[str, Any] | str | Path,
    rows: Any = None,
    y: Any = None,
    *,
    trials: int = 50,
    store: str | Path = "search.journal",
    workers: int | None = None,
    prune: bool = True,
    weights: Any = None,
    folder: str | Path = "",
    on_trial: Callable[[Trial, Search], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Search:
    """Train many specs, and return their scores on the validation rows.

    The values to search stand in the spec: ``{"search": {"low": 16, "high": 128, "log": true}}`` for a number, an integer if both ends are,
    optionally with a "step", or ``{"search": {"choice": [...]}}``. Optuna's TPE chooses values by those of earlier trials (Bergstra et al.
    2011). Each trial is in the store when it ends, so that a search that was killed goes on where it was: only the running trials are lost.
    A trial that is among the worse two thirds after a ninth or a third of its epochs is ended.

    Parameters
    ----------
    spec : dict, str or Path
        Spec with values to search, or the path of its JSON file. Of an ensemble one member is trained.
    rows, y, weights
        As for `train`.
    trials : int
        Trials in all, with those that the store has already.
    store : str or Path
        Journal file, which is created, or the URL of a database: several processes and machines may use one.
    workers : int, optional
        Worker processes, each with one thread; default: the number of processors. With one, trials run in this process.
    prune : bool
        False to train each trial to its end.
    folder : str or Path
        Folder for relative paths in a dictionary.
    on_trial : callable, optional
        Called with each finished trial, and the search so far.
    stop : callable, optional
        Called often. If it returns True, the trials that are running end without a score, and the result has those that are finished.

    Returns
    -------
    Search

    Raises
    ------
    SpecError
        The spec has nothing to search, is not valid at an end of the search, holds out no validation rows, or the store is of another spec.
    DataError
        Optuna is not installed, or data or store cannot be used.
    KeyboardInterrupt
        Ctrl-C; its attribute `result` is the search so far.
    """
    check_count("trials", trials)
    check_count("workers", 1 if workers is None else workers)
    value, folder = read_value(spec, folder)
    space = Space.of(value)
    ends = check_space(space, folder)
    for end in ends:
        engine_of(end)  # a missing one is reported before a trial
    first = ends[0]
    own = trial_spec(first)
    values = {
        "spec": space.value,
        "folder": str(folder),
        "store": str(store),
        "seed": own.seed,
        "trials": trials,
        "epochs": max(end.training.epochs for end in ends),
        "prune": prune,
    }
    study = Study(str(store), space, own.seed, prune=prune, epochs=values["epochs"])
    name, sign = score_name(own), Monitor(own).sign
    done = study.trials()
    result = Search(space, name, sign, tuple(done))
    if len(done) >= trials:
        return result
    shared = _shared(space, first, rows, y, weights)
    try:
        for trial in _trials(shared, values, trials - len(done), workers, stop):
            done.append(trial)
            result = Search(space, name, sign, tuple(sorted(done, key=lambda each: each.number)))
            if on_trial is not None:
                on_trial(trial, result)
    except KeyboardInterrupt as interrupt:
        interrupt.result = result  # type: ignore[attr-defined]
        raise
    return Search(space, name, sign, tuple(study.trials()))


def read_value(spec: Any, folder: str | Path = "") -> tuple[Any, Path]:
    """Return a spec as JSON, which may have values to search, and the folder of its paths. Raise SpecError if it cannot be read."""
    if isinstance(spec, Spec):
        raise SpecError("a Spec has no values to search", help="give the dictionary or the JSON file that has them")
    if isinstance(spec, dict):
        return spec, Path(folder)
    path = as_path(spec, SpecError, "the spec")
    return json_text.parse(read_text(str(path)), str(path)), path.parent


def check_space(space: Space, folder: str | Path) -> list[Spec]:
    """Return the specs at all ends of the search, first that of the first values.

    Raises
    ------
    SpecError
        A spec is not valid, or the scores of two specs cannot be compared.
    """
    found = []
    for dimension, end, value in space.corners():
        try:
            found.append(Spec.model_validate(value, folder=folder))
        except MLPKitError as error:
            message = f"with {dimension.name} = {end!r}: {error.message}"
            raise type(error)(message, help=error.help, problems=error.problems) from error
    _check_comparable(space, found)
    return found


def _check_comparable(space: Space, specs: list[Spec]) -> None:
    """Raise SpecError if a better score does not tell that a spec is better."""
    names = {score_name(spec) for spec in specs}
    where, help = "training.early_stopping.monitor", 'compare by a metric: "monitor": "accuracy", or another one of "metrics"'
    if len(names) > 1:
        raise SpecError.at(where, f"the specs of a search cannot be compared by different scores: {', '.join(sorted(names))}", help)
    if "training_loss" in names:
        raise SpecError.at(where, "a search compares specs by rows that they are not trained on", 'use "validation_loss" or a metric')
    scaled = [each.name for each in space.dimensions if each.path[0] == "loss" or each.path[:2] == ("preprocessing", "target")]
    if scaled and "validation_loss" in names:
        raise SpecError.at(scaled[0], "validation losses of different functions or scales cannot be compared", f"{help}, in {where}")


def _shared(space: Space, spec: Spec, rows: Any, y: Any, weights: Any) -> Prepared | RawRows:
    """Return the prepared data for all trials, or raw rows if their encoding is searched too."""
    if not space.encodes_anew:
        prepared = prepare(spec, rows, y, weights=weights)
        if not prepared.validated:
            raise DataError("there are no validation rows to compare specs by", help='add "data": {"split": {"validation": 0.2}}')
        return prepared
    if spec.data.validation is not None:
        help = 'mark the rows in a column instead: "split": {"column": ...}'
        raise SpecError.at("data.validation", "a search over the encoding of the data needs its validation rows in the same table", help)
    found = read_rows(spec, rows, y, weights, part="training", storage="memory")
    if isinstance(found.table, StoredTable):
        raise SpecError.at("data.in_memory", "a search over the encoding of the data needs the rows in memory", "remove it")
    return found


def _trials(
    shared: Prepared | RawRows, values: dict[str, Any], count: int, workers: int | None, stop: Callable[[], bool] | None
) -> Iterator[Trial]:
    """Yield finished trials, at most `count`, from worker processes or from this one."""
    number = min(count, workers or chosen() or cores())
    tasks = [Task("a trial", "mlpkit.tuning.task:run_task", values) for _ in range(count)]
    if number > 1:
        try:
            pool = Pool(as_arrays(shared), number)
        except (OSError, TypeError, AttributeError):  # no processes here, or data that stay on disk
            pass
        else:
            yield from _in_workers(pool, tasks, stop)
            return
    arrays = as_arrays(shared)
    for _ in tasks:
        trial = trial_of(run_task(values, b"", Job(arrays, lambda *_: None, stop or (lambda: False)))[0])
        if trial is None:
            return
        yield trial


def _in_workers(pool: Pool, tasks: list[Task], stop: Callable[[], bool] | None) -> Iterator[Trial]:
    interrupts = Interrupts()
    interrupts.begin()
    try:
        with pool:
            for message in pool.run(tasks, lambda: interrupts.pending or (stop is not None and stop())):
                if message.done and (trial := trial_of(message.values)) is not None:
                    yield trial
        interrupts.let()
    finally:
        interrupts.end()
