"""`mlpkit cv`: the scores of a spec by cross-validation, the predictions out of fold, and optionally a model of all rows."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Data, Engine, Force, Json, Settings, check_one_stdin, load_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, write_table, written
from mlpkit.cli.overrides import all_settings
from mlpkit.cli.predictions import Format, write
from mlpkit.cli.signals import Interrupt
from mlpkit.cli.spec_file import SpecFile
from mlpkit.cli.train import Epochs, ProgressStyle, Seed, Threads, data_files, use_threads
from mlpkit.progress.display import Style
from mlpkit.progress.member_display import MemberProgress
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.cross_validation.result import CrossValidation
    from mlpkit.spec import Spec

Folds = Annotated[int, typer.Option("-k", "--folds", min=2, help="Parts that the rows are cut into; each is held out once.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Cuts, each with other folds.")]
Group = Annotated[str | None, typer.Option("--group", metavar="COLUMN", help="Column whose equal values stay in one fold.")]
Time = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help="Column of times: each fold is predicted from earlier rows.")]
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="Model file to write: the spec trained on all rows.")]
Ensemble = Annotated[bool, typer.Option("--ensemble", help="Write an ensemble instead, whose members hold out one fold each.")]
Predictions = Annotated[
    str | None, typer.Option("-p", "--predictions", metavar="FILE", help="File of the predictions for held-out rows, such as oof.csv.")
]
Scores = Annotated[
    str | None, typer.Option("--scores", metavar="FILE", help="Table of the folds to write, such as scores.csv; mlpkit compare reads it.")
]

SCORES = {".csv": "CSV"}  # what `mlpkit compare` reads


def cv(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="JSON file of the spec; '-' is stdin.")],
    data: Data = None,
    folds: Folds = 5,
    repeats: Repeats = 1,
    group: Group = None,
    time: Time = None,
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Seed = None,
    predictions: Predictions = None,
    scores: Scores = None,
    output: Output = None,
    ensemble: Ensemble = False,
    threads: Threads = None,
    engine: Engine = None,
    progress: ProgressStyle = Style.auto,
    code: Code = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Train a spec on parts of the rows, and show the scores on the others, with their mean and standard deviation.

    Folds are trained side by side where it is worth it. The file of predictions has a line for each row, which no model was trained on.
    Ctrl-C shows the folds that are finished, and writes no file.
    """
    from mlpkit.cross_validation.cross_validate import cross_validate, split_by
    from mlpkit.data.sources import read_once

    if ensemble and output is None:
        raise typer.BadParameter("it needs --output MODEL", param_hint="--ensemble")
    check_one_stdin(spec, data)
    load_code(code)
    use_threads(threads)
    file = SpecFile(spec, all_settings(settings, epochs, seed, engine))
    with file.places():
        parsed = split_by(file.read(), group, time)
        _check_outputs(output, predictions, scores, [spec, *data_files(parsed, data)], force)
        rows = data if output is None else read_once(parsed, data)
        display = _Display(console, progress)
        interrupt = Interrupt(console.say, "ending the folds that are running", "no fold was kept")
        with closing(display), interrupt:
            found = cross_validate(
                parsed, rows, folds=folds, repeats=repeats, on_start=display.begin, on_epoch=display.show, stop=interrupt
            )
        _show(console, found, json)
        if len(found.folds) < found.runs:
            raise typer.Exit(interrupt.code)
        if scores is not None:
            write_table(scores, found.table)
            console.say(one_line(f"saved {scores}"))
        if predictions is not None:
            _write(console, predictions, found, force)
        if output is not None:
            _save(console, parsed, rows, output, found, folds if ensemble else None, force)


def _check_outputs(output: str | None, predictions: str | None, scores: str | None, reads: list[str | Path], force: bool) -> None:
    """Raise an error for a file that cannot or must not be written."""
    if output is not None:
        check_is_file(output)
        check_ending(output, MODELS, "a model")
        check_output(output, force=force, reads=reads)
    if predictions is not None:
        Format.of(predictions, None)
        check_output(predictions, force=force, reads=reads, option="--predictions")
    if scores is not None:
        check_ending(scores, SCORES, "a table", "--scores")
        check_output(scores, force=force, reads=reads, option="--scores")


def _write(console: Console, path: str, found: CrossValidation, force: bool) -> None:
    """Write the predictions for held-out rows."""
    with console.binary() if path == "-" else written(path, replace=force) as stream:
        write(stream, Format.of(path, None), iter([found.predictions]))
    console.say(one_line(f"saved {path}: {counted(len(found.predictions['row']), 'row')}"))


class _Display:
    """Progress of the folds."""

    def __init__(self, console: Console, style: Style) -> None:
        self.console, self.style = console, style
        self.progress: MemberProgress | None = None

    def begin(self, spec: Spec, runs: int) -> None:
        style = Style.none if self.console.quiet and self.style is not Style.json else self.style
        self.progress = MemberProgress(self.console, style, spec, [[]] * runs, noun="fold")

    def show(self, epoch: Any) -> None:
        assert self.progress is not None
        self.progress.show(epoch)

    def close(self) -> None:
        if self.progress is not None:
            self.progress.close()
            self.progress = None


def _show(console: Console, found: CrossValidation, json: bool) -> None:
    """Write the scores, and say if folds are missing."""
    if json:
        console.json(found.to_dict())
    elif found.folds:
        console.out(str(found))
    if len(found.folds) < found.runs:
        console.say(f"{len(found.folds)} of {counted(found.runs, 'fold')} are finished")


def _save(console: Console, spec: Spec, rows: Any, output: str, found: CrossValidation, members: int | None, force: bool) -> None:
    """Train on all rows and save the model, with the scores in its metadata."""
    from mlpkit.cross_validation.cross_validate import spec_of_all
    from mlpkit.model.train import train
    from mlpkit.spec.ensemble import Ensemble as Options

    if members is not None:
        spec = spec.model_copy(update={"ensemble": Options(members=members, folds="rotate")})
    console.say(f"training on all rows{'' if members is None else f', {members} members that hold out a fold each'}")
    model = train(spec_of_all(spec, found.inputs), rows)
    model.metadata["cross_validation"] = found.to_dict()
    model.save(output, replace=force)
    console.say(one_line(f"saved {output}; next: mlpkit predict {shlex.quote(output)} DATA"))
