"""Ending: what `mlpkit train` says of a run when it is over, and how one goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpkit.cli.options import with_code
from mlpkit.cli.overrides import Setting
from mlpkit.cli.progress import as_json, labelled
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.training.early_stopping import Monitor
    from mlpkit.training.epoch import Epoch


@dataclass(frozen=True)
class Ending:
    """The end of a run.

    Attributes
    ----------
    output : str
        The model file that is written.
    source : str or None
        The file that the run went on from.
    again, evaluate : callable
        From the model file to the commands that go on from it, and that evaluate it.
    weighted : {"none", "loss", "loss and metrics"}
        Which figures are weighted.
    """

    output: str
    source: str | None
    again: Callable[[str], str]
    evaluate: Callable[[str], str]
    weighted: str = "none"

    def text(self, model: Model, done: int, *, interrupted: bool) -> str:
        """Return how the run ended that began after `done` epochs, what the weights are, and what to do next."""
        text = self._how(model, done, interrupted)
        best = best_epoch(model)
        if best is not None:
            measured = ", ".join(f"{name} {value:.4g}" for name, value in labelled(best, self.weighted).items())
            text += f"; the weights are those of the best, epoch {best.number}: {measured}"
        following = f"go on: {self.again(self.output)}" if interrupted else f"next: {self.evaluate(self.output)}"
        return f"{one_line(text)}\n{one_line(f'saved {self.output}; {following}')}"

    def failed(self, model: Model) -> str:
        """The weights that were saved of a run that failed, and how it can go on if it can."""
        if model.training_state is not None:
            return one_line(f"saved {self.output}, which has the last step before the failure; go on: {self.again(self.output)}")
        return one_line(f"saved {self.output}: the weights of the best epoch that was finished before the failure")

    def _how(self, model: Model, done: int, interrupted: bool) -> str:
        epochs, most = len(model.history), model.spec.training.epochs
        after, early = f"after {counted(epochs, 'epoch')}", epochs < most and _monitor(model).exhausted
        converged = ": the optimizer found nothing left to gain" if epochs < most and not early else ""
        if interrupted:
            return f"interrupted {after}"
        if self.source is None or epochs > done:
            return f"{'stopped early' if early else 'trained'} {after}{converged}"
        more = "training.early_stopping.patience" if early else "--epochs"
        return f"the run was complete {after}{converged or f': nothing was left to train; a higher {more} goes on'}"

    def values(self, model: Model, *, interrupted: bool) -> dict[str, Any]:
        """The same as JSON values."""
        best = best_epoch(model)
        return {
            "model": self.output,
            "epochs": len(model.history),
            "interrupted": interrupted,
            "last": as_json(model.history[-1]) if model.history else None,
            "best": None if best is None else as_json(best),
        }


def best_epoch(model: Model) -> Epoch | None:
    """The epoch whose weights early stopping has restored; None without early stopping."""
    if model.spec.training.early_stopping is None:
        return None
    monitor = _monitor(model)
    return next((epoch for epoch in model.history if epoch.number == monitor.best), None)


def _monitor(model: Model) -> Monitor:
    """Return what early stopping knows at the end of the run."""
    from mlpkit.training.early_stopping import Monitor

    monitor = Monitor(model.spec)
    for epoch in model.history:
        monitor.improved(epoch)
    return monitor


def again(spec: str, data: str | None, output: str, changes: Sequence[Setting], code: Sequence[str] | None) -> str:
    """The command line that goes on with a run, quoted for a shell."""
    words = ["mlpkit", "train", spec, *([] if data is None else ["-d", data])]
    for change in changes:
        words += change.option.split(" ", 1)
    out = [] if output == "model.h5" else ["-o", output]
    return f"{with_code(shlex.join(words), code)} {shlex.join([*out, '--resume', output])}"
