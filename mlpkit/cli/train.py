"""`mlpkit train`: from a spec and its data to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import INTERRUPTED, OutputError
from mlpkit.cli.facts import columns_text, counted, facts, facts_text
from mlpkit.cli.files import check_output
from mlpkit.cli.interrupt import Interrupt
from mlpkit.cli.options import Code, Data, Force, Json, load_code
from mlpkit.cli.progress import Progress, Style, as_json, figures
from mlpkit.cli.settings import Setting
from mlpkit.cli.specfile import SpecFile

if TYPE_CHECKING:
    from mlpkit.model import Model
    from mlpkit.preparation import Prepared
    from mlpkit.spec import Spec
    from mlpkit.training import Epoch


Settings = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="KEY=VALUE", help="Change a value of the spec, such as training.batch_size=64; repeatable."),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="The most epochs, in place of the spec's.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="The seed, in place of the spec's.")]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Read spec and data, report shapes, train and write nothing.")]
HowShown = Annotated[Style, typer.Option("--progress", help="How progress is shown on stderr; json is one object per epoch.")]


def train(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec, a JSON file; '-' is stdin.")],
    data: Data = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The model file to write.")] = "model.h5",
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    progress: HowShown = Style.auto,
    code: Code = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Train a model as a spec says, and save it.

    The first Ctrl-C finishes the batch and saves the model; the second stops at once and saves nothing.
    """
    load_code(code)
    if spec == data == "-":
        raise typer.BadParameter("spec and data cannot both come from stdin", param_hint="--data")
    if output == "-":
        raise typer.BadParameter("a model is written to a file, not to stdout", param_hint="--output")
    file = SpecFile(spec, all_settings(settings, epochs, seed))
    with file.places():
        parsed = file.read()
        if not dry_run:
            check_output(output, force=force, reads=[spec, *_data_files(parsed, data)])
        model, prepared = _ready(parsed, data)
        summary = facts(model, prepared)
        _show(console, summary, as_data=dry_run and not json)
        if not dry_run:
            summary |= _run(console, model, prepared, progress, output)
    if json:
        console.json(summary)
    if summary.get("interrupted"):
        raise typer.Exit(INTERRUPTED)


def _data_files(spec: Spec, data: str | None) -> list[str | Path]:
    """The files of data that the run reads."""
    named = [spec.data.path if data is None else None, spec.data.validation]
    return [*([] if data is None else [data]), *(spec.resolve_path(path) for path in named if path is not None)]


def _ready(spec: Spec, data: str | None) -> tuple[Model, Prepared]:
    """An untrained model and its prepared data."""
    from mlpkit.model import Model
    from mlpkit.preparation import prepare

    prepared = prepare(spec, data)
    return Model.for_data(spec, prepared), prepared


def _show(console: Console, summary: dict[str, Any], *, as_data: bool) -> None:
    """The facts, on stdout when nothing else is to come."""
    (console.out if as_data else console.say)(facts_text(summary))
    console.detail(columns_text(summary["columns"]))


def all_settings(settings: list[str] | None, epochs: int | None, seed: int | None) -> list[Setting]:
    """What the command line changes in the spec; the shortcuts come last, so they win."""
    changes = [Setting.parse(text) for text in settings or ()]
    if epochs is not None:
        changes.append(Setting(f"--epochs {epochs}", ("training", "epochs"), epochs))
    if seed is not None:
        changes.append(Setting(f"--seed {seed}", ("seed",), seed))
    return changes


def _run(console: Console, model: Model, prepared: Prepared, style: Style, output: str) -> dict[str, Any]:
    """Train and save, even when interrupted; what came of it, as JSON values."""
    progress = Progress(console, style, model.spec.training.epochs)
    with Interrupt(console.say) as interrupt:
        try:
            for epoch in model.epochs(prepared, stop=interrupt):
                progress.show(epoch)
        finally:
            progress.close()
        _save(model, output)
    best = best_epoch(model)
    console.say(_ending(model, best, output, interrupt.heard))
    return {
        "model": output,
        "epochs": len(model.history),
        "interrupted": interrupt.heard,
        "last": as_json(model.history[-1]) if model.history else None,
        "best": None if best is None else as_json(best),
    }


def _save(model: Model, output: str) -> None:
    from mlpkit.errors import ModelFileError

    try:
        model.save(output)
    except ModelFileError as error:
        raise OutputError(error.message, help=error.help) from error


def best_epoch(model: Model) -> Epoch | None:
    """The epoch whose weights early stopping has restored; None without early stopping."""
    from mlpkit.training import Monitor

    if model.spec.training.early_stopping is None:
        return None
    monitor = Monitor(model.spec)
    for epoch in model.history:
        monitor.improved(epoch)
    return monitor.best


def _ending(model: Model, best: Epoch | None, output: str, interrupted: bool) -> str:
    """How the run ended, what the weights are, and what to do next."""
    done, most = len(model.history), model.spec.training.epochs
    how = "interrupted" if interrupted else "stopped early" if done < most else "trained"
    text = f"{how} after {counted(done, 'epoch')}"
    if best is not None:
        measured = ", ".join(f"{name} {value:.4g}" for name, value in figures(best).items())
        text += f"; the weights are those of the best, epoch {best.number}: {measured}"
    return f"{text}\nsaved {output}; next: mlpkit evaluate {output} DATA"
