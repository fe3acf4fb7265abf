"""`mlpkit predict`: predictions for rows in batches, so that the data may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Force, Large, Surrogate, load_code
from mlpkit.cli.output_files import check_output, written
from mlpkit.cli.predictions import Columns, Format, write
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.model.model import Model


class OnUnseen(StrEnum):
    """Treatment of values that were not seen in training."""

    warn = "warn"
    error = "error"


def predict(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Annotated[str, typer.Argument(metavar="[DATA]", help="Rows: CSV, TSV, NPZ, NPY or HDF5; '-' is CSV from stdin.")] = "-",
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="File to write; '-' is stdout.")] = "-",
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
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Predict from rows; the output has a header and one line per row.

    The column of predictions has the name of the target, such as species. Probabilities are named species=Adelie and so on. A
    name that DATA already has gets the prefix predicted_. Intervals are price.lower and price.upper; a set of classes is true or false in
    species=Adelie and so on. Deviations over members are price.spread, or species=Adelie.spread and so on of the probabilities.
    """
    from mlpkit.model.load import load

    chosen = Format.of(output, format)
    load_code(code)
    if chosen is Format.npy and (output == "-" or keep_columns):
        raise typer.BadParameter("npy needs --output FILE, and does not go with --keep-columns", param_hint="--format")
    if proba and parts:
        raise typer.BadParameter("--proba is for classes, and --parts for numbers: use one of them", param_hint="--parts")
    if threshold is not None and (proba or parts):
        raise typer.BadParameter("it decides between classes, and does not go with --proba or --parts", param_hint="--threshold")
    if interval is not None and (proba or parts or threshold is not None):
        raise typer.BadParameter("it does not go with --proba, --parts or --threshold", param_hint="--interval")
    if spread and (proba or parts or interval is not None):
        raise typer.BadParameter("it does not go with --proba, --parts or --interval", param_hint="--spread")
    for name, value in (("--threshold", threshold), ("--interval", interval)):
        if value is not None and not 0 < value < 1:
            raise typer.BadParameter(f"{value:g} is not between 0 and 1", param_hint=name)
    check_output(output, force=force, reads=[model, data])
    loaded = load(model, allow_surrogate=allow_surrogate)
    predict_batch = _predictor(proba, parts, threshold, interval, spread)
    with console.binary() if output == "-" else written(output, replace=force) as stream:
        rows = write(
            stream,
            chosen,
            _batches(loaded, data, batch_size, partial(predict_batch, on_unseen=on_unseen.value), keep_columns and chosen, allow_large),
        )
    if output != "-":
        console.say(one_line(f"saved {output}: {counted(rows, 'prediction')}"))


Predict = Callable[..., Columns]


def _predictor(proba: bool, parts: bool, threshold: float | None, interval: float | None, spread: bool) -> Predict:
    """Return the function that predicts what the options ask for, of a model and a table; it takes the options of `Model.predict`."""
    from mlpkit.model import named_predictions as of

    if interval is not None:
        return partial(of.intervals, level=interval)
    if spread:
        return partial(of.spread, threshold=threshold)
    return of.probabilities if proba else of.parts if parts else partial(of.predictions, threshold=threshold)


def _batches(model: Model, data: str, rows: int, predict: Predict, keep: Format | Literal[False], allow_large: bool) -> Iterator[Columns]:
    """Yield the columns to write, batch by batch, including columns of the data if they are kept."""
    from mlpkit.data.readers import iter_tables
    from mlpkit.data.sources import reading

    options, needed = reading(model.spec.allowing_large(allow_large), data), None
    if model.input_encoder is not None and not keep:
        needed = [column.name for column in model.input_encoder.columns]
    if keep and keep.separator:
        options["missing"] = ()  # missing values are written as they are in the data
    for table in iter_tables(data, rows=rows, columns=needed, **options):
        predicted = predict(model, table)
        kept = _kept(model, table, keep) if keep else {}
        clash = not kept.keys().isdisjoint(predicted)
        yield kept | ({f"predicted_{name}": column for name, column in predicted.items()} if clash else predicted)


def _kept(model: Model, table: Table, format: Format) -> Columns:
    """Return the columns of the data: for CSV and TSV as texts of the file, else with the model's numeric columns as numbers."""
    from mlpkit.data.column_types import numbers

    inputs = () if model.input_encoder is None or format.separator else model.input_encoder.columns
    as_numbers = {column.name for column in inputs if column.kind == "number"}
    columns: Columns = {}
    for name in table.names:
        column = numbers(table, name) if name in as_numbers else table[name]
        if column.ndim == 1:
            columns[name] = column
        else:
            columns |= {f"{name}{index}": values for index, values in enumerate(column.T)}
    return columns
