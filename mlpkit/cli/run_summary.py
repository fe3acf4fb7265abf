"""Summary of a run of `mlpkit train`: its result, and the command that continues it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpkit.cli.options import with_code
from mlpkit.cli.overrides import Setting
from mlpkit.progress.figures import as_json, labelled
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.training.early_stopping import Monitor
    from mlpkit.training.epoch import Epoch


@dataclass(frozen=True)
class RunSummary:
    """Summary of a finished run.

    Attributes
    ----------
    output : str
        Model file that is written.
    resume_command, evaluate : callable
        Functions from the model file to the command that resumes it, and the command that evaluates it.
    source : str or None
        File that the run was resumed from.
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    """

    output: str
    resume_command: Callable[[str], str]
    evaluate: Callable[[str], str]
    source: str | None = None
    weighted: str = "none"

    def text(self, model: Model, done: int, *, interrupted: bool) -> str:
        """Return the result of a run that began after `done` epochs, the origin of the weights, and the next command."""
        text = self._result(model, done, interrupted)
        best = best_epoch(model)
        if best is not None:
            measured = ", ".join(f"{name} {value:.4g}" for name, value in labelled(best, self.weighted).items())
            text += f"; the weights are those of the best, epoch {best.number}: {measured}"
        following = f"to resume: {self.resume_command(self.output)}" if interrupted else f"next: {self.evaluate(self.output)}"
        return f"{one_line(text)}\n{one_line(f'saved {self.output}; {following}')}"

    def failed(self, model: Model) -> str:
        """Return a message about the weights saved for a failed run, with the command that resumes it if possible."""
        if model.training_state is not None:
            resume = self.resume_command(self.output)
            return one_line(f"saved {self.output} in the state after the last step before the failure; to resume: {resume}")
        return one_line(f"saved {self.output}: the weights of the best epoch before the failure")

    def _result(self, model: Model, done: int, interrupted: bool) -> str:
        if model.spec.ensemble is not None:
            return self._members(model, done, interrupted)
        epochs, most = len(model.history), model.spec.training.epochs
        after, early = f"after {counted(epochs, 'epoch')}", epochs < most and _monitor(model).exhausted
        reason = _reason(model) if epochs < most and not early else ""
        if interrupted:
            return f"interrupted {after}"
        if self.source is None or epochs > done:
            return f"{'stopped early' if early else 'trained'} {after}{reason}"
        more = "training.early_stopping.patience" if early else "--epochs"
        return f"the run was complete {after}{reason or f': to train further, increase {more}'}"

    def _members(self, model: Model, done: int, interrupted: bool) -> str:
        """Return the result of an ensemble's run."""
        counts = [len(member.history) for member in model.members]
        low, high = min(counts), max(counts)
        if interrupted:
            return f"interrupted after {counted(sum(counts), 'epoch')} of {len(counts)} members"
        verb = "trained" if self.source is None or high > done else "the run was complete:"
        best = "" if model.spec.training.early_stopping is None else ", each with the weights of its best epoch"
        most = model.spec.training.epochs
        spent = any(len(member.history) < most and not _monitor(member).exhausted for member in model.members)
        each = f"{counted(high, 'epoch') if low == high else f'{low} to {high} epochs'} each{best}"
        return f"{verb} {len(counts)} members, {each}{_reason(model) if spent else ''}"

    def values(self, model: Model, *, interrupted: bool) -> dict[str, Any]:
        """Return the summary as JSON values."""
        best = best_epoch(model)
        return {
            "model": self.output,
            "epochs": len(model.history),
            "interrupted": interrupted,
            "last": as_json(model.history[-1]) if model.history else None,
            "best": None if best is None else as_json(best),
            **({} if model.spec.ensemble is None else {"members": [_member_values(member) for member in model.members]}),
        }


def _member_values(member: Model) -> dict[str, Any]:
    best = best_epoch(member)
    last = as_json(member.history[-1]) if member.history else None
    return {"epochs": len(member.history), "last": last, "best": None if best is None else as_json(best)}


def best_epoch(model: Model) -> Epoch | None:
    """Return the epoch whose weights early stopping restored; None without early stopping, and for an ensemble."""
    if model.spec.training.early_stopping is None or model.spec.ensemble is not None:
        return None
    monitor = _monitor(model)
    return next((epoch for epoch in model.history if epoch.number == monitor.best), None)


def _reason(model: Model) -> str:
    """Return why a run ended before its last epoch and without early stopping."""
    spent = [] if model.spec.training.time_budget is None else ["the time budget is spent"]
    converged = ["the optimizer converged"] if model.spec.optimizer.scope == "problem" else []
    return f": {' or '.join([*converged, *spent])}"


def _monitor(model: Model) -> Monitor:
    """Return the state of early stopping at the end of the run."""
    from mlpkit.training.early_stopping import Monitor

    monitor = Monitor(model.spec)
    for epoch in model.history:
        monitor.improved(epoch)
    return monitor


def resume_command(
    spec: str, data: str | None, output: str, changes: Sequence[Setting], logs: Sequence[str], code: Sequence[str] | None
) -> str:
    """Return the command line that resumes a run with the options of its logs, quoted for a shell."""
    words = ["mlpkit", "train", spec, *([] if data is None else ["-d", data])]
    for change in changes:
        words += change.option.split(" ", 1)
    words += logs
    out = [] if output == "model.h5" else ["-o", output]
    return f"{with_code(shlex.join(words), code)} {shlex.join([*out, '--resume', output])}"
