"""`mlpkit train`: a spec and its data become a model file."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.model_facts import columns_text, facts, facts_text
from mlpkit.cli.options import Code, Data, Json, ModelOutput, Settings, load_code, with_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, same_file
from mlpkit.cli.overrides import all_settings
from mlpkit.cli.run_summary import RunSummary, resume_command
from mlpkit.cli.signals import Interrupt
from mlpkit.cli.spec_file import SpecFile
from mlpkit.cli.train_logs import LogFile, Logs, TensorBoardFolder
from mlpkit.progress.display import Progress, Style
from mlpkit.progress.member_display import progress_of
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.model.train import Start
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch


Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Maximum number of epochs, instead of the spec's.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed, instead of the spec's.")]
Resume = Annotated[
    str | None,
    typer.Option("--resume", metavar="PATH", help="Resume from the file of an interrupted run, a checkpoint, or a folder of checkpoints."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="MODEL", help="Begin with the weights of this model file where names and shapes agree."),
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Read spec and data and report shapes, without training and writing.")]
Replace = Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing model file, and remove checkpoints of an earlier run.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Number of threads, or of processes for an ensemble; by default as many as speed it up."),
]
ProgressStyle = Annotated[Style, typer.Option("--progress", help="Style of the progress on stderr; json is one object per epoch.")]


def train(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="JSON file of the spec; '-' is stdin.")],
    data: Data = None,
    output: ModelOutput = "model.h5",
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Seed = None,
    resume: Resume = None,
    start_from: From = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    progress: ProgressStyle = Style.auto,
    log: LogFile = None,
    tensorboard: TensorBoardFolder = None,
    code: Code = None,
    force: Replace = False,
    json: Json = False,
) -> None:
    """Train a model from a spec and save it.

    The first Ctrl-C (or SIGTERM, or SIGHUP) finishes the batch, saves the model and shows the command to resume. The second stops at
    once and saves nothing. A run that diverges saves the weights of its best epoch.
    """
    if resume is not None and start_from is not None:
        raise typer.BadParameter("--resume continues a run that has weights of its own", param_hint="--from")
    load_code(code)
    use_threads(threads)
    _check_streams(spec, data, output)
    changes, logs = all_settings(settings, epochs, seed), Logs(log, tensorboard)
    file = SpecFile(spec, changes)
    with file.places():
        parsed = file.read()
        replaces = force or same_file(output, resume)
        if not dry_run:
            reads = [spec, *data_files(parsed, data), *([start_from] if start_from else [])]
            check_output(output, force=replaces, reads=reads)
            check_ending(output, MODELS, "a model")
            logs.check(replaces=force or resume is not None, reads=reads)
        resuming = partial(resume_command, spec, data, changes=changes, logs=logs.options, code=code)
        ending = RunSummary(output, resuming, lambda path: with_code(f"mlpkit evaluate {shlex.quote(path)} DATA", code))
        training = _Training(console, ending, progress, logs, _checkpoints(parsed, output), force, replaces, dry_run, json)
        ended = training.run(parsed, data, resume, start_from)
    if json:
        console.json(training.summary)
    if ended:
        raise typer.Exit(ended)


def use_threads(count: int | None) -> None:
    from mlpkit import threads

    threads.use(count)
    threads.chosen()  # reports an invalid environment variable before anything is read


def _check_streams(spec: str, data: str | None, output: str) -> None:
    if spec == data == "-":
        raise typer.BadParameter("spec and data cannot both come from stdin", param_hint="--data")
    check_is_file(output)


def data_files(spec: Spec, data: str | None) -> list[str | Path]:
    """Return the data files that the run reads."""
    path = spec.data.path if data is None else None
    named = [*(path if isinstance(path, tuple) else [path]), spec.data.validation]
    return [*([] if data is None else [data]), *(spec.resolve_path(path) for path in named if path is not None)]


def _checkpoints(spec: Spec, output: str) -> Path | None:
    """Return the folder of the checkpoints: the spec's, or one named after the output; None without checkpoints."""
    options = spec.training.checkpoint
    if options is None:
        return None
    return Path(output).with_suffix(".checkpoints") if options.folder is None else spec.resolve_path(options.folder)


class _DryRun(Exception):
    """Raised when all is shown, and nothing is to be trained."""


@dataclass
class _Training:
    """Run that shows its progress, and saves the model for any end of the run.

    Attributes
    ----------
    folder : Path or None
        Folder of the checkpoints.
    clear, replace : bool
        True to remove checkpoints of an earlier run, and to replace the output.
    dry, json : bool
        True to report only, and to write the summary as JSON.
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
                if self.interrupt.running:
                    self._save_after_failure()
                self._advise(error)
                raise
            stopped = self.interrupt.stopped
            self.ending = replace(self.ending, output=self._save(stopped))
        self.console.say(self.ending.text(model, self.summary["epochs_done"], interrupted=stopped))
        self.summary |= self.ending.values(model, interrupted=stopped)
        if not stopped:
            self._score(model)
        return self.interrupt.code if stopped else 0

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

        self.model: Model | None = None
        self.prepared: Prepared | None = None
        self.source = start_from
        self.progress: Progress | None = None
        try:
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
        self.ending = replace(self.ending, source=source, weighted=self.summary["weights"])
        self.prepared = data
        self.writes = self.logs.begin(model)
        style = Style.none if self.console.quiet and self.style is not Style.json else self.style
        histories = [member.history for member in model.members]
        self.model, self.progress = model, progress_of(self.console, style, model.spec, histories, self.ending.weighted)
        self.signals.enter_context(self.interrupt)

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
        if self.model is None or not self.model.history:
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
