"""Training: the loop and the run, the optimizer's step, early stopping, and the state with which a run goes on."""

from typing import TYPE_CHECKING

from mlpkit.lazy import lazy

if TYPE_CHECKING:
    from mlpkit.training.best import Monitor
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.history import History
    from mlpkit.training.loop import check_early_stopping, epochs
    from mlpkit.training.loss import Answers, mean_loss
    from mlpkit.training.run import Measure, Run
    from mlpkit.training.state import Place, TrainingState
    from mlpkit.training.streams import random_stream

if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of the package's
    __getattr__ = lazy(
        __name__,
        {
            "best": ("Monitor",),
            "epoch": ("Epoch",),
            "history": ("History",),
            "loop": ("check_early_stopping", "epochs"),
            "loss": ("Answers", "mean_loss"),
            "run": ("Measure", "Run"),
            "state": ("Place", "TrainingState"),
            "streams": ("random_stream",),
        },
    )

__all__ = [
    "Answers",
    "Epoch",
    "History",
    "Measure",
    "Monitor",
    "Place",
    "Run",
    "TrainingState",
    "check_early_stopping",
    "epochs",
    "mean_loss",
    "random_stream",
]
