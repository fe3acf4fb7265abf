"""Display of the epochs of an ensemble: of all members on one line, and a line for each that is finished."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mlpkit.progress.display import BAR_SECONDS, PLAIN_SECONDS, Progress, Style, bar
from mlpkit.progress.figures import as_json, line

if TYPE_CHECKING:
    from mlpkit.progress.outputs import Output
    from mlpkit.spec import Spec
    from mlpkit.training.early_stopping import Monitor
    from mlpkit.training.epoch import Epoch


def progress_of(output: Output, style: Style, spec: Spec, histories: Sequence[Sequence[Epoch]], weighted: str = "none") -> Progress:
    """Return the display of a run.

    Parameters
    ----------
    output : Output
    style : Style
    spec : Spec
    histories : sequence of sequences of Epoch
        Epochs before this run: of the model, or of each member of an ensemble.
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    """
    if spec.ensemble is None:
        return Progress(output, style, spec.training.epochs, len(histories[0]), weighted)
    return MemberProgress(output, style, spec, histories, weighted)


class MemberProgress(Progress):
    """Display of the epochs of an ensemble's members, which may come in any order.

    Parameters
    ----------
    output : Output
    style : Style
    spec : Spec
    histories : sequence of sequences of Epoch
        Epochs of each member before this run.
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    noun : str
        Name of one of them.
    """

    def __init__(
        self,
        output: Output,
        style: Style,
        spec: Spec,
        histories: Sequence[Iterable[Epoch]],
        weighted: str = "none",
        noun: str = "member",
    ) -> None:
        from mlpkit.training.early_stopping import Monitor

        self.members, self.noun = len(histories), noun
        super().__init__(output, style, spec.training.epochs, 0, weighted)
        self.monitors = [Monitor(spec) for _ in histories]
        self.last: dict[int, Epoch] = {}
        self.finished: set[int] = set()
        for number, history in enumerate(histories):
            for epoch in history:
                self._watch(number, epoch)
        self.begun = self._total()

    def show(self, epoch: Epoch) -> None:
        """Show an epoch, unless the last update was too recent; of a member's last epoch a line that stays."""
        number: int = getattr(epoch, "member", 0)
        if self.style is Style.json:
            self.output.record(as_json(epoch))
            return
        self._watch(number, epoch)
        now, shows = time.monotonic(), self.style in (Style.bar, Style.plain)
        if number in self.finished and shows:
            if self.style is Style.bar:
                self.output.draw("")
            self.output.say(self._line(number))
            self.shown_at = now
        elif self.style is Style.bar and now - self.shown_at >= BAR_SECONDS:
            self.shown_at = now
            self._draw_all(number, now)
        elif self.style is Style.plain and now - self.shown_at >= PLAIN_SECONDS:
            self.shown_at = now
            self.output.say(self._line(number))

    def close(self) -> None:
        """Remove the bar, and show the members that were left, or that ended before their last epoch."""
        if self.style is Style.bar:
            self.output.draw("")
        if self.style in (Style.bar, Style.plain):
            for number in sorted(self.last.keys() - self.finished):
                self.output.say(self._line(number))

    def _watch(self, number: int, epoch: Epoch) -> None:
        monitor: Monitor = self.monitors[number]
        monitor.improved(epoch)
        self.last[number] = epoch
        if epoch.number >= self.epochs or monitor.exhausted:
            self.finished.add(number)

    def _total(self) -> int:
        """Return the number of finished epochs, with all of the members that are finished."""
        return sum(self.epochs if number in self.finished else epoch.number for number, epoch in self.last.items())

    def _line(self, number: int) -> str:
        best = self.monitors[number].best if number in self.finished else None
        end = "" if best is None or self.monitors[number].options is None else f"  best {best}"
        return f"{self.noun} {number}: {line(self.last[number], self.epochs, self.weighted)}{end}"

    def _draw_all(self, number: int, now: float) -> None:
        total, whole = self._total(), self.epochs * self.members
        left = (now - self.started) / max(total - self.begun, 1) * (whole - total)
        shown = f"{len(self.finished)} of {self.members} {self.noun}s finished  {self._line(number)}"
        self.output.draw(f"{bar(total, whole)} {shown}  {left:.0f} s left")
