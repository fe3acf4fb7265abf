"""`mlpkit search`: many specs are trained, and the best one is written with its model and a table of the trials."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Data, Force, Json, Settings, load_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, write_json, written
from mlpkit.cli.overrides import Setting
from mlpkit.cli.signals import Interrupt
from mlpkit.cli.train import use_threads
from mlpkit.text.shown import one_line, shortened

if TYPE_CHECKING:
    from mlpkit.tuning.search import Search
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
    from mlpkit.tuning.search import read_space, search, summary

    load_code(code)
    use_threads(None)
    check_is_file(output)
    check_ending(output, MODELS, "a model")
    written_files = [str(Path(output).with_suffix(ending)) for ending in (".h5", ".json", ".csv")]
    written_files[0] = output
    for path in written_files:
        check_output(path, force=force, reads=[spec, data])
    space, folder = read_space(spec)
    value = space.value
    for setting in Setting.parse_all(settings or []):
        value = setting.apply(value)
    journal = store or str(Path(output).with_suffix(".journal"))
    show = _Lines(console, trials)
    interrupt = Interrupt(console.say, "ending the trials that are running", "the same command goes on")
    options: dict[str, Any] = {"trials": trials, "workers": workers, "store": journal, "prune": not no_prune, "folder": folder}
    with interrupt:
        found = search(value, data, **options, on_trial=show, stop=interrupt)
    if interrupt.stopped and len(found.trials) < trials:
        console.say(one_line(f"{len(found.trials)} of {trials} trials are in {journal}; the same command goes on"))
        raise typer.Exit(interrupt.code)
    console.say(summary(found))
    _write_table(written_files[2], found)
    write_json(written_files[1], found.spec)
    _train(console, found, folder, data, output, force)
    if json:
        console.json(found.to_dict())


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


def _write_table(path: str, found: Search) -> None:
    import numpy as np

    from mlpkit.data.column_values import csv_lines
    from mlpkit.tuning.search import table

    columns = {name: np.array(values, object) for name, values in table(found).items()}
    with written(path) as stream:
        stream.write(csv_lines(columns, header=True, separator=",").encode())


def _train(console: Console, found: Search, folder: Path, data: str | None, output: str, force: bool) -> None:
    """Train the best spec again, whole, and save the model with the search in its metadata."""
    from mlpkit.model.train import train
    from mlpkit.spec import Spec

    model = train(Spec.model_validate(found.spec, folder=folder), data)
    model.metadata["search"] = found.to_dict()
    model.save(output, replace=force)
    beside = Path(output).with_suffix(".json")
    console.say(one_line(f"saved {output}, {beside} and {beside.with_suffix('.csv')}; next: mlpkit predict {shlex.quote(output)} DATA"))
