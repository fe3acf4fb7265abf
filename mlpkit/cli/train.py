"""`mlpkit train`: a spec and its data become a model file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.file_types import MODELS, check_ending
from mlpkit.cli.interrupt import Interrupt
from mlpkit.cli.model_facts import columns_text, facts, facts_text
from mlpkit.cli.options import Code, Data, Json, load_code, with_code
from mlpkit.cli.output_files import check_output, same_file
from mlpkit.cli.overrides import Setting
from mlpkit.cli.progress import Progress, Style
from mlpkit.cli.run_summary import RunSummary, resume_command
from mlpkit.cli.spec_file import SpecFile
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch


Settings = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="KEY=VALUE", help="Set a value of the spec, such as training.batch_size=64; repeatable."),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Maximum number of epochs, instead of the spec's.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed, instead of the spec's.")]
Resume = Annotated[
    str | None,
    typer.Option("--resume", metavar="PATH", help="Resume from the file of an interrupted run, a checkpoint, or a folder of checkpoints."),
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Read spec and data and report shapes, without training and writing.")]
Replace = Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing model file, and remove checkpoints of an earlier run.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Number of threads; by default as many as speed up training.")]
ProgressStyle = Annotated[Style, typer.Option("--progress", help="Style of the progress on stderr; json is one object per epoch.")]


def train(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="JSON file of the spec; '-' is stdin.")],
    data: Data = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Model file to write.")] = "model.h5",
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Seed = None,
    resume: Resume = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    progress: ProgressStyle = Style.auto,
    code: Code = None,
    force: Replace = False,
    json: Json = False,
) -> None:
    """Train a model from a spec and save it.

    The first Ctrl-C (or SIGTERM, or SIGHUP) finishes the batch, saves the model and shows the command to resume. The second stops at
    once and saves nothing. A run that diverges saves the weights of its best epoch.
    """
    load_code(code)
    _use_threads(threads)
    _check_streams(spec, data, output)
    changes = all_settings(settings, epochs, seed)
    file = SpecFile(spec, changes)
    with file.places():
        parsed = file.read()
        if not dry_run:
            check_output(output, force=force or same_file(output, resume), reads=[spec, *_data_files(parsed, data)])
            check_ending(output, MODELS, "a model")
        start, source = _start(console, parsed, resume)
        model, prepared = _ready(parsed, data, start)
        summary = {**facts(model, prepared), "resumed_from": source, "epochs_done": len(model.history)}
        _show(console, summary, as_data=dry_run and not json)
        ended = 0
        if not dry_run:
            ending = RunSummary(
                output,
                source,
                lambda path: resume_command(spec, data, path, changes, code),
                lambda path: with_code(f"mlpkit evaluate {shlex.quote(path)} DATA", code),
                summary["weights"],
            )
            folder = _checkpoints(parsed, output)
            ended, found = _Training(console, model, ending, folder, force, force or same_file(output, resume)).run(prepared, progress)
            summary |= found
    if json:
        console.json(summary)
    if ended:
        raise typer.Exit(ended)


def _use_threads(count: int | None) -> None:
    from mlpkit import threads

    threads.use(count)
    threads.chosen()  # reports an invalid environment variable before anything is read


def _check_streams(spec: str, data: str | None, output: str) -> None:
    if spec == data == "-":
        raise typer.BadParameter("spec and data cannot both come from stdin", param_hint="--data")
    if output == "-":
        raise typer.BadParameter("a model is written to a file, not to stdout", param_hint="--output")


def all_settings(settings: list[str] | None, epochs: int | None, seed: int | None) -> list[Setting]:
    """Return the changes of the command line to the spec. Raise BadParameter if two have the same key."""
    changes = Setting.parse_all(settings or ())
    shortcuts = {"--epochs": (("training", "epochs"), epochs), "--seed": (("seed",), seed)}
    for option, (path, value) in shortcuts.items():
        if value is not None:
            if any(change.path == path for change in changes):
                raise typer.BadParameter(f"{option} and --set {'.'.join(path)} both set it", param_hint=option)
            changes.append(Setting(f"{option} {value}", path, value))
    return changes


def _data_files(spec: Spec, data: str | None) -> list[str | Path]:
    """Return the data files that the run reads."""
    named = [spec.data.path if data is None else None, spec.data.validation]
    return [*([] if data is None else [data]), *(spec.resolve_path(path) for path in named if path is not None)]


def _start(console: Console, spec: Spec, resume: str | None) -> tuple[Model | None, str | None]:
    """Return the model of the run to resume and its file, or None and None for a new run."""
    if resume is None:
        return None, None
    from mlpkit.model.train import resumed

    model, file = resumed(spec, resume)
    if model.training_state is not None:
        console.say(one_line(f"resuming from {file}, after {model.training_state.place}"))
    return model, str(file)


def _checkpoints(spec: Spec, output: str) -> Path | None:
    """Return the folder of the checkpoints: the spec's, or one named after the output; None without checkpoints."""
    options = spec.training.checkpoint
    if options is None:
        return None
    return Path(output).with_suffix(".checkpoints") if options.folder is None else spec.resolve_path(options.folder)


