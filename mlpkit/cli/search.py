"""`mlpkit search`: many specs are trained, and the best one is written with its model and a table of the trials."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Data, Force, Json, Settings, check_one_stdin, load_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, write_json, write_table
from mlpkit.cli.overrides import Setting
from mlpkit.cli.signals import Interrupt
from mlpkit.cli.train import data_files, use_threads
from mlpkit.text.shown import one_line, shortened

if TYPE_CHECKING:
    from mlpkit.tuning.result import Search
    from mlpkit.tuning.study import Trial

Trials = Annotated[int, typer.Option("--trials", min=1, help="Trials in all, with those that the store has already.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Worker processes, with one thread each; by default as many as processors.")
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="FILE|URL", help="Journal file of the trials, or URL of a database; default: named after --output."),
]
NoPrune = Annotated[bool, typer.Option("--no-prune", help="Train every trial to its end.")]


def search(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="JSON file of a spec with values to search.")],
    data: Data = None,
    trials: Trials = 50,
    workers: Workers = None,
    store: Store = None,
    no_prune: NoPrune = False,
    settings: Settings = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Model file to write, with .json and .csv files of its name beside it.")
    ] = "best.h5",
    code: Code = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Search the values that a spec leaves open, such as {"search": {"low": 16, "high": 128, "log": true}}, by the validation rows.

    Specs that are not promising are ended early. The best spec, its model and a table of the trials are written. The store keeps each
    trial: the same command goes on after Ctrl-C or a kill. It needs the package optuna.
    """
    from mlpkit.data.sources import read_once
    from mlpkit.tuning.search import check_space, read_value, search
    from mlpkit.tuning.space import Space

    check_one_stdin(spec, data)
    load_code(code)
    use_threads(None)
    check_is_file(output)
    check_ending(output, MODELS, "a model")
    value, folder = read_value(spec)
    for setting in Setting.parse_all(settings or []):
        value = setting.apply(value)
    first = check_space(Space.of(value), folder)[0]
    files = _Files(output, store)
    files.check([spec, *data_files(first, data)], force)
    rows = read_once(first, data)
    show = _Lines(console, trials)
    interrupt = Interrupt(console.say, "ending the trials that are running", "the same command goes on")
    options: dict[str, Any] = {"trials": trials, "workers": workers, "store": files.store, "prune": not no_prune, "folder": folder}
    with interrupt:
        found = search(value, rows, **options, on_trial=show, stop=interrupt)
    if interrupt.stopped and len(found.trials) < trials:
        console.say(one_line(f"{len(found.trials)} of {trials} trials are in {files.store}; the same command goes on"))
        raise typer.Exit(interrupt.code)
    console.say(one_line(str(found)))
    write_table(files.table, found.table)
    write_json(files.spec, found.spec)
    _train(found, folder, rows, output, force)
    console.say(one_line(f"saved {output}, {files.spec} and {files.table}; next: mlpkit predict {shlex.quote(output)} DATA"))
    if json:
        console.json(found.to_dict())


class _Files:
    """Paths of the files that a search writes."""

    def __init__(self, output: str, store: str | None) -> None:
        self.model = output
        self.spec, self.table, journal = (str(Path(output).with_suffix(ending)) for ending in (".json", ".csv", ".journal"))
        self.store = store or journal

    def check(self, reads: list[str | Path], force: bool) -> None:
        """Raise an error for a file that cannot or must not be written. The store is one that may exist."""
        written = {"--output": [self.model, self.spec, self.table], "--store": [] if "://" in self.store else [self.store]}
        for option, paths in written.items():
            for path in paths:
                check_output(path, force=force or option == "--store", reads=reads, option=option)
        if os.path.abspath(self.store) in map(os.path.abspath, written["--output"]):
            raise typer.BadParameter(f"{self.store} is written as an output of the search", param_hint="--store")


class _Lines:
    """A line for each finished trial."""

    def __init__(self, console: Console, trials: int) -> None:
        self.console, self.trials = console, trials

    def __call__(self, trial: Trial, found: Search) -> None:
        score = found.shown(trial.score)
        values = ", ".join(f"{name.rpartition('.')[2]} {_short(value)}" for name, value in trial.values.items())
        shown = "failed" if score is None else f"{score:.5g}{' ended early' if trial.state == 'pruned' else ''}"
        self.console.say(
            one_line(f"trial {trial.number} ({len(found.trials)} of {self.trials}): {shown}  {values}  {trial.problem}".rstrip())
        )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shortened(str(value), 40)


def _train(found: Search, folder: Path, rows: Any, output: str, force: bool) -> None:
    """Train the best spec again, whole, and save the model with the search in its metadata."""
    from mlpkit.model.train import train
    from mlpkit.spec import Spec

    model = train(Spec.model_validate(found.spec, folder=folder), rows)
    model.metadata["search"] = found.to_dict()
    model.save(output, replace=force)
