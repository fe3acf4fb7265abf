"""`mlpkit report`: a page of HTML on a model, its errors and the columns that it uses."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Force, Large, Surrogate, load_code
from mlpkit.cli.output_files import PAGES, check_ending, check_output, written
from mlpkit.text.shown import one_line


def report(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help="Rows, with targets or without: CSV, TSV, NPZ, NPY or HDF5.")] = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Page to write; '-' is stdout.")] = "report.html",
    training: Annotated[
        str | None,
        typer.Option("--training", metavar="DATA", help="Rows it was trained on, to score training and validation rows as well."),
    ] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Weight all figures by the spec's column of weights.")] = False,
    no_rows: Annotated[bool, typer.Option("--no-rows", help="Leave out single rows of the data.")] = False,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Write a page about a model: scores beside baselines, learning curves, errors, calibration, columns, slices, drift, layers.

    The page is one file that needs no network and no scripts, the same bytes for the same input. Without DATA it has what the model file
    tells.
    """
    if data == training == "-":
        raise typer.BadParameter("DATA and --training cannot both come from stdin", param_hint="--training")
    check_ending(output, PAGES, "a report")
    check_output(output, force=force, reads=[model, data, training])
    load_code(code)
    from mlpkit.model.load import load
    from mlpkit.report.page import page as page_of
    from mlpkit.report.page import subject_of

    loaded = load(model, allow_surrogate=allow_surrogate)
    subject = subject_of(loaded, model, data, training=training, weighted=weighted, raw=not no_rows, allow_large=allow_large)
    text = page_of(subject).encode()
    with console.binary() if output == "-" else written(output, replace=force) as stream:
        stream.write(text)
    if output != "-":
        console.say(one_line(f"saved {output}: {len(text):,} bytes"))
