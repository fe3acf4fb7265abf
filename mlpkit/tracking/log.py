"""Log: an object that is called with each epoch and writes it down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpkit.errors import LogWarning, warn
from mlpkit.training.epoch import Epoch

if TYPE_CHECKING:
    from pathlib import Path

    from mlpkit.model.model import Model


class Log:
    """Base class of logs. A log has no open file between two epochs, so that there is nothing to close.

    Attributes
    ----------
    path : Path
        File or folder of the log.
    stopped : bool
        True after an error, such as a full disk: the log warns once, and the run goes on without it, because the model is worth more.
    """

    path: Path
    stopped: bool = False

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch, unless the log has stopped."""
        if self.stopped:
            return
        try:
            self._write(epoch)
        except Exception as error:
            self.stopped = True
            details = (
                f"{self.path}: {getattr(error, 'strerror', None) or error}; the last epoch in it is the one before epoch {epoch.number}"
            )
            warn(LogWarning("the log of the run cannot be written any more, and training goes on without it", details))

    def _write(self, epoch: Epoch) -> None:
        """Write an epoch; any exception stops the log."""
        raise NotImplementedError


def earlier_epochs(model: Model | None) -> list[tuple[int | None, list[Epoch]]]:
    """Return the epochs that a model has before a run: of each member with its number, or with None."""
    if model is None:
        return []
    ensemble = model.spec.ensemble is not None
    return [(number if ensemble else None, list(member.history)) for number, member in enumerate(model.members)]
