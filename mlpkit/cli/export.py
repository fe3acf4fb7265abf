"""`mlpkit export`: a model as a file of another format, such as ONNX, compared with the model on rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Force, Large, Surrogate, load_code
from mlpkit.cli.output_files import check_output, written
from mlpkit.errors import DataError
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.export.comparison import Comparison
    from mlpkit.model.model import Model

DIFFERS = 1

Verify = Annotated[
    str | None,
    typer.Option(
        "--verify", metavar="DATA", help="Compare with the model on these rows, and write nothing and exit with 1 if a prediction differs."
    ),
]


def export(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="File to write: .onnx, .c or .py.")],
    verify: Verify = None,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Write a model with its preprocessing as a file that other tools run without mlpkit: a graph of ONNX, or a program in C or Python.

    ONNX needs the package onnx; --verify needs onnxruntime for it, and a C compiler for C. Nothing is written if a part of the model has no
    counterpart in the format, such as a plugin without one.
    """
    import tempfile

    from mlpkit.export.formats import format_of

    try:
        format = format_of(output)
    except DataError as error:
        raise typer.BadParameter(f"{error.message}; {error.help}", param_hint="--output") from error
    check_output(output, force=force, reads=[model, verify])
    load_code(code)
    from mlpkit.model.load import load

    loaded = load(model, allow_surrogate=allow_surrogate)
    rows = None if verify is None else _rows(loaded, verify, allow_large)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / Path(output).name
        format.write(loaded, made)
        if rows is not None:
            from mlpkit.export.comparison import compare, own_predictions

            expected = own_predictions(loaded, rows)  # first: its errors name the line of a wrong value
            _report(console, compare(loaded, expected, format.predict(made, loaded, rows)), output)
        with written(output, replace=force) as stream:
            stream.write(made.read_bytes())
    console.say(one_line(f"saved {output}: {format.name}"))


def _rows(model: Model, data: str, allow_large: bool) -> Table:
    """Return the rows of a file with the columns of the model."""
    from mlpkit.data.sources import read_source

    needed = None if model.input_encoder is None else model.input_encoder.order
    return read_source(model.spec.allowing_large(allow_large), data, needed)


def _report(console: Console, found: Comparison, output: str) -> None:
    """Show the differences. Exit if there are any beyond the tolerance."""
    labels = "" if found.labels is None else f", {counted(found.labels, 'different label')}"
    console.out(f"{counted(found.rows, 'row')}: largest difference {found.largest:.2g}{labels}")
    if not found.equal:
        console.fail([("error", one_line(f"{output} is not written: it would differ from the model by more than {found.tolerance:g}"))])
        raise typer.Exit(DIFFERS)
