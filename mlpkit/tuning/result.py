"""Result of a search: its trials, and the best one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mlpkit.errors import DataError
from mlpkit.text.shown import counted
from mlpkit.tuning.space import Space
from mlpkit.tuning.study import Trial

MOST_KEPT = 200  # trials in the metadata of a model


@dataclass(frozen=True, eq=False)
class Search:
    """Result of a search.

    Attributes
    ----------
    space : Space
    score_name : str
        Figure of the validation rows that is compared, such as "validation_loss".
    sign : float
        -1.0 if a higher score is better, else 1.0; scores of trials are multiplied by it.
    trials : tuple of Trial
        Trials that are finished, in order.
    """

    space: Space
    score_name: str
    sign: float
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """Whole trial with the best score. Raise DataError if none is whole."""
        whole = [trial for trial in self.trials if trial.state == "complete" and trial.score is not None]
        if not whole:
            problem = next((trial.problem for trial in self.trials if trial.problem), "")
            raise DataError(f"no trial has come to its end{f': {problem}' if problem else ''}", help="widen the search, or run more trials")
        return min(whole, key=lambda trial: (trial.score, trial.number))

    def shown(self, score: float | None) -> float | None:
        """Return a score as the figure that it is."""
        return None if score is None else self.sign * score

    @property
    def spec(self) -> Any:
        """Spec of the best trial, as JSON."""
        return self.space.filled(self.best.values)

    def __str__(self) -> str:
        """Return the numbers of trials, and the best score."""
        failed = sum(trial.state == "failed" for trial in self.trials)
        pruned = sum(trial.state == "pruned" for trial in self.trials)
        trials = f"{counted(len(self.trials), 'trial')}, {pruned} ended early{f', {failed} failed' if failed else ''}"
        best = self.best
        return f"{trials}; best {self.score_name} {self.shown(best.score):.6g} in trial {best.number}"

    @property
    def table(self) -> dict[str, list[Any]]:
        """Trials as columns: number, state, score, epochs, seconds, the values by their names, and problems."""
        dimensions = self.space.dimensions
        names = [dimension.name for dimension in dimensions]
        labels = {each.name: dict(zip(map(str, each.choices), each.labels, strict=True)) for each in dimensions}
        columns: dict[str, list[Any]] = {"trial": [], "state": [], self.score_name: [], "epochs": [], "seconds": []}
        columns |= {name: [] for name in names} | {"problem": []}
        for trial in self.trials:
            row = [trial.number, trial.state, self.shown(trial.score), trial.epochs, round(trial.seconds, 3)]
            row += [labels[name].get(str(trial.values[name]), trial.values[name]) for name in names]
            for column, value in zip(columns.values(), [*row, trial.problem], strict=True):
                column.append(value)
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Return the search as JSON values, with the best trials as columns: for the metadata of a model."""
        best = self.best
        return {
            "score": {self.score_name: self.shown(best.score)},
            "higher_is_better": self.sign < 0,
            "trial": best.number,
            "values": best.values,
            "trials": len(self.trials),
            "pruned": sum(trial.state == "pruned" for trial in self.trials),
            "epochs": sum(trial.epochs for trial in self.trials),
            "kept": self._kept(),
        }

    def _kept(self) -> dict[str, list[Any]]:
        """Return the columns of the best trials in their order, without times, which differ from run to run, and problems."""
        order = sorted(range(len(self.trials)), key=lambda place: (_last_if_none(self.trials[place].score), self.trials[place].number))
        chosen = sorted(order[:MOST_KEPT])
        columns = self.table
        return {name: [columns[name][place] for place in chosen] for name in columns if name not in ("seconds", "problem")}


def _last_if_none(score: float | None) -> float:
    return math.inf if score is None else score
