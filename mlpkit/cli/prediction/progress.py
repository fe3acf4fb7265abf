"""ShardProgress: how many shards and rows are predicted, as a bar on a terminal, and as a line from time to time elsewhere."""

from __future__ import annotations

import math
import time

from mlpkit.cli.console import Console
from mlpkit.progress.display import BAR_SECONDS, PLAIN_SECONDS, bar
from mlpkit.text.shown import counted


class ShardProgress:
    """Display of the shards of one command.

    Parameters
    ----------
    console : Console
    shards : int
        Number of shards to predict.
    """

    def __init__(self, console: Console, shards: int) -> None:
        self.console, self.shards = console, shards
        self.done = self.rows = 0
        self.started = time.monotonic()
        self.shown_at = -math.inf if console.live else self.started

    def count(self, rows: int) -> None:
        """Add rows."""
        self.rows += rows
        self._show()

    def finish(self) -> None:
        """Add a shard that is finished, or that has an error."""
        self.done += 1
        self._show()

    def close(self) -> None:
        """Remove the bar."""
        if self.console.live and not self.console.quiet:
            self.console.draw("")

    def _show(self) -> None:
        now = time.monotonic()
        if self.console.quiet or now - self.shown_at < (BAR_SECONDS if self.console.live else PLAIN_SECONDS):
            return
        self.shown_at = now
        text = f"{self.done} of {counted(self.shards, 'shard')}, {counted(self.rows, 'row')}"
        if not self.console.live:
            self.console.say(text)
            return
        left = f"  {(now - self.started) / self.done * (self.shards - self.done):.0f} s left" if self.done else ""
        self.console.draw(f"{bar(self.done, self.shards)} {text}{left}")
