"""Schedules that are made of others. A part of the run is a run of its own for the schedule of this part."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import ClassVar

from pydantic import Field, model_validator

from mlpkit.plugin import Progress, Schedule
from mlpkit.plugin.optimizer import Rate
from mlpkit.schedules.lengths import check_boundaries, check_last, check_shorter

SHARE = 0.05  # of the run, in a warm-up without a length
EXAMPLE = ({"type": "linear", "initial": 0.1}, {"type": "cosine", "initial": 0.1})


class Warmup(Schedule):
    """Warm-up: the rate rises linearly from `start` times the first rate of `then` to that rate; then `then` begins.

    Goyal et al. 2017, 1706.02677. `then` sees the rest of the run as a whole one: a cosine reaches its final rate at the end of the run,
    as in Keras. If it is called once per epoch, such as `reduce_on_plateau`, so is the warm-up, and the history of `then` begins after it.
    PyTorch: a LinearLR in a SequentialLR.
    """

    since: ClassVar[int] = 5  # the spec schema
    then: Rate = Field(examples=[0.05], description="a number above 0, or the schedule after the warm-up")
    epochs: float | None = Field(None, gt=0, description="epochs of the warm-up, instead of a fraction")
    fraction: float | None = Field(None, gt=0, lt=1, description="share of the run in the warm-up; default: 0.05, unless epochs are given")
    start: float = Field(0.1, ge=0, le=1, description="factor of the first rate at the start")

    @model_validator(mode="after")
    def _one_length(self) -> Warmup:
        if self.epochs is not None and self.fraction is not None:
            raise ValueError("give the length of the warm-up either in epochs or as a fraction of the run")
        return self

    @property
    def once_per_epoch(self) -> bool:  # type: ignore[override]  # a class variable of other schedules
        """True if it is true of the schedule after the warm-up."""
        return isinstance(self.then, Schedule) and self.then.once_per_epoch

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Columns that the schedule after the warm-up reads."""
        return self.then.history_columns if isinstance(self.then, Schedule) else ()

    def _length(self, epochs: int) -> float:
        """Return the number of epochs of the warm-up."""
        return self.epochs if self.epochs is not None else (self.fraction or SHARE) * epochs

    def check_epochs(self, epochs: int) -> None:
        check_shorter("the warm-up", self._length(epochs), epochs)
        if isinstance(self.then, Schedule):
            self.then.check_epochs(math.ceil(epochs - self._length(epochs)))

    def at(self, progress: Progress) -> float:
        length = self._length(progress.epochs)
        done = progress.fraction / (self.fraction or SHARE) if self.epochs is None else progress.epoch / self.epochs
        factor = self.start + (1.0 - self.start) * done if done < 1.0 else 1.0
        if not isinstance(self.then, Schedule):
            return factor * self.then
        return factor * self.then.at(progress.within(length, progress.epochs))


class Sequential(Schedule):
    """Schedules one after the other. Each sees its part of the run as a whole one. PyTorch's SequentialLR.

    If one of them is called once per epoch, such as `reduce_on_plateau`, all are. The history of each begins with its part.
    """

    since: ClassVar[int] = 5
    schedules: tuple[Schedule, ...] = Field(examples=[EXAMPLE], description="schedules, in order")
    boundaries: tuple[float, ...] = Field(examples=[(1.0,)], min_length=1, description="epochs at which the next one begins, increasing")

    @model_validator(mode="after")
    def _fit(self) -> Sequential:
        check_boundaries(self.boundaries, len(self.schedules), "schedules")
        return self

    @property
    def once_per_epoch(self) -> bool:  # type: ignore[override]
        """True if it is true of one of the schedules."""
        return any(schedule.once_per_epoch for schedule in self.schedules)

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Columns that the schedules read."""
        return tuple(dict.fromkeys(name for schedule in self.schedules for name in schedule.history_columns))

    def check_epochs(self, epochs: int) -> None:
        check_last(self.boundaries, epochs)
        ends = (0.0, *self.boundaries, float(epochs))
        for start, end, schedule in zip(ends, ends[1:], self.schedules, strict=False):
            schedule.check_epochs(math.ceil(end - start))

    def at(self, progress: Progress) -> float:
        index = bisect_right(self.boundaries, progress.epoch)
        start = self.boundaries[index - 1] if index else 0.0
        end = self.boundaries[index] if index < len(self.boundaries) else float(max(progress.epochs, start))
        return self.schedules[index].at(progress.within(start, end))
