"""`mlpkit train`: a spec and its data become a model file."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Data, Engine, Json, ModelOutput, Settings, check_one_stdin, load_code, with_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, same_file
from mlpkit.cli.overrides import all_settings
from mlpkit.cli.run_summary import RunSummary, resume_command
from mlpkit.cli.spec_file import SpecFile
from mlpkit.cli.together import Distributed, together
from mlpkit.cli.train_logs import LogFile, Logs, TensorBoardFolder
from mlpkit.cli.training_run import Training, writes
from mlpkit.progress.display import Style

if TYPE_CHECKING:
    from mlpkit.spec import Spec
    from mlpkit.training.ranks import Ranks


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
    engine: Engine = None,
    dry_run: DryRun = False,
    progress: ProgressStyle = Style.auto,
    log: LogFile = None,
    tensorboard: TensorBoardFolder = None,
    code: Code = None,
    distributed: Distributed = None,
    force: Replace = False,
    json: Json = False,
) -> None:
    """Train a model from a spec and save it.

    The first Ctrl-C (or SIGTERM, or SIGHUP) finishes the batch, saves the model and shows the command to resume. The second stops at
    once and saves nothing. A run that diverges saves the weights of its best epoch.
    """
    if resume is not None and start_from is not None:
        raise typer.BadParameter("--resume continues a run that has weights of its own", param_hint="--from")
    with together(console, distributed) as ranks:
        load_code(code)
        use_threads(threads, ranks)
        _check_streams(spec, data, output, ranks)
        changes, logs = all_settings(settings, epochs, seed, engine), Logs(log, tensorboard)
        file = SpecFile(spec, changes)
        with file.places():
            parsed = _read(file, ranks)
            replaces = force or same_file(output, resume)
            if not dry_run and writes(ranks):
                reads = [spec, *data_files(parsed, data), *([start_from] if start_from else [])]
                check_output(output, force=replaces, reads=reads)
                check_ending(output, MODELS, "a model")
                logs.check(replaces=force or resume is not None, reads=reads)
            resuming = partial(resume_command, spec, data, changes=changes, logs=logs.options, code=code)
            ending = RunSummary(output, resuming, lambda path: with_code(f"mlpkit evaluate {shlex.quote(path)} DATA", code))
            training = Training(console, ending, progress, logs, _checkpoints(parsed, output), force, replaces, dry_run, json, ranks)
            ended = training.run(parsed, data, resume, start_from)
        if json:
            console.json(training.summary)
        if ended:
            raise typer.Exit(ended)


def use_threads(count: int | None, ranks: Ranks | None = None) -> None:
    from mlpkit import threads

    threads.use(count)
    if threads.chosen() is None and ranks is not None:  # reports an invalid environment variable before anything is read
        threads.use(ranks.cores())


def _read(file: SpecFile, ranks: Ranks | None) -> Spec:
    """Return the spec, which several ranks must be able to train."""
    spec = file.read()
    if ranks is not None:
        from mlpkit.training.same_run import check_sharable

        check_sharable(spec)
    return spec


def _check_streams(spec: str, data: str | None, output: str, ranks: Ranks | None) -> None:
    check_one_stdin(spec, data)
    if ranks is not None and "-" in (spec, data):
        raise typer.BadParameter("stdin is that of rank 0 alone: write spec and data to files", param_hint="--distributed")
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
