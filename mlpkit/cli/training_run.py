"""Training on the command line: a run that shows its progress, and saves the model for any end of it."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.model_facts import columns_text, facts, facts_text
from mlpkit.cli.run_summary import RunSummary
from mlpkit.cli.signals import Interrupt
from mlpkit.cli.together import LIMIT
from mlpkit.cli.train_logs import Logs
from mlpkit.progress.display import Progress, Style
from mlpkit.progress.member_display import progress_of
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.model.train import Start
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.ranks import Ranks


def writes(ranks: Ranks | None) -> bool:
    """Return True for the process that writes files: rank 0, or the only one."""
    return ranks is None or ranks.rank == 0


class _DryRun(Exception):
    """Raised when all is shown, and nothing is to be trained."""


@dataclass
class Training:
    """Run that shows its progress, and saves the model for any end of the run.

    Attributes
    ----------
    folder : Path or None
        Folder of the checkpoints.
    clear, replace : bool
        True to remove checkpoints of an earlier run, and to replace the output.
    dry, json : bool
        True to report only, and to write the summary as JSON.
    ranks : Ranks or None
        Processes that train the model together. Only rank 0 writes and shows anything.
    summary : dict
        JSON values: facts before training, and the result after it.
    """

    console: Console
    ending: RunSummary
    style: Style
    logs: Logs
    folder: Path | None
    clear: bool
    replace: bool
    dry: bool
    json: bool
    ranks: Ranks | None = None
    summary: dict[str, Any] = field(default_factory=dict)

    def run(self, spec: Spec, data: str | None, resume: str | None, start_from: str | None) -> int:
        """Train and save. Return the exit code.

        An error that ends the run is raised after the model was saved.
        """
        with ExitStack() as self.signals:
            self.interrupt = Interrupt(self.console.say)
            try:
                model = self._train(spec, data, resume, start_from)
            except _DryRun:
                return 0
            except Exception as error:
                if self.ranks is not None:
                    self.ranks.meet(LIMIT)  # before the model is saved, which may take longer than others wait
                if self.interrupt.running:
                    self._save_after_failure()
                self._advise(error)
                raise
            stopped = self._stopped()
            if self.ranks is not None and stopped:
                self.ranks.meet(LIMIT)
            if not writes(self.ranks):
                return self.interrupt.code if stopped else 0
            self.ending = replace(self.ending, output=self._save(stopped))
        self.console.say(self.ending.text(model, self.summary["epochs_done"], interrupted=stopped))
        self.summary |= self.ending.values(model, interrupted=stopped)
        if not stopped:
            self._score(model)
        return self.interrupt.code if stopped else 0

    def _stopped(self) -> bool:
        """Return True if a signal has cut the run short, on any rank; all of these have the same exit code then."""
        if self.ranks is None:
            return self.interrupt.stopped
        if self.ranks.stopped:
            self.interrupt.code = max(self.ranks.exchange.gather(self.interrupt.code if self.interrupt.stopped else 0))
        return self.ranks.stopped

    def _score(self, model: Model) -> None:
        """Show the score of the saved model beside those of the baselines, unless nothing is shown."""
        from mlpkit.cli.final_score import final_score, score_text

        assert self.prepared is not None
        assert self.progress is not None
        if self.console.quiet and not self.json:
            return
        score = self.summary["score"] = final_score(model, self.prepared, self.ending.weighted)
        if self.progress.style is Style.json and not self.console.quiet:
            self.console.record({"score": score})
        self.console.say(score_text(score))

    def _train(self, spec: Spec, data: str | None, resume: str | None, start_from: str | None) -> Model:
        from mlpkit.model.train import train
        from mlpkit.training.ranks import sharing

        self.model: Model | None = None
        self.prepared: Prepared | None = None
        self.source = start_from
        self.progress: Progress | None = None
        try:
            with sharing(self.ranks):
                return train(
                    spec,
                    data,
                    resume=resume,
                    start_from=start_from,
                    checkpoints=self.folder,
                    replace_checkpoints=self.clear,
                    stop=self.interrupt,
                    on_start=self._begin,
                    on_epoch=self._show,
                )
        finally:
            if self.progress is not None:
                self.progress.close()

    def _show(self, epoch: Epoch) -> None:
        """Show an epoch and write it to the logs."""
        assert self.progress is not None
        self.progress.show(epoch)
        for write in self.writes:
            write(epoch)

    def _begin(self, start: Start) -> None:
        """Show the facts, on stdout if there is no other output. From here on, a signal ends the run with a saved model."""
        model, data, file, taken = start
        if model.training_state is not None:
            self.console.say(one_line(f"resuming from {file}, after {model.training_state.place}"))
        done = len(model.history)
        source = None if file is None else str(file)
        self.summary |= {**facts(model, data), "resumed_from": source, "epochs_done": done}
        if taken is not None:
            self.summary["start_from"] = {"model": self.source, "taken": list(taken.names), "new": list(taken.new)}
        (self.console.out if self.dry and not self.json else self.console.say)(facts_text(self.summary))
        self.console.detail(columns_text(self.summary["columns"]))
        if self.dry:
            raise _DryRun
        if self.ranks is not None:
            self._say_if_ranks_pay(self.ranks, model, data)
        self.ending = replace(self.ending, source=source, weighted=self.summary["weights"])
        self.prepared = data
        self.writes = self.logs.begin(model) if writes(self.ranks) else []
        style = Style.none if self.console.quiet and self.style is not Style.json else self.style
        histories = [member.history for member in model.members]
        self.model, self.progress = model, progress_of(self.console, style, model.spec, histories, self.ending.weighted)
        self.signals.enter_context(self.interrupt)

    def _say_if_ranks_pay(self, ranks: Ranks, model: Model, data: Prepared) -> None:
        """Show how long a step takes on several ranks and alone. All ranks measure it together."""
        from mlpkit.training.ranks_estimate import ranks_estimate

        estimate = ranks_estimate(ranks, model.spec, model.members[0].network, data)
        self.summary["ranks"] = {**estimate._asdict(), "speed_up": estimate.speed_up}
        self.console.say(f"ranks    {estimate}")

    def _advise(self, error: Exception) -> None:
        """Raise an error about the folder of the checkpoints with the advice for the command line."""
        from mlpkit.errors import EarlierCheckpoints, ModelFileError

        if self.model is None or self.interrupt.running:
            return
        if isinstance(error, EarlierCheckpoints):
            help = f"--resume {shlex.quote(str(self.folder))} resumes that run, --force removes its checkpoints"
            raise ModelFileError(error.message, help=help) from error
        if isinstance(error, ModelFileError):
            raise OutputError(error.message, help=error.help) from error

    def _save_after_failure(self) -> None:
        """Save the model of a failed run if it has a finished epoch. The failure is reported in any case."""
        if self.model is None or not self.model.history or not writes(self.ranks):
            return
        try:
            output = self._save(self.model.training_state is not None)
        except Exception as error:  # for example from the plugin that failed
            self.console.warn(f"the trained weights cannot be saved: {error}")
        else:
            self.console.say(replace(self.ending, output=output).failed(self.model))

    def _save(self, training_state: bool) -> str:
        """Write the model and return its path. If another program has created the file, write to a similar name."""
        from mlpkit.errors import FileTaken, ModelFileError

        assert self.model is not None
        output, number = self.ending.output, 1
        while True:
            try:
                self.model.save(output, training_state=training_state or None, replace=self.replace and number == 1)
            except FileTaken:
                number += 1
                name = Path(self.ending.output)
                output = str(name.with_name(f"{name.stem}-{number}{name.suffix}"))
            except ModelFileError as error:
                raise OutputError(error.message, help="; ".join(filter(None, (error.help, self._last_checkpoint())))) from error
            else:
                if number > 1:
                    self.console.warn(f"{self.ending.output} was written by another program in the meantime: the model is in {output}")
                return output

    def _last_checkpoint(self) -> str:
        """Return the advice to resume from the last checkpoint if the model cannot be written, or an empty string."""
        from mlpkit.training.checkpoints import checkpoints_in

        found = [] if self.folder is None else checkpoints_in(self.folder)
        return f"the last checkpoint is {found[-1][1]}: resume from it with --resume, and give another file with -o" if found else ""
