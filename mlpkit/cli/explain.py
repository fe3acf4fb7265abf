"""`mlpkit explain`: how much a model needs each column of the data, or what each column adds to the predictions of some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.bars import bars
from mlpkit.cli.console import Console, is_unicode
from mlpkit.cli.options import Code, Force, Json, Large, Surrogate, load_code
from mlpkit.cli.output_files import check_ending, check_output, ending_of
from mlpkit.cli.text_output import TEXTS, write_result
from mlpkit.text.json_numbers import finite
from mlpkit.text.shown import and_more, counted, shortened

if TYPE_CHECKING:
    from mlpkit.explain.contributions import Contributions
    from mlpkit.explain.importance import Importance
    from mlpkit.model.model import Model

MOST_SHOWN = 40  # columns in the terminal

Rows = Annotated[
    str | None,
    typer.Option("--rows", metavar="LIST", help="Show what each column adds to the predictions of these rows, from 0, such as 0,3-5."),
]
MetricName = Annotated[
    str | None,
    typer.Option(
        "--metric", metavar="NAME", help="Measure of the importance: loss (the default), a metric, or change: that of the predictions."
    ),
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="How often each column is shuffled.")]
Most = Annotated[int, typer.Option("--most", min=1, help="Most rows to compute the importance on; of more, as many are drawn.")]
Label = Annotated[str | None, typer.Option("--class", metavar="LABEL", help="Class or target of --rows; by default the predicted class.")]
Background = Annotated[
    str | None,
    typer.Option("--background", metavar="DATA", help="Rows to compare with, of which at most --orders are drawn; default: DATA."),
]
Orders = Annotated[int, typer.Option("--orders", min=1, help="Random orders of the columns for --rows; more give smaller errors.")]


def explain(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows: CSV, TSV, NPZ, NPY or HDF5; '-' is CSV from stdin.")],
    rows: Rows = None,
    metric: MetricName = None,
    repeats: Repeats = 5,
    most: Most = 5000,
    label: Label = None,
    background: Background = None,
    orders: Orders = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all that is drawn.")] = 0,
    weighted: Annotated[bool, typer.Option("--weighted", help="Weight the rows by the spec's column of weights.")] = False,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="File to write: .json or .txt; '-' is stdout.")] = "-",
    json: Json = False,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    force: Force = False,
) -> None:
    """Show how much worse a model predicts when a column is shuffled, which needs rows with targets.

    With --rows, show what each column adds to the predictions of single rows, compared with the mean prediction of other rows of DATA,
    which are drawn: Shapley values by sampling, with their errors. No targets are needed.
    """
    from mlpkit.model.load import load

    wrong = [("--metric", metric is not None), ("--weighted", weighted)] if rows else [("--class", label is not None)]
    wrong += [] if rows else [("--background", background is not None)]
    for option, given in wrong:
        if given:
            raise typer.BadParameter(f"it does not go {'with' if rows else 'without'} --rows", param_hint=option)
    if data == background == "-":
        raise typer.BadParameter("DATA and --background cannot both come from stdin", param_hint="--background")
    numbers = None if rows is None else _row_numbers(rows)
    check_ending(output, TEXTS, "an explanation")
    check_output(output, force=force, reads=[model, data, background])
    load_code(code)
    loaded = load(model, allow_surrogate=allow_surrogate)
    unicode = output != "-" or is_unicode(console.stdout)
    if numbers is None:
        from mlpkit.explain.importance import importance

        found = importance(
            loaded,
            data,
            metric=metric or "loss",
            repeats=repeats,
            most=most,
            seed=seed,
            weighted=weighted or None,
            allow_large=allow_large,
        )
        text, values = _importance_text(loaded, found, unicode=unicode), found.to_dict()
    else:
        some = _contributions(loaded, data, numbers, background, orders=orders, seed=seed, allow_large=allow_large)
        chosen = _chosen(loaded, some, label)
        text, values = _rows_text(some, numbers, chosen, unicode=unicode), _rows_values(some, numbers, chosen)
    write_result(console, output, text, values, as_json=json or ending_of(output) == ".json", force=force)


def _row_numbers(text: str) -> list[int]:
    """Return the numbers of a list of rows and ranges of them. Raise BadParameter for another text."""
    found: dict[int, None] = {}
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or "-" not in part)) or len(part) > 40:
            raise typer.BadParameter(f"{shortened(text, 60)!r} is no list of rows, such as 0,3-5", param_hint="--rows")
        low, high = int(first), int(last or first)
        if not low <= high < low + 10_000:
            raise typer.BadParameter(f"{shortened(part, 60)!r} is no range of up to 10,000 rows", param_hint="--rows")
        found |= dict.fromkeys(range(low, high + 1))
    return list(found)


# -- importance


def _importance_text(model: Model, found: Importance, *, unicode: bool) -> str:
    """Return the importance of the columns as bars, after a sentence on what it is."""
    order, mean, error = found.order[:MOST_SHOWN], found.mean, found.error
    some = counted(found.rows, "row") if found.rows == found.of else f"{found.rows:,} of {counted(found.of, 'row')}"
    repeats = found.values.shape[1]
    of = f"mean of {repeats}{' with its standard error' if repeats > 1 else ''}"
    if found.measure == "change":
        head = f"change of the prediction when a column is shuffled, on {some}: {of}"
    else:
        from mlpkit.plugin import REGISTRIES

        better = found.measure != "loss" and REGISTRIES["metrics"].get(found.measure).higher_is_better
        falls = "falls" if better else "rises"
        head = f"{found.measure} {found.score:.6g} on {some}; it {falls} when a column is shuffled, {of}:"
    plus = "±" if unicode else "+-"
    texts = [f"{mean[at]:.4g}" + (f" {plus} {error[at]:.2g}" if error[at] == error[at] else "") for at in order]
    shown = bars([found.columns[at] for at in order], mean[order].tolist(), texts, unicode=unicode)
    more = and_more(len(found.columns), MOST_SHOWN)
    return f"{head}\n{shown}" + (f"\n{more.lstrip()}, which --json shows" if more else "")


# -- contributions


def _contributions(
    model: Model, data: str, numbers: list[int], background: str | None, *, orders: int, seed: int, allow_large: bool
) -> Contributions:
    """Return the contributions to some rows of the data."""
    import numpy as np

    from mlpkit.explain.contributions import contributions
    from mlpkit.explain.rows import open_rows, taken

    table, encoder = open_rows(model, data, allow_large=allow_large), model.encoders[0]
    beyond = [number for number in numbers if number >= table.rows]
    if beyond:
        raise typer.BadParameter(f"there is no row {beyond[0]}: the data have {counted(table.rows, 'row')}, from 0", param_hint="--rows")
    order = np.argsort(numbers)
    rows = taken(encoder, table, np.array(numbers, np.intp)[order]).take(np.argsort(order))
    return contributions(model, rows, background=background or table, orders=orders, seed=seed, allow_large=allow_large)


def _chosen(model: Model, found: Contributions, label: str | None) -> list[list[int]]:
    """Return the outputs that are shown of each row: the asked one, that of the predicted class, or all labels or numbers."""
    if label is not None:
        if label not in found.outputs:
            known = ", ".join(shortened(name, 60) for name in found.outputs[:20])
            raise typer.BadParameter(f"there is no class or target {shortened(label, 60)!r}; use one of {known}", param_hint="--class")
        return [[found.outputs.index(label)]] * len(found.values)
    if model.classes is None:
        return [list(range(len(found.outputs)))] * len(found.values)
    from mlpkit.model.combination import decoded

    predicted = decoded(model.encoders[1], found.predictions)
    return [[model.classes.tolist().index(each)] for each in predicted.tolist()]


def _rows_text(found: Contributions, numbers: list[int], chosen: list[list[int]], *, unicode: bool) -> str:
    """Return the contributions to each row as bars."""
    plus = "±" if unicode else "+-"
    parts = []
    for place, (number, outputs) in enumerate(zip(numbers, chosen, strict=True)):
        for output in outputs:
            each = found.of_row(place, output)[:MOST_SHOWN]
            labels = [f"{column['column']} = {column['value'] or 'missing'}" for column in each]
            texts = [_with_error(one["contribution"], one["error"], plus) for one in each]
            name = shortened(found.outputs[output], 60)
            value, mean = float(found.predictions[place, output]), float(found.mean[output])
            head = f"row {number}: {name} {value:.6g}, which is {value - mean:+.4g} from the mean {mean:.6g}"
            more = and_more(len(found.columns), MOST_SHOWN)
            shown = bars(labels, [one["contribution"] or 0.0 for one in each], texts, unicode=unicode)
            parts.append(f"{head}\n{shown}" + (f"\n{more.lstrip()}, which --json shows" if more else ""))
    end = f"Shapley values, {counted(found.orders, 'order')} of the columns, compared with {counted(found.background, 'row')}"
    return "\n\n".join([*parts, end])


def _with_error(value: float | None, error: float | None, plus: str) -> str:
    """Return a contribution with its error, if both are known."""
    if value is None:
        return "undefined"
    return f"{value:+.4g}" + ("" if error is None else f" {plus} {error:.2g}")


def _rows_values(found: Contributions, numbers: list[int], chosen: list[list[int]]) -> dict[str, Any]:
    rows = [
        {
            "row": number,
            "output": found.outputs[output],
            **finite({"prediction": float(found.predictions[place, output]), "mean": float(found.mean[output])}),
            "contributions": found.of_row(place, output),
        }
        for place, (number, outputs) in enumerate(zip(numbers, chosen, strict=True))
        for output in outputs
    ]
    return {"method": "Shapley values by sampling", "orders": found.orders, "background_rows": found.background, "rows": rows}
