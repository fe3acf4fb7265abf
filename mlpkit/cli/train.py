"""`mlpkit train`: from a spec and its data to a model file."""

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
from mlpkit.cli.run_summary import Ending, again
from mlpkit.cli.spec_file import SpecFile
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch


Settings = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="KEY=VALUE", help="Change a value of the spec, such as training.batch_size=64; repeatable."),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="The most epochs, in place of the spec's.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="The seed, in place of the spec's.")]
Resume = Annotated[
    str | None,
    typer.Option("--resume", metavar="PATH", help="Go on from the file of an interrupted run, a checkpoint, or a folder of checkpoints."),
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Read spec and data, report shapes, train and write nothing.")]
Replace = Annotated[bool, typer.Option("-f", "--force", help="Overwrite a model file that exists, remove checkpoints of an earlier run.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Train on so many threads; as many as pay when left out.")]
HowShown = Annotated[Style, typer.Option("--progress", help="How progress is shown on stderr; json is one object per epoch.")]


def train(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec, a JSON file; '-' is stdin.")],
    data: Data = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The model file to write.")] = "model.h5",
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Seed = None,
    resume: Resume = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    progress: HowShown = Style.auto,
    code: Code = None,
    force: Replace = False,
    json: Json = False,
) -> None:
    """Train a model as a spec says, and save it.

    The first Ctrl-C (or SIGTERM, or SIGHUP) finishes the batch, saves the model and says how to go on; the second stops at once and
    saves nothing. A run that diverges saves the weights of its best finished epoch.
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
            ending = Ending(
                output,
                source,
                lambda path: again(spec, data, path, changes, code),
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
    threads.chosen()  # a variable that is no number is told before anything is read


def _check_streams(spec: str, data: str | None, output: str) -> None:
    if spec == data == "-":
        raise typer.BadParameter("spec and data cannot both come from stdin", param_hint="--data")
    if output == "-":
        raise typer.BadParameter("a model is written to a file, not to stdout", param_hint="--output")


def all_settings(settings: list[str] | None, epochs: int | None, seed: int | None) -> list[Setting]:
    """Return what the command line changes in the spec, each value once."""
    changes = Setting.parse_all(settings or ())
    shortcuts = {"--epochs": (("training", "epochs"), epochs), "--seed": (("seed",), seed)}
    for option, (path, value) in shortcuts.items():
        if value is not None:
            if any(change.path == path for change in changes):
                raise typer.BadParameter(f"{option} and --set {'.'.join(path)} both set it", param_hint=option)
            changes.append(Setting(f"{option} {value}", path, value))
    return changes


def _data_files(spec: Spec, data: str | None) -> list[str | Path]:
    """The files of data that the run reads."""
    named = [spec.data.path if data is None else None, spec.data.validation]
    return [*([] if data is None else [data]), *(spec.resolve_path(path) for path in named if path is not None)]


def _start(console: Console, spec: Spec, resume: str | None) -> tuple[Model | None, str | None]:
    """The model of the run that is to go on, and its file; nothing for a new run."""
    if resume is None:
        return None, None
    from mlpkit.model.train import resumed

    model, file = resumed(spec, resume)
    if model.training_state is not None:
        console.say(one_line(f"going on from {file}, after {model.training_state.place}"))
    return model, str(file)


def _checkpoints(spec: Spec, output: str) -> Path | None:
    """The folder of the checkpoints: the spec's, or one that is named after the output; None when there are none."""
    options = spec.training.checkpoint
    if options is None:
        return None
    return Path(output).with_suffix(".checkpoints") if options.folder is None else spec.resolve_path(options.folder)


def _ready(spec: Spec, data: str | None, start: Model | None) -> tuple[Model, Prepared]:
    """An untrained model, or that of the run that is to go on, with its prepared data."""
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
    """The facts, on stdout when nothing else is to come."""
    (console.out if as_data else console.say)(facts_text(summary))
    console.detail(columns_text(summary["columns"]))


@dataclass(frozen=True)
class _Training:
    """A run that is shown while it goes on, and saved however it ends.

    Attributes
    ----------
    folder : Path or None
        Of the checkpoints.
    clear, replace : bool
        Whether checkpoints of an earlier run are removed, and whether the output may be replaced.
    """

    console: Console
    model: Model
    ending: Ending
    folder: Path | None
    clear: bool
    replace: bool

    def run(self, prepared: Prepared, style: Style) -> tuple[int, dict[str, Any]]:
        """Train and save; the exit code, and what came of it as JSON values. What ends the run is raised when it is saved."""
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
                self._save_what_was_finished()
                raise failure
            output = self._save(interrupt.heard)
        ending = replace(self.ending, output=output)
        self.console.say(ending.text(self.model, done, interrupted=interrupt.heard))
        return interrupt.code if interrupt.heard else 0, ending.values(self.model, interrupted=interrupt.heard)

    def _save_what_was_finished(self) -> None:
        """Save the model of a run that failed, if an epoch of it was finished; the failure is told, whether that goes or not."""
        if not self.model.history:
            return
        try:
            output = self._save(self.model.training_state is not None)
        except Exception as error:  # such as that of the plugin that has failed
            self.console.warn(f"what was trained cannot be saved: {error}")
        else:
            self.console.say(replace(self.ending, output=output).failed(self.model))

    def _begin(self, prepared: Prepared, stop: Interrupt) -> Iterator[Epoch]:
        from mlpkit.errors import EarlierCheckpoints, ModelFileError
        from mlpkit.training.checkpoints import checkpoints_in

        before = 0 if self.folder is None else len(checkpoints_in(self.folder))
        try:
            epochs = self.model.epochs(prepared, stop, resume=self.ending.source is not None, checkpoints=self.folder, replace=self.clear)
        except EarlierCheckpoints as error:
            help = f"--resume {shlex.quote(str(self.folder))} goes on with that run, --force removes them"
            raise ModelFileError(error.message, help=help) from error
        except ModelFileError as error:
            raise OutputError(error.message, help=error.help) from error
        removed = 0 if self.folder is None else before - len(checkpoints_in(self.folder))
        if removed:
            self.console.say(f"removed {counted(removed, 'checkpoint')} of an earlier run from {self.folder}")
        return epochs

    def _save(self, training_state: bool) -> str:
        """Write the model, beside its name if another program has taken that meanwhile; the file's name."""
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
                    self.console.warn(f"{self.ending.output} was written by another program meanwhile: the model is in {output}")
                return output

    def _last_checkpoint(self) -> str:
        """Return how to get at what was trained when the model cannot be written, where there are checkpoints."""
        from mlpkit.training.checkpoints import checkpoints_in

        found = [] if self.folder is None else checkpoints_in(self.folder)
        return f"nothing is lost up to {found[-1][1]}: --resume goes on from it, and -o names another file" if found else ""
