"""Training: the loop and the run, the optimizer's step, early stopping, and the state with which a run goes on."""

from mlpkit.training.best import Monitor
from mlpkit.training.epoch import Epoch
from mlpkit.training.loop import check_early_stopping, epochs
from mlpkit.training.loss import mean_loss
from mlpkit.training.run import Measure, Run
from mlpkit.training.state import Place, TrainingState
from mlpkit.training.streams import random_stream

__all__ = [
    "Epoch",
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
