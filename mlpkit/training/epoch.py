"""Epoch: the record that training yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Epoch(NamedTuple):
    """The results of one epoch of training.

    Attributes
    ----------
    number : int
        From 1.
    loss : float
        Mean over the epoch's rows, each measured before its step.
    validation_loss : float or None
        Mean over the validation rows after the epoch; None without any.
    metrics : mapping of str to float
        After the epoch, on the validation rows, or on the training rows when there are no validation rows; weighted only if
        `training.weighted_metrics` says so. Also "training_loss", the weighted loss on all training rows, when early stopping
        watches it.
    learning_rate : float
        Of the epoch's first step.
    seconds : float
        What the epoch took, validation included.
    """

    number: int
    loss: float
    validation_loss: float | None
    metrics: Mapping[str, float]
    learning_rate: float
    seconds: float
