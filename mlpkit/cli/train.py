"""`mlpkit train`: from a spec and its data to a model file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.ending import Ending, again
from mlpkit.cli.errors import INTERRUPTED, OutputError
from mlpkit.cli.facts import columns_text, counted, facts, facts_text
from mlpkit.cli.files import check_output, remove, same_file
from mlpkit.cli.interrupt import Interrupt
from mlpkit.cli.options import Code, Data, Json, load_code, with_code
from mlpkit.cli.progress import Progress, Style
from mlpkit.cli.settings import Setting
from mlpkit.cli.specfile import SpecFile

if TYPE_CHECKING:
    from mlpkit.model import Model
    from mlpkit.preparation import Prepared
    from mlpkit.spec import Spec


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

    The first Ctrl-C finishes the batch, saves the model and says how to go on; the second stops at once and saves nothing.
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
        start, source = _start(console, parsed, resume)
        strangers = [] if dry_run else _strangers(parsed, start, force=force)
        model, prepared = _ready(parsed, data, start)
        summary = {**facts(model, prepared), "resumed_from": source, "epochs_done": len(model.history)}
        _show(console, summary, as_data=dry_run and not json)
        if not dry_run:
            remove(strangers)
            if strangers:
                console.say(f"removed {counted(len(strangers), 'checkpoint')} of an earlier run from {strangers[0].parent}")
            evaluate = with_code(f"mlpkit evaluate {shlex.quote(output)} DATA", code)
            ending = Ending(output, source, again(spec, data, output, changes, code), evaluate, summary["weights"])
            summary |= _run(console, model, prepared, progress, ending)
    if json:
        console.json(summary)
    if summary.get("interrupted"):
        raise typer.Exit(INTERRUPTED)


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
    """What the command line changes in the spec; the shortcuts come last, so they win."""
    changes = [Setting.parse(text) for text in settings or ()]
    if epochs is not None:
        changes.append(Setting(f"--epochs {epochs}", ("training", "epochs"), epochs))
    if seed is not None:
        changes.append(Setting(f"--seed {seed}", ("seed",), seed))
    return changes


def _data_files(spec: Spec, data: str | None) -> list[str | Path]:
    """The files of data that the run reads."""
    named = [spec.data.path if data is None else None, spec.data.validation]
    return [*([] if data is None else [data]), *(spec.resolve_path(path) for path in named if path is not None)]


def _start(console: Console, spec: Spec, resume: str | None) -> tuple[Model | None, str | None]:
    """The model of the run that is to go on, and its file; nothing for a new run."""
    if resume is None:
        return None, None
    from mlpkit.running import resumed

    model, file = resumed(spec, resume)
    if model.training_state is not None:
        console.say(f"going on from {file}, after {model.training_state.place}")
    return model, str(file)


def _strangers(spec: Spec, start: Model | None, *, force: bool) -> list[Path]:
    """The checkpoints of another run that stand where this one is to write its own; an error unless `force`."""
    from mlpkit.checkpoints import checkpoints_beyond
    from mlpkit.errors import ModelFileError
    from mlpkit.training import Place

    state = None if start is None else start.training_state
    found = checkpoints_beyond(spec, Place(0, 0) if state is None else state.place)
    if found and not force:
        folder = found[-1].parent
        advice = f"--resume {shlex.quote(str(folder))} goes on with that run, --force removes them"
        raise ModelFileError(f"{folder} has checkpoints of an earlier run, such as {found[-1].name}", help=advice)
    return found


def _ready(spec: Spec, data: str | None, start: Model | None) -> tuple[Model, Prepared]:
    """An untrained model, or that of the run that is to go on, with its prepared data."""
    from mlpkit.model import Model
    from mlpkit.preparation import prepare
    from mlpkit.resuming import resumable
    from mlpkit.running import prepare_for

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


def _run(console: Console, model: Model, prepared: Prepared, style: Style, ending: Ending) -> dict[str, Any]:
    """Train and save, even when interrupted; what came of it, as JSON values."""
    done = len(model.history)
    progress = Progress(console, style, model.spec.training.epochs, done, ending.weighted)
    with Interrupt(console.say) as interrupt:
        with _writing():
            epochs = model.epochs(prepared, stop=interrupt, resume=ending.source is not None)
        try:
            for epoch in epochs:
                progress.show(epoch)
        finally:
            progress.close()
        with _writing(_last_checkpoint(model.spec)):
            model.save(ending.output, training_state=interrupt.heard)
    console.say(ending.text(model, done, interrupted=interrupt.heard))
    return ending.values(model, interrupted=interrupt.heard)


def _last_checkpoint(spec: Spec) -> str:
    """How to get at what was trained when the model cannot be written, where there are checkpoints."""
    from mlpkit.checkpoints import checkpoints_in

    options = spec.training.checkpoint
    found = [] if options is None else checkpoints_in(spec.resolve_path(options.folder))
    return f"nothing is lost up to {found[-1][1]}: --resume goes on from it, and -o names another file" if found else ""


@contextmanager
def _writing(otherwise: str = "") -> Iterator[None]:
    """Make failures to write, of the model or into the folder of checkpoints, failures of the run."""
    from mlpkit.errors import ModelFileError

    try:
        yield
    except ModelFileError as error:
        raise OutputError(error.message, help="; ".join(filter(None, (error.help, otherwise)))) from error
