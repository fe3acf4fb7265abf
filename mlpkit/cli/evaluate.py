"""`mlpkit evaluate`: loss and metrics of a model on rows with known targets."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.model_facts import aligned
from mlpkit.cli.options import Code, Engine, Json, Large, Surrogate, by_name, load_code
from mlpkit.errors import MissingPlugin
from mlpkit.text.json_numbers import finite
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.plugin import Metric

NOT_MET = 4


class Part(StrEnum):
    """Part of the rows by the spec's split."""

    training = "training"
    validation = "validation"
    test = "test"


Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="Metric to compute; repeatable. The default are the metrics of the spec."),
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-under",
        metavar="NAME=VALUE",
        help="Exit with 4 if a metric is below VALUE, or above it if lower is better (loss, rmse); repeatable.",
    ),
]
RowPart = Annotated[
    Part | None,
    typer.Option("--part", help="Score the rows that the spec's split put into this part; DATA is then that of the training."),
]
Weighted = Annotated[
    bool, typer.Option("--weighted", help="Weight metrics by the spec's column of weights. Rows of weight 0 are always left out.")
]


def evaluate(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows with targets: CSV, TSV, NPZ, NPY or HDF5; '-' is CSV from stdin.")],
    metrics: Metrics = None,
    fail_under: Bounds = None,
    weighted: Weighted = False,
    part: RowPart = None,
    engine: Engine = None,
    code: Code = None,
    allow_surrogate: Surrogate = False,
    allow_large: Large = False,
    json: Json = False,
) -> None:
    """Evaluate a model on data with known targets. Rows without a target are left out and counted.

    For classification, precision, recall and F1 of each class and the confusion matrix are shown, for up to 20 classes; for an ensemble
    the figures of each member.
    """
    from mlpkit.model.load import load

    load_code(code)
    bounds = _bounds(fail_under or [])
    loaded = load(model, allow_surrogate=allow_surrogate, engine=engine)
    chosen = _metrics(loaded, metrics or [], [name for name in bounds if name != "loss"])
    try:
        report = loaded.report(data, metrics=chosen, weighted=weighted, allow_large=allow_large, part=cast(Any, part and part.value))
    except MissingPlugin as error:
        raise MissingPlugin(f"{model}: {error.message}", help=error.help) from error
    if part is None and _trained_on(loaded, data):
        console.say(one_line(f"the model was trained on rows of {data}: --part test or validation scores others"))
    measured, label = report.figures, "weighted " if weighted else ""
    if json:
        classes = {} if report.classes is None else {"report": report.classes.to_dict()}
        members = {"members": [finite(each) for each in report.members]} if report.members else {}
        console.json({**finite(measured), **({"weighted": True} if weighted else {}), **members, **classes})
    else:
        tables = [report.members_text() if report.members else "", "" if report.classes is None else str(report.classes)]
        console.out("\n\n".join([_text(loaded, measured, label), *filter(None, tables)]))
    _check_bounds(console, measured, bounds, label)


def _trained_on(model: Model, data: str) -> bool:
    """Return True if the data have the name of the spec's file, and its split holds out rows."""
    path, split = model.spec.data.path, model.spec.data.split
    if not isinstance(path, str) or split is None or split.column is not None:
        return False
    return os.path.basename(path) == os.path.basename(data)


def _check_bounds(console: Console, measured: dict[str, float], bounds: dict[str, float], label: str) -> None:
    """Write an error for each figure that does not meet its bound, and exit if there is one."""
    failures = [label + text for name, bound in bounds.items() if (text := _failure(measured, name, bound))]
    for text in failures:
        console.fail([("error", text)])
    if failures:
        raise typer.Exit(NOT_MET)


def _text(model: Model, measured: dict[str, float], label: str) -> str:
    """Return one line per figure, with the units of the loss if they differ from those of the data."""
    from mlpkit.cli.model_facts import loss_units

    units = "" if model.target_encoder is None else loss_units(model.target_encoder)
    shown = {f"{label}{name}": f"{value:.6g}" for name, value in measured.items()}
    shown[f"{label}loss"] += f"  ({units})" if units else ""
    return aligned(list(shown.items()))


def _bounds(texts: Sequence[str]) -> dict[str, float]:
    """Return the bound of each figure that has one."""
    return by_name(map(_bound, texts), "--fail-under")


def _bound(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if not name or math.isnan(bound):
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE, such as accuracy=0.9", param_hint="--fail-under")
    return name, bound


def _metrics(model: Model, asked: Sequence[str], bounded: Sequence[str]) -> list[Metric]:
    """Return the metrics to compute, with the options of the model's own: the given ones or the model's, and those with a bound."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.training.evaluation import choose_metrics

    registry, task = REGISTRIES["metrics"], "regression" if model.target_encoder is None else model.target_encoder.task
    own = {registry.info(type(metric)).full_name: metric for metric in model.spec.metrics}
    chosen = list(choose_metrics([own.get(registry.find(name).full_name, name) for name in asked] or model.spec.metrics, task))
    for name in bounded:
        info = registry.find(name)
        if not any(registry.info(type(other)) == info for other in chosen):
            chosen += choose_metrics([own.get(info.full_name, name)], task)
    return chosen


def _failure(measured: dict[str, float], name: str, bound: float) -> str | None:
    """Return a message if a figure is worse than its bound or not a number, else None."""
    from mlpkit.plugin import REGISTRIES

    registry = REGISTRIES["metrics"]
    more_is_better = name != "loss" and registry.get(name).higher_is_better
    name = name if name == "loss" else registry.find(name).name
    value = measured[name]
    if value >= bound if more_is_better else value <= bound:
        return None
    return f"{name} is {value:.6g}, which is {'under' if more_is_better else 'over'} {bound:g}"
