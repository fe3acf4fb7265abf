"""Display of the epochs of a run: a bar that overwrites itself, plain lines, JSON lines, or nothing."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from mlpkit.progress.figures import as_json, line

if TYPE_CHECKING:
    from mlpkit.progress.outputs import Output
    from mlpkit.training.epoch import Epoch

BAR_SECONDS, PLAIN_SECONDS = 0.1, 3.0  # least seconds between two updates
BAR_WIDTH = 20


def bar(done: int, whole: int) -> str:
    """Return a bar of characters for a part of some work."""
    filled = BAR_WIDTH * done // whole
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


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
    output : Output
    style : Style
        "auto" is a bar where lines can be replaced, and plain lines elsewhere.
    epochs : int
        Maximum number of epochs.
    done : int
        Number of epochs before this run.
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    """

    def __init__(self, output: Output, style: Style, epochs: int, done: int = 0, weighted: str = "none") -> None:
        if style is Style.auto:
            style = Style.bar if output.live else Style.plain
        self.style = style
        self.output, self.epochs, self.done, self.weighted = output, epochs, done, weighted
        self.started = time.monotonic()
        self.shown_at = -math.inf
        self.pending: Epoch | None = None

    def show(self, epoch: Epoch) -> None:
        """Show an epoch, unless the last update was too recent."""
        if self.style is Style.json:
            self.output.record(as_json(epoch))
            return
        self.pending, now = epoch, time.monotonic()
        if self.style is Style.bar and now - self.shown_at >= BAR_SECONDS:
            self.shown_at = now
            self._draw(epoch, now)
        elif self.style is Style.plain and now - self.shown_at >= PLAIN_SECONDS:
            self.shown_at, self.pending = now, None
            self.output.say(line(epoch, self.epochs, self.weighted))

    def close(self) -> None:
        """Remove the bar, and show the last epoch if it was not shown yet."""
        if self.style is Style.bar:
            self.output.draw("")
        if self.pending is not None and self.style in (Style.bar, Style.plain):
            self.output.say(line(self.pending, self.epochs, self.weighted))
        self.pending = None

    def _draw(self, epoch: Epoch, now: float) -> None:
        left = (now - self.started) / max(epoch.number - self.done, 1) * (self.epochs - epoch.number)
        shown = line(epoch, self.epochs, self.weighted)
        self.output.draw(f"{bar(epoch.number, self.epochs)} {shown}  {left:.0f} s left")
