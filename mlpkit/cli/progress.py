"""Progress of training on stderr: a bar that overwrites itself, plain lines, JSON lines, or nothing."""

from __future__ import annotations

import math
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from mlpkit.cli.console import Console, is_terminal
from mlpkit.cli.json_format import finite

if TYPE_CHECKING:
    from mlpkit.training.epoch import Epoch

BAR_SECONDS, PLAIN_SECONDS = 0.1, 3.0  # least seconds between two updates
BAR_WIDTH = 20


class Style(StrEnum):
    """Style of the progress display."""

    auto = "auto"
    bar = "bar"
    plain = "plain"
    json = "json"
    none = "none"


class Progress:
    """Display of epochs; `close` shows the last one.

    Parameters
    ----------
    console : Console
    style : Style
        "auto" is a bar on a terminal and plain lines elsewhere.
    epochs : int
        Maximum number of epochs.
    done : int
        Number of epochs before this run.
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    """

    def __init__(self, console: Console, style: Style, epochs: int, done: int = 0, weighted: str = "none") -> None:
        if style is Style.auto:
            style = Style.bar if is_terminal(sys.stderr) else Style.plain
        self.style = Style.none if console.quiet and style is not Style.json else style
        self.console, self.epochs, self.done, self.weighted = console, epochs, done, weighted
        self.started = time.monotonic()
        self.shown_at = -math.inf
        self.pending: Epoch | None = None

    def show(self, epoch: Epoch) -> None:
        """Show an epoch, unless the last update was too recent."""
        if self.style is Style.json:
            self.console.record(as_json(epoch))
            return
        self.pending, now = epoch, time.monotonic()
        if self.style is Style.bar and now - self.shown_at >= BAR_SECONDS:
            self.shown_at = now
            self._draw(epoch, now)
        elif self.style is Style.plain and now - self.shown_at >= PLAIN_SECONDS:
            self.shown_at, self.pending = now, None
            self.console.say(line(epoch, self.epochs, self.weighted))

    def close(self) -> None:
        """Remove the bar, and show the last epoch if it was not shown yet."""
        if self.style is Style.bar:
            self.console.draw("")
        if self.pending is not None and self.style in (Style.bar, Style.plain):
            self.console.say(line(self.pending, self.epochs, self.weighted))
        self.pending = None

    def _draw(self, epoch: Epoch, now: float) -> None:
        done = BAR_WIDTH * epoch.number // self.epochs
        left = (now - self.started) / max(epoch.number - self.done, 1) * (self.epochs - epoch.number)
        shown = line(epoch, self.epochs, self.weighted)
        self.console.draw(f"[{'#' * done}{'.' * (BAR_WIDTH - done)}] {shown}  {left:.0f} s left")


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
    """Return an epoch as a JSON object, with null for values that are not finite."""
    return finite({"epoch": epoch.number, **figures(epoch), "learning_rate": epoch.learning_rate, "seconds": epoch.seconds})
