"""`mlpkit plot`: the learning curves of a model, or its predictions over the plane of two columns, as an SVG file."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Force, Surrogate, load_code
from mlpkit.cli.output_files import check_ending, check_output, written
from mlpkit.text.shown import one_line

DRAWINGS = {".svg": "SVG"}

Boundary = Annotated[
    tuple[str, str] | None,
    typer.Option("--boundary", metavar="X1 X2", help="Draw predictions over the plane of two columns of numbers instead."),
]
Data = Annotated[
    str | None, typer.Option("-d", "--data", metavar="DATA", help="Rows to draw as points, with typical values of the other columns.")
]


def plot(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="SVG file to write; '-' is stdout.")] = "plot.svg",
    boundary: Boundary = None,
    data: Data = None,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    force: Force = False,
) -> None:
    """Draw the learning curves of a model, or its decision boundary, as an SVG file that any browser shows."""
    check_ending(output, DRAWINGS, "a drawing")
    if data is not None and boundary is None:
        raise typer.BadParameter("rows are drawn with --boundary X1 X2", param_hint="--data")
    check_output(output, force=force, reads=[model, data])
    load_code(code)
    from mlpkit.model.load import load

    loaded = load(model, allow_surrogate=allow_surrogate)
    if boundary is None:
        drawing = loaded.plot()
    else:
        from mlpkit.report.boundary import plot_boundary

        drawing = plot_boundary(loaded, *boundary, data)
    with console.binary() if output == "-" else written(output, replace=force) as stream:
        stream.write(drawing.svg.encode())
    if output != "-":
        console.say(one_line(f"saved {output}: {len(drawing.svg):,} bytes"))
