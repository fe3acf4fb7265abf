"""Epoch: the record that training yields for each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Epoch(NamedTuple):
    """Results of one epoch of training.

    Attributes
    ----------
    number : int
        Number of the epoch, from 1.
    loss : float
        Mean loss over the rows of the epoch, each measured before its step.
    validation_loss : float or None
        Mean loss over the validation rows after the epoch; None without validation rows.
    metrics : mapping of str to float
        Metrics after the epoch on the validation rows, or else on the training rows. They use sample weights only with
        `training.weighted_metrics`. "training_loss", the weighted loss on all training rows, is included if early stopping monitors it.
    learning_rate : float
        Learning rate of the first step.
    seconds : float
        Duration of the epoch, including validation.
    """

    number: int
    loss: float
    validation_loss: float | None
    metrics: Mapping[str, float]
    learning_rate: float
    seconds: float


class MemberEpoch(Epoch):
    """Epoch of a member of an ensemble.

    Attributes
    ----------
    member : int
        Number of the member, from 0.
    """

    member: int

    @classmethod
    def of(cls, epoch: Epoch, member: int) -> MemberEpoch:
        """Return the epoch of a member."""
        found = cls(*epoch)
        found.member = member
        return found
