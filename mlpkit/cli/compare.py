"""`mlpkit compare`: scores of several models on the same rows, with a paired test of their differences."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Force, Json, Large, Surrogate, load_code
from mlpkit.cli.output_files import PAGES, check_ending, check_output, ending_of, written
from mlpkit.cli.text_output import TEXTS, write_result
from mlpkit.text.shown import one_line


def compare(
    console: Console,
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL MODEL... DATA", help="Two or more model files, and rows with targets; or tables of mlpkit cv."),
    ],
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="Score to compare; repeatable. Default: those of the first spec.")
    ] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Weight the rows by the specs' column of weights.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the test.")] = 0,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="File to write: .html, .json or .txt; '-' is stdout.")
    ] = "-",
    json: Json = False,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Compare models on the same rows: scores with 95 % intervals, and differences from the first model with p-values.

    The test is a paired bootstrap of 1,000 replicates, in each of which all models are scored on the same drawn rows. Tables that
    `mlpkit cv --scores` has written of the same folds are compared by a paired t-test instead.
    """
    if all(ending_of(each) == ".csv" for each in models):
        _compare_folds(console, models, metrics, weighted, output, json, force)
        return
    *files, data = models
    if len(files) < 2:
        raise typer.BadParameter("give two or more model files, and then the rows", param_hint="MODEL MODEL... DATA")
    check_ending(output, PAGES | TEXTS, "a comparison")
    check_output(output, force=force, reads=models)
    load_code(code)
    from mlpkit.model.load import load
    from mlpkit.report.comparison import compare as compared
    from mlpkit.report.comparison import names_of

    loaded = {name: load(file, allow_surrogate=allow_surrogate) for name, file in names_of(files).items()}
    found = compared(loaded, data, metrics=metrics or (), weighted=weighted, seed=seed, allow_large=allow_large)
    if ending_of(output) in PAGES:
        from mlpkit.report.comparison_page import comparison_page

        with written(output, replace=force) as stream:
            stream.write(comparison_page(found, loaded).encode())
        console.say(one_line(f"saved {output}"))
        return
    write_result(console, output, str(found), found.to_dict(), as_json=json or ending_of(output) == ".json", force=force)


def _compare_folds(
    console: Console, tables: list[str], metrics: list[str] | None, weighted: bool, output: str, json: bool, force: bool
) -> None:
    """Compare tables of cross-validations."""
    if weighted:
        raise typer.BadParameter("tables of mlpkit cv have no rows to weight", param_hint="--weighted")
    check_ending(output, TEXTS, "a comparison of tables")
    check_output(output, force=force, reads=tables)
    from mlpkit.cross_validation.comparison import compare_folds

    found = compare_folds(tables, metrics=metrics or ())
    write_result(console, output, str(found), found.to_dict(), as_json=json or ending_of(output) == ".json", force=force)