def _ready(spec: Spec, data: str | None, start: Model | None) -> tuple[Model, Prepared]:
    """Return an untrained model, or the model of the run to resume, with its prepared data."""
    from mlpkit.model.model import Model
    from mlpkit.model.train import prepare_for
    from mlpkit.preprocessing.prepare import prepare
    from mlpkit.training.resume import resumable

    if start is None:
        prepared = prepare(spec, data)
        return Model.for_data(spec, prepared), prepared
    prepared = prepare_for(start, data, resume=True)
    resumable(start.training_state, prepared)
    return start, prepared


def _show(console: Console, summary: dict[str, Any], *, as_data: bool) -> None:
    """Show the facts, on stdout if there is no other output."""
    (console.out if as_data else console.say)(facts_text(summary))
    console.detail(columns_text(summary["columns"]))


@dataclass(frozen=True)
class _Training:
    """Run that shows its progress, and saves the model for any end of the run.

    Attributes
    ----------
    folder : Path or None
        Folder of the checkpoints.
    clear, replace : bool
        True to remove checkpoints of an earlier run, and to replace the output.
    """

    console: Console
    model: Model
    ending: RunSummary
    folder: Path | None
    clear: bool
    replace: bool

    def run(self, prepared: Prepared, style: Style) -> tuple[int, dict[str, Any]]:
        """Train and save. Return the exit code and the summary as JSON values.

        An error that ends the run is raised after the model was saved.
        """
        done, failure = len(self.model.history), None
        progress = Progress(self.console, style, self.model.spec.training.epochs, done, self.ending.weighted)
        with Interrupt(self.console.say) as interrupt:
            epochs = self._begin(prepared, interrupt)
            try:
                for epoch in epochs:
                    progress.show(epoch)
            except Exception as error:
                failure = error
            finally:
                progress.close()
            if failure is not None:
                self._save_after_failure()
                raise failure
            output = self._save(interrupt.stopped)
        ending = replace(self.ending, output=output)
        self.console.say(ending.text(self.model, done, interrupted=interrupt.stopped))
        return interrupt.code if interrupt.stopped else 0, ending.values(self.model, interrupted=interrupt.stopped)

    def _save_after_failure(self) -> None:
        """Save the model of a failed run if it has a finished epoch. The failure is reported in any case."""
        if not self.model.history:
            return
        try:
            output = self._save(self.model.training_state is not None)
        except Exception as error:  # for example from the plugin that failed
            self.console.warn(f"the trained weights cannot be saved: {error}")
        else:
            self.console.say(replace(self.ending, output=output).failed(self.model))

    def _begin(self, prepared: Prepared, stop: Interrupt) -> Iterator[Epoch]:
        from mlpkit.errors import EarlierCheckpoints, ModelFileError
        from mlpkit.training.checkpoints import checkpoints_in

        before = 0 if self.folder is None else len(checkpoints_in(self.folder))
        try:
            epochs = self.model.epochs(prepared, stop, resume=self.ending.source is not None, checkpoints=self.folder, replace=self.clear)
        except EarlierCheckpoints as error:
            help = f"--resume {shlex.quote(str(self.folder))} resumes that run, --force removes its checkpoints"
            raise ModelFileError(error.message, help=help) from error
        except ModelFileError as error:
            raise OutputError(error.message, help=error.help) from error
        removed = 0 if self.folder is None else before - len(checkpoints_in(self.folder))
        if removed:
            self.console.say(f"removed {counted(removed, 'checkpoint')} of an earlier run from {self.folder}")
        return epochs

    def _save(self, training_state: bool) -> str:
        """Write the model and return its path. If another program has created the file, write to a similar name."""
        from mlpkit.errors import FileTaken, ModelFileError

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
