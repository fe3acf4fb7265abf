"""The progress of training on stderr: a bar that overwrites itself, plain lines, JSON lines, or nothing."""

from __future__ import annotations

import math
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from mlpkit.cli.console import Console, is_terminal

if TYPE_CHECKING:
    from mlpkit.training.epoch import Epoch

BAR_SECONDS, PLAIN_SECONDS = 0.1, 3.0  # at least so long between two updates
BAR_WIDTH = 20


class Style(StrEnum):
    """The ways to show progress."""

    auto = "auto"
    bar = "bar"
    plain = "plain"
    json = "json"
    none = "none"


class Progress:
    """Shows epoch after epoch; `close` shows the last one.

    Parameters
    ----------
    console : Console
    style : Style
        "auto" is a bar on a terminal and plain lines elsewhere.
    epochs : int
        How many there are at most.
    done : int
        How many were done before.
    weighted : {"none", "loss", "loss and metrics"}
        Which figures are weighted.
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
        """Show an epoch, if it is time for that."""
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
        """Take the bar away, and show the last epoch if it was not yet."""
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
    """An epoch on one line."""
    measured = "".join(f"  {name} {value:.4g}" for name, value in labelled(epoch, weighted).items())
    return f"epoch {epoch.number:{len(str(epochs))}}/{epochs}{measured}"


def figures(epoch: Epoch) -> dict[str, float]:
    """Return what was measured in an epoch, by name."""
    validation = {} if epoch.validation_loss is None else {"validation_loss": epoch.validation_loss}
    return {"loss": epoch.loss, **validation, **epoch.metrics}


def labelled(epoch: Epoch, weighted: str) -> dict[str, float]:
    """Return what was measured in an epoch, by a name that says what is weighted."""
    return {label(name, weighted): value for name, value in figures(epoch).items()}


def label(name: str, weighted: str) -> str:
    """A figure's name, which says whether it is weighted."""
    is_loss = name in ("loss", "validation_loss", "training_loss")
    return f"weighted {name}" if weighted == "loss and metrics" or (is_loss and weighted == "loss") else name


def as_json(epoch: Epoch) -> dict[str, float | None]:
    """An epoch as one JSON object; null for what is not finite."""
    values = {"epoch": epoch.number, **figures(epoch), "learning_rate": epoch.learning_rate, "seconds": epoch.seconds}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
