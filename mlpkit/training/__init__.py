"""Training: the loop, the optimizer's step, early stopping."""

from mlpkit.training.best import Monitor
from mlpkit.training.epoch import Epoch
from mlpkit.training.loop import Measure, check_early_stopping, epochs, mean_loss, random_stream

__all__ = ["Epoch", "Measure", "Monitor", "check_early_stopping", "epochs", "mean_loss", "random_stream"]
