"""Section on the search that a model is the best of, from the metadata of its file, which anybody may have written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from mlpkit.charts.chart import Series, chart
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, name_of, number, paragraph, table
from mlpkit.text.shown import counted

SHOWN, WIDE = 8, 4  # trials and values in the table
RADIUS = 2.5  # of points
Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)] | None


class _Kept(BaseModel):
    """Search in the metadata; see `mlpkit.tuning.result.Search.to_dict`."""

    score: Annotated[dict[str, Number], Field(min_length=1, max_length=1)]
    higher_is_better: bool
    trial: Count
    trials: Count
    pruned: Count
    kept: dict[str, list[Any]]

    @property
    def name(self) -> str:
        return next(iter(self.score))

    @model_validator(mode="after")
    def _check(self) -> _Kept:
        """Raise an error for columns that are missing or have other lengths."""
        lengths = {len(column) for column in self.kept.values()}
        if not {"trial", "state", self.name} <= set(self.kept) or len(lengths) != 1:
            raise ValueError("columns are missing, or have other lengths")
        if not all(isinstance(each, int) and abs(each) < 2**53 for each in self.kept["trial"]):
            raise ValueError("a trial has no number")
        return self

    @property
    def scores(self) -> Sequence[float]:
        """Scores of the trials that are kept, NaN for those without one."""
        return [float(each) if isinstance(each, (int, float)) and abs(each) < math.inf else math.nan for each in self.kept[self.name]]


def search_section(subject: Subject) -> Markup | None:
    """Return the scores of the trials and the best ones of them; None for a model that is not of a search."""
    try:
        found = _Kept.model_validate(subject.model.metadata.get("search"), strict=True)
    except ValidationError:
        return None
    whole = [place for place, state in enumerate(found.kept["state"]) if state == "complete" and not math.isnan(found.scores[place])]
    parts = [paragraph(_sentence(found, len(found.scores)))]
    if whole:
        parts += [_curve(found, whole), _best(found, whole)]
    return Markup("".join(parts))


def _sentence(found: _Kept, kept: int) -> str:
    values = [name for name in found.kept if name not in ("trial", "state", "epochs", found.name)]
    of = f" of {', '.join(map(name_of, values[:WIDE]))}{' and others' if len(values) > WIDE else ''}" if values else ""
    text = f"This is the best of {counted(found.trials, 'trial')}{of}, {found.pruned:,} of which were ended early: trial {found.trial}, "
    text += f"with {name_of(found.name)} {number(found.score[found.name])} on the validation rows, which flatters it a little."
    return text if kept >= found.trials else f"{text} The best {kept:,} of them are shown."


def _curve(found: _Kept, whole: list[int]) -> Markup:
    """Return the chart of scores by trial, with the best one so far."""
    trials, scores = np.array(found.kept["trial"], np.float64), np.array(found.scores)
    early = [place for place in range(len(scores)) if place not in set(whole)]
    order = sorted(whole, key=lambda place: trials[place])
    best = (np.maximum if found.higher_is_better else np.minimum).accumulate(scores[order])
    steps = np.append(np.repeat(trials[order], 2)[1:], trials.max()), np.repeat(best, 2)  # each best one holds until the next
    series = [Series("best so far", *steps)]
    for style, (name, places) in enumerate((("trained to the end", order), ("ended early", early)), start=1):
        if np.isfinite(scores[places]).any():
            series.append(Series(name, trials[places], scores[places], "points", style, np.full(len(places), RADIUS)))
    return chart("Scores of the trials", series, "trial", name_of(found.name), log=not found.higher_is_better)


def _best(found: _Kept, whole: list[int]) -> Markup:
    """Return a table of the best trials."""
    sign = -1 if found.higher_is_better else 1
    best = sorted(whole, key=lambda place: (sign * found.scores[place], found.kept["trial"][place]))[:SHOWN]
    names = [name for name in found.kept if name not in ("trial", "state", found.name)]
    chosen = [name for name in names if name != "epochs"][:WIDE]
    rows = [
        [str(found.kept["trial"][place]), number(found.scores[place]), *(_value(found.kept[name][place]) for name in chosen)]
        for place in best
    ]
    return table(["trial", name_of(found.name), *map(name_of, chosen)], rows, caption="Best trials")


def _value(value: Any) -> str:
    return number(float(value)) if isinstance(value, float) and math.isfinite(value) else name_of(value)
