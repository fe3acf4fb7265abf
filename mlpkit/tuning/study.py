"""Store of the trials of a search, by Optuna, which is imported here alone."""

from __future__ import annotations

import hashlib
import importlib
import json
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from mlpkit.errors import DataError, SpecError
from mlpkit.spec.ensemble import member_seed
from mlpkit.tuning.journal import open_journal
from mlpkit.tuning.space import Space

STUDY = "mlpkit"
INTERRUPTED, EPOCHS, PROBLEM = "interrupted", "epochs", "problem"
PAUSES = (0.3, 1.0)  # seconds before a database is tried again
FACTOR = 3  # a third of the trials goes on from each rung to the next


class Trial(NamedTuple):
    """Trial of a search.

    Attributes
    ----------
    number : int
    state : {"complete", "pruned", "failed"}
    score : float or None
        Lower is better.
    values : dict
        Value of each dimension by its name.
    epochs : int
    seconds : float
    problem : str
        Reason of a failure.
    """

    number: int
    state: str
    score: float | None
    values: dict[str, Any]
    epochs: int
    seconds: float
    problem: str = ""


def optuna() -> Any:
    """Return the package. Raise DataError if it is not installed."""
    try:
        package = importlib.import_module("optuna")
        importlib.import_module("optuna.storages.journal")
    except ImportError as error:
        raise DataError("the search needs Optuna, which is not installed", help='install it: pip install "mlpkit[search]"') from error
    package.logging.set_verbosity(package.logging.ERROR)
    return package


def rungs(epochs: int) -> list[int]:
    """Return the epochs after which a trial may be ended: about a ninth and a third of all."""
    first = max(1, epochs // FACTOR**2)
    return [rung for rung in (first, FACTOR * first) if rung < epochs]


class Study:
    """Trials in a store: a journal file, or a database by its URL. Several processes and machines may use it at once.

    Parameters
    ----------
    store : str
        Path of a file, or a URL such as postgresql://user@host/name.
    space : Space
    seed : int
    prune : bool
        True to end trials that are not promising, by successive halving (Li et al. 2018, 1810.05934).
    epochs : int
        Most epochs of a trial.

    Raises
    ------
    DataError
        Optuna is not installed, or the store cannot be used.
    SpecError
        The store has a search of another spec.
    """

    def __init__(self, store: str, space: Space, seed: int, *, prune: bool, epochs: int) -> None:
        package = self.package = optuna()
        self.space, self.seed, self.prune, self.rungs = space, seed, prune, rungs(epochs)
        with _experimental():
            self.study = _open(package, store, _pruner(package, self.rungs))
        digest = hashlib.sha256(json.dumps(space.value, sort_keys=True).encode()).hexdigest()
        known = self.study.user_attrs.get("spec")
        if known is None:
            self.study.set_user_attr("spec", digest)
        elif known != digest:
            help = "give another --store, or the spec that it was begun with"
            raise SpecError(f"the store {store} has the trials of another spec", help=help)

    def trials(self) -> list[Trial]:
        """Return the trials that are finished, in order."""
        return [_trial(self.space, each) for each in self.study.get_trials(deepcopy=False) if each.state.is_finished() and _counts(each)]

    def run(self, evaluate: Callable[[dict[str, Any], Callable[[int, float], bool]], tuple[str, float | None, int, str]]) -> Trial | None:
        """Run one trial.

        Parameters
        ----------
        evaluate : callable
            Function of the values and of `report`, which it calls after each epoch with the epoch and the score so far, and ends if that
            returns True. It returns "complete", "pruned", "failed" or "interrupted", the score, the epochs, and a problem.

        Returns
        -------
        Trial or None
            None if it was interrupted, which does not count.
        """
        trial = self.study.ask()
        self.study.sampler = _sampler(self.package, member_seed(self.seed, trial.number) % 2**32)
        values = {dimension.name: _suggested(trial, dimension) for dimension in self.space.dimensions}

        def report(epoch: int, score: float) -> bool:
            if epoch not in self.rungs:
                return False
            trial.report(score, epoch)
            return self.prune and bool(trial.should_prune())

        state, score, epochs, problem = evaluate(values, report)
        trial.set_user_attr(EPOCHS, epochs)
        states = self.package.trial.TrialState
        if state == "interrupted" or score is None:
            trial.set_user_attr(INTERRUPTED if state == "interrupted" else PROBLEM, problem or True)
            found = self.study.tell(trial, state=states.FAIL)
        else:
            if state == "pruned":
                trial.set_user_attr("score", score)
            found = self.study.tell(trial, score if state == "complete" else None, state=None if state == "complete" else states.PRUNED)
        return _trial(self.space, found) if _counts(found) else None


def _open(package: Any, store: str, pruner: Any) -> Any:
    """Return the study in a store, which is made if there is none. A database is tried again: another process may just make its tables."""
    options = {"study_name": STUDY, "direction": "minimize", "load_if_exists": True, "pruner": pruner}
    for pause in PAUSES if "://" in store else ():
        with suppress(Exception):
            return package.create_study(storage=store, **options)
        time.sleep(pause)
    try:
        return package.create_study(storage=store if "://" in store else open_journal(package, store), **options)
    except DataError:
        raise
    except Exception as error:
        message = f"the store {store} cannot be used: {error}"
        raise DataError(message, help="give the path of a file, or the URL of a database") from error


@contextmanager
def _experimental() -> Iterator[None]:
    """Ignore warnings of Optuna about its experimental parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _sampler(package: Any, seed: int) -> Any:
    with _experimental():
        return package.samplers.TPESampler(seed=seed, constant_liar=True)


def _pruner(package: Any, rungs: list[int]) -> Any:
    return package.pruners.SuccessiveHalvingPruner(min_resource=rungs[0] if rungs else 1, reduction_factor=FACTOR)


def _suggested(trial: Any, dimension: Any) -> Any:
    """Return a value of a dimension for a trial."""
    if dimension.choices:
        labels = dimension.labels
        return dimension.choices[labels.index(trial.suggest_categorical(dimension.name, labels))]
    integers = isinstance(dimension.low, int) and isinstance(dimension.high, int)
    if integers:
        return trial.suggest_int(dimension.name, dimension.low, dimension.high, log=dimension.log, step=dimension.step or 1)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def _counts(trial: Any) -> bool:
    return INTERRUPTED not in trial.user_attrs


def _trial(space: Space, trial: Any) -> Trial:
    """Return a trial of Optuna as values."""
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed")
    values = {}
    for dimension in space.dimensions:
        value = trial.params.get(dimension.name)
        values[dimension.name] = dimension.choices[dimension.labels.index(value)] if dimension.choices and value is not None else value
    duration = trial.duration
    score = trial.value if state == "complete" else trial.user_attrs.get("score")
    problem = trial.user_attrs.get(PROBLEM, "")
    seconds = 0.0 if duration is None else duration.total_seconds()
    return Trial(trial.number, state, score, values, trial.user_attrs.get(EPOCHS, 0), seconds, problem if isinstance(problem, str) else "")
