"""`mlpkit predict`: predictions for rows in batches, so that the data may be larger than memory."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Engine, Force, Large, Surrogate, load_code
from mlpkit.cli.output_files import check_output, written
from mlpkit.cli.predictions import Format
from mlpkit.files.paths import expanded
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.cli.prediction.model_file import ModelFile
    from mlpkit.cli.prediction.options import Options
    from mlpkit.model.model import Model


class OnUnseen(StrEnum):
    """Treatment of values that were not seen in training."""

    warn = "warn"
    error = "error"


def predict(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="Rows: a file, a folder or a glob, or several of them; '-' is CSV from stdin, the default."),
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE|FOLDER", help="File to write, or folder for a file per shard; '-' is stdout.")
    ] = "-",
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="Worker processes that predict shards, with one thread each.")
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="Format of the output; by default from the file's suffix, else csv.", show_default=False),
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Write the probability of each class instead of the class.")] = False,
    parts: Annotated[
        bool, typer.Option("--parts", help="Write all that the loss predicts of numbers, such as y.mean and y.deviation.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Of two classes, predict the second one above this probability, not the model's."),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option("--interval", help="Write intervals too that contain this share of the targets, such as 0.9; or sets of classes."),
    ] = None,
    spread: Annotated[
        bool, typer.Option("--spread", help="Write the standard deviation over the members of an ensemble too, such as price.spread.")
    ] = False,
    on_unseen: Annotated[
        OnUnseen, typer.Option("--on-unseen", help="Warn of values that were not seen in training, or end with an error at the first one.")
    ] = OnUnseen.warn,
    keep_columns: Annotated[bool, typer.Option("--keep-columns", help="Write the columns of DATA before the predictions.")] = False,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Number of rows in memory at once.")] = 8192,
    engine: Engine = None,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Predict from rows; the output has a header and one line per row.

    The column of predictions has the name of the target, such as species. Probabilities are named species=Adelie and so on. A
    name that DATA already has gets the prefix predicted_. Intervals are price.lower and price.upper; a set of classes is true or false in
    species=Adelie and so on. Deviations over members are price.spread, or species=Adelie.spread and so on of the probabilities.

    With a folder as --output, each file of DATA is a shard with a file of its own there. The same command goes on after Ctrl-C or a kill:
    it predicts the shards that have none. --force predicts those again that are of another model, other options or a shard that changed.
    """
    from mlpkit.cli.prediction.model_file import ModelFile
    from mlpkit.cli.prediction.options import Options
    from mlpkit.cli.prediction.outputs import OutputFolder

    sources = data or ["-"]
    folder = OutputFolder(output) if _is_folder(output, sources) else None
    chosen = (format or Format.csv) if folder else Format.of(output, format)
    load_code(code)
    if chosen is Format.npy and output == "-":
        raise typer.BadParameter("npy needs --output FILE", param_hint="--format")
    options = Options(
        format=chosen.value,
        proba=proba,
        parts=parts,
        threshold=threshold,
        interval=interval,
        spread=spread,
        on_unseen=on_unseen.value,
        keep_columns=keep_columns,
        batch_size=batch_size,
        engine=engine,
        allow_surrogate=allow_surrogate,
        allow_large=allow_large,
        code=tuple(code or ()),
    )
    options.check()
    _check_stdin(sources, to_folder=folder is not None)
    if folder is None:
        check_output(output, force=force, reads=[model, *sources])
    file = ModelFile(model, allow_surrogate, engine)
    paths = _files(file.model, sources)
    if folder is not None:
        from mlpkit.cli.prediction.into_folder import predict_into

        predict_into(console, folder, file, options, paths, jobs or 1, force=force)
        return
    with console.binary() if output == "-" else written(output, replace=force) as stream:
        rows = _write(console, stream, file, options, paths, jobs)
    if output != "-":
        of = f" of {counted(len(paths), 'file')}" if len(paths) > 1 else ""
        console.say(one_line(f"saved {output}: {counted(rows, 'prediction')}{of}"))


def _write(console: Console, stream: BinaryIO, file: ModelFile, options: Options, paths: list[str], jobs: int | None) -> int:
    """Write the predictions of all files into one, and return the number of rows."""
    from mlpkit.cli.prediction.into_file import predict_here, predict_in_parts
    from mlpkit.cli.prediction.progress import ShardProgress

    if jobs is None or jobs == 1 or len(paths) == 1:
        return predict_here(stream, file, options, paths, one_thread=jobs is not None)
    return predict_in_parts(stream, file, options, paths, jobs, ShardProgress(console, len(paths)))


def _is_folder(output: str, sources: list[str]) -> bool:
    """Return True if the output is a folder: by its name, because it is one, or for several files if nothing says that it is a file."""
    from mlpkit.data.shards import shard_paths

    if output == "-":
        return False
    path = expanded(output)
    if output.endswith(("/", os.sep)) or os.path.isdir(path):
        return True
    if Path(output).suffix or os.path.exists(path):
        return False
    return len(sources) > 1 or (sources != ["-"] and shard_paths(sources[0], any_suffix=True) is not None)


def _check_stdin(sources: list[str], *, to_folder: bool) -> None:
    """Raise BadParameter if stdin is one of several files, or would need a name."""
    if "-" in sources and len(sources) > 1:
        raise typer.BadParameter("'-' is stdin, which cannot be one of several files", param_hint="DATA")
    if "-" in sources and to_folder:
        raise typer.BadParameter("rows from stdin are not shards with names; give a file to write", param_hint="--output")


def _files(model: Model, sources: list[str]) -> list[str]:
    """Return the files of the data, in order."""
    from mlpkit.data.shards import shard_paths
    from mlpkit.data.sources import reading

    if sources == ["-"]:
        return sources
    found: list[str] = []
    for source in sources:
        files = shard_paths(source, any_suffix=reading(model.spec, source)["format"] is not None)
        found += [expanded(source)] if files is None else files
    return found
