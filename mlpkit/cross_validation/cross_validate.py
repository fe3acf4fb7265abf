"""`cross_validate`: the scores of a spec on rows that it is not trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.cross_validation.result import CrossValidation, FoldScores, out_of_fold
from mlpkit.cross_validation.runs import Run, results
from mlpkit.data.folds import Fold
from mlpkit.errors import DataError, SpecError
from mlpkit.numerics.counts import check_count
from mlpkit.preprocessing.prepare import input_names, input_options
from mlpkit.preprocessing.raw_rows import RawRows, read_rows
from mlpkit.preprocessing.row_split import cut, without_test
from mlpkit.spec import Spec, Split, as_spec
from mlpkit.spec.ensemble import member_seed
from mlpkit.training.epoch import Epoch
from mlpkit.training.preflight import engine_of

INNER = 2**33  # makes the hashes of validation rows in a fold others than those of the folds


def cross_validate(
    spec: Spec | dict[str, Any] | str | Path,
    rows: Any = None,
    y: Any = None,
    *,
    folds: int = 5,
    repeats: int = 1,
    group: str | None = None,
    time: str | None = None,
    weights: Any = None,
    on_start: Callable[[Spec, int], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> CrossValidation:
    """Train a spec on parts of the rows, and measure each model on the rows that it was not trained on.

    Test rows of the spec are left out. Each fold fits its own preprocessing, and trains with its own seed. What the spec holds out for
    validation (`data.split.validation`) is taken from the training rows of the fold, so early stopping does not see the rows that are
    scored. Classes keep their shares. If it is worth it, folds are trained side by side in worker processes, with the same results.

    Parameters
    ----------
    spec, rows, y, weights
        As for `train`.
    folds : int
        Parts that the rows are cut into, at least 2; each is held out once.
    repeats : int
        Cuts, each with other folds.
    group : str, optional
        Column such as "patient": rows with the same value are in one fold. Default: `data.split.group`. The spec must not split by another
        column.
    time : str, optional
        Column of numbers or dates: the later half of the rows is cut into blocks, and each is predicted from all earlier rows. Default:
        `data.split.time`. There are no repeats then.
    on_start : callable, optional
        Called once with the spec of a fold and the number of runs.
    on_epoch : callable, optional
        Called with each `MemberEpoch`, whose `member` is the number of the run.
    stop : callable, optional
        Called often. If it returns True, the folds that are running end, and the result has those that are finished.

    Returns
    -------
    CrossValidation

    Raises
    ------
    SpecError, DataError, PluginError, TrainingError
        The spec or the data cannot be used, there are fewer rows or groups than folds, or a run has an error; names the fold.
    KeyboardInterrupt
        Ctrl-C; its attribute `result` has the folds that are finished.
    """
    check_count("folds", folds, 2)
    check_count("repeats", repeats)
    spec = split_by(as_spec(spec), group, time)
    engine_of(spec)  # a missing one is reported before anything is read
    found = read_rows(spec, rows, y, weights, part="training", storage="by spec")
    if (rest := without_test(spec, found)) is not None:
        found = found.keep(rest)
    parts = _folds(spec, found, folds, repeats)
    own = _of_folds(spec, found)
    runs = [Run(own.model_copy(update={"seed": member_seed(spec.seed, number)}), fold) for number, fold in enumerate(parts)]
    if on_start is not None:
        on_start(own, len(runs))
    finished: dict[int, tuple[FoldScores, Any]] = {}
    try:
        for number, result in results(found, runs, on_epoch, stop):
            repeat, fold = divmod(number, folds)
            digest = _digest(found.numbered[parts[number].validation])
            scores = FoldScores(repeat, fold, result.training, result.held_out, digest, result.epochs, result.figures)
            finished[number] = scores, result
    except KeyboardInterrupt as interrupt:
        interrupt.result = _result(found, own.data.inputs, finished, len(runs))  # type: ignore[attr-defined]
        raise
    return _result(found, own.data.inputs, finished, len(runs))


def split_by(spec: Spec, group: str | None, time: str | None) -> Spec:
    """Return the spec with the column that folds are made by. Raise SpecError for what cross-validation cannot use."""
    split = spec.data.split or Split()
    if split.column is not None:
        raise SpecError.at("data.split.column", "cross-validation chooses the rows itself", "remove it: --set data.split=null")
    if spec.data.validation is not None:
        message = "cross-validation takes its validation rows from the training rows"
        raise SpecError.at("data.validation", message, "remove it: --set data.validation=null")
    if group is not None and time is not None:
        raise SpecError.at("data.split", "'group' and 'time' cannot be combined", "give one of them")
    given = {key: column for key, column in (("group", group), ("time", time)) if column is not None}
    if not given or given == split.columns:
        return spec
    for known, name in split.columns.items():
        message = f"the spec splits its rows by {name!r} already"
        raise SpecError.at(f"data.split.{known}", message, f"leave out 'group' and 'time', or --set data.split.{known}=null")
    if split.test is not None:
        key, column = next(iter(given.items()))
        message = f"the test rows of the spec are not chosen by {column!r}, so they would not be left out"
        raise SpecError.at("data.split.test", message, f"--set data.split.{key}={column} instead, or --set data.split.test=null")
    split = split.model_copy(update={"group": group, "time": time})
    return spec.model_copy(update={"data": spec.data.model_copy(update={"split": split})})


def spec_of_all(spec: Spec, inputs: tuple[str, ...] | None) -> Spec:
    """Return the spec to train on all rows: that of `split_by`, without a split that holds out nothing.

    Parameters
    ----------
    spec : Spec
    inputs : tuple of str, or None
        Those of the folds: the column that folds are made by is no input.
    """
    split = spec.data.split
    if split is None or spec.rotates or split.validation is not None or split.test is not None:
        return spec
    data = spec.data.model_copy(update={"inputs": inputs, "split": None})
    return spec.model_copy(update={"data": data, "preprocessing": input_options(spec, inputs or ())})


def _folds(spec: Spec, rows: RawRows, folds: int, repeats: int) -> list[Fold]:
    """Return the folds of all repeats."""
    split = spec.data.split or Split()
    if split.time is not None and repeats > 1:
        raise DataError("folds by time are the same in each repeat", help="leave out the repeats")
    if rows.table.rows < folds:
        raise DataError(f"{rows.table.rows} rows cannot be cut into {folds} folds", help="use fewer folds")
    seed = spec.seed if split.seed is None else split.seed
    cuts = [cut(spec, rows, folds, seed if not repeat else member_seed(seed, repeat), 2, "a fold")[0] for repeat in range(repeats)]
    return [fold for parts in cuts for fold in parts]


def _of_folds(spec: Spec, rows: RawRows) -> Spec:
    """Return the spec of each fold: with the inputs of the whole, without checkpoints, and with a split only if it has a share."""
    data, split = spec.data, spec.data.split
    names = data.inputs or (input_names(spec, rows) if rows.table.named else None)
    if split is not None:  # no test rows are left, and validation rows are chosen by other hashes than folds
        seed = member_seed(spec.seed if split.seed is None else split.seed, INNER) if split.hash is not None else split.seed
        split = split.model_copy(update={"test": None, "seed": seed})
    updates = {
        "data": data.model_copy(update={"inputs": names, "split": split}),
        "training": spec.training.model_copy(update={"checkpoint": None, "keep_state": False}),
    }
    return spec_of_all(spec.model_copy(update=updates), names)


def _digest(rows: NDArray[np.intp]) -> str:
    return hashlib.sha256(np.sort(rows).astype("<i8").tobytes()).hexdigest()[:12]


def _result(rows: RawRows, inputs: tuple[str, ...] | None, finished: dict[int, tuple[FoldScores, Any]], runs: int) -> CrossValidation:
    order = [finished[number] for number in sorted(finished)]
    columns = out_of_fold(rows.numbered, rows.target, [(scores, result.rows, result.columns) for scores, result in order])
    return CrossValidation(tuple(scores for scores, _ in order), runs, columns, inputs)
