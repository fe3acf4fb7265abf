"""Training: the loop, the optimizer's step, early stopping."""

from mlpkit.training.best import Monitor
from mlpkit.training.epoch import Epoch
from mlpkit.training.loop import Measure, epochs, mean_loss, random_stream

__all__ = ["Epoch", "Measure", "Monitor", "epochs", "mean_loss", "random_stream"]
