"""Contract of learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from mlpkit.errors import warn
from mlpkit.plugin.base import Plugin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Progress(NamedTuple):
    """Progress of a run, from which a schedule computes the learning rate.

    Attributes
    ----------
    fraction : float
        Completed share of the run, from 0 to 1.
    epoch : float
        Completed epochs with fractions: 2.5 is the middle of the third epoch.
    epochs : int
        Number of epochs of the whole run.
    step : int
        Completed steps.
    steps : int
        Number of steps of the whole run.
    history : mapping of str to array of float64, shape (finished epochs,)
        Read-only columns of this run: "epoch", "loss", "learning_rate", "validation_loss" if there are validation rows, each metric, and
        "training_loss" if early stopping monitors it. Empty in the first epoch, and for a schedule that is not `once_per_epoch`.
    """

    fraction: float
    epoch: float
    epochs: int
    step: int
    steps: int
    history: Mapping[str, NDArray[np.float64]] = MappingProxyType({})

    def within(self, start: float, end: float) -> Progress:
        """Return the progress within a part of the run, which is between two numbers of epochs, as if it were a run of its own.

        The history has the epochs that began in the part. Lengths that are not whole are rounded up.
        """
        length = max(min(end, self.epochs) - start, 0.0)
        share = self.epochs / (end - start) if end > start else 0.0  # a part behind the end of the run is at its beginning
        first = math.ceil(start)
        finished = {name: column[first:] for name, column in self.history.items()}
        steps_per_epoch = self.steps / self.epochs
        return Progress(
            min(max((self.fraction - start / self.epochs) * share, 0.0), 1.0),
            max(self.epoch - start, 0.0),
            max(math.ceil(length), 1),
            max(self.step - math.ceil(start * steps_per_epoch), 0),
            max(math.ceil(length * steps_per_epoch), 1),
            finished if any(map(len, finished.values())) else {},
        )


class Schedule(Plugin):
    """Learning rate that changes during a run.

    The method is called `at`, because `value` is an option of the built-in `constant` and of plugins for 0.3.
    """

    kind: ClassVar[str] = "schedules"
    once_per_epoch: ClassVar[bool] = False  # True: called once at the start of each epoch, with the history

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Columns of the history that `at` reads. A run that does not measure them raises an error."""
        return ()

    def check_epochs(self, epochs: int) -> None:
        """Raise ValueError with the reason if the schedule does not fit a run of `epochs` epochs; called before training."""

    def at(self, progress: Progress) -> float:
        """Return the learning rate: a pure function of `progress`, so a resumed run gets the same rates.

        Parameters
        ----------
        progress : Progress

        Returns
        -------
        float
            Finite and at least 0.
        """
        return self.rate(progress.epoch, progress.epochs)  # defined by plugins for 0.3

    def rate(self, epoch: float, epochs: int) -> float:
        """Return the learning rate after `epoch` of `epochs` epochs, without a history. Plugins for 0.3 define it instead of `at`."""
        return self.at(Progress(min(epoch / epochs, 1.0), epoch, epochs, math.floor(epoch), epochs))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Warn of a class that defines `rate` instead of `at`, as plugins for 0.3 do."""
        super().__pydantic_init_subclass__(**kwargs)
        if "rate" in vars(cls) and cls.at is Schedule.at:
            message = f"{cls.__name__} defines rate(epoch, epochs): define at(progress) with progress.epoch and progress.epochs instead"
            warn(DeprecationWarning(message))

    @classmethod
    def check_definition(cls) -> None:
        """Raise TypeError if the class defines neither `at` nor `rate`."""
        if cls.at is Schedule.at and cls.rate is Schedule.rate:
            raise TypeError(f"{cls.__name__} does not define at")


Schedule.__class_vars__ = {*Schedule.__class_vars__, "history_columns"}  # for Pydantic: not an option
