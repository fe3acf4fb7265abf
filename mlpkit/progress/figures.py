"""Figures of an epoch, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpkit.text.json_numbers import finite

if TYPE_CHECKING:
    from mlpkit.training.epoch import Epoch


def line(epoch: Epoch, epochs: int, weighted: str = "none") -> str:
    """Return an epoch as one line."""
    measured = "".join(f"  {name} {value:.4g}" for name, value in labelled(epoch, weighted).items())
    return f"epoch {epoch.number:{len(str(epochs))}}/{epochs}{measured}"


def figures(epoch: Epoch) -> dict[str, float]:
    """Return the figures of an epoch by name."""
    validation = {} if epoch.validation_loss is None else {"validation_loss": epoch.validation_loss}
    return {"loss": epoch.loss, **validation, **epoch.metrics}


def labelled(epoch: Epoch, weighted: str) -> dict[str, float]:
    """Return the figures of an epoch by name, with "weighted" added to weighted ones."""
    return {label(name, weighted): value for name, value in figures(epoch).items()}


def label(name: str, weighted: str) -> str:
    """Return the name of a figure, with "weighted" added if it is weighted."""
    is_loss = name in ("loss", "validation_loss", "training_loss")
    return f"weighted {name}" if weighted == "loss and metrics" or (is_loss and weighted == "loss") else name


def as_json(epoch: Epoch) -> dict[str, float | None]:
    """Return an epoch as a JSON object, with null for values that are not finite; that of an ensemble's member begins with "member"."""
    member = getattr(epoch, "member", None)
    own = {} if member is None else {"member": member}
    return finite({**own, "epoch": epoch.number, **figures(epoch), "learning_rate": epoch.learning_rate, "seconds": epoch.seconds})
