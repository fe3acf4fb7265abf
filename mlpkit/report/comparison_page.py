"""Page that puts models side by side: scores, tests of the differences, learning curves and sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlpkit.charts.chart import SERIES, Series, chart
from mlpkit.model.model import Model
from mlpkit.plugin import plugin_name
from mlpkit.report.comparison import METHOD, Comparison
from mlpkit.report.document import document
from mlpkit.text.markup import Content, Markup, el, interval, name_of, number, paragraph, table
from mlpkit.text.shown import counted


def comparison_page(found: Comparison, models: Mapping[str, Model]) -> str:
    """Return the page of a comparison of models, by their names."""
    first = name_of(found.names[0])
    title = f"{counted(len(found.names), 'model')} on {counted(found.rows, 'row')}"
    header = [el("h1", title), paragraph(f"{METHOD.format(name=first).capitalize()}. Intervals are those of 95 %.")]
    sections: list[tuple[str, str, Content]] = [("scores", "Scores", _scores(found))]
    if (curves := _curves(models)) is not None:
        sections.append(("history", "Learning curves", curves))
    sections.append(("models", "Models", _facts(models)))
    return document(title, header, sections)


def _scores(found: Comparison) -> Markup:
    """Return a table with a row for each score and a column for each model."""
    lines = [[name, *[_cell(found, model, name) for model in range(len(found.names))]] for name in found.scores[0]]
    return table(["score", *map(name_of, found.names)], lines, caption="Scores of the models")


def _cell(found: Comparison, model: int, name: str) -> Content:
    """Return a score with its interval and, but for the first model, its difference from that with its test."""
    parts = [number(found.scores[model][name]), el("small", interval(*found.intervals[model][name]))]
    if model:
        value, ends, p = found.differences[model - 1][name]
        verdict = found.verdict(model, name)
        sign = "+" if value > 0 else ""
        parts.append(
            el("small", f"{sign}{number(value, 3)} ({interval(*ends)}), p {number(p, 2)} ", el("b", verdict, class_=verdict or None))
        )
    return parts


def _curves(models: Mapping[str, Model]) -> Markup | None:
    """Return the validation losses of the models, or their losses; None if none has a history."""
    series = []
    for style, (name, model) in enumerate(list(models.items())[:SERIES]):
        columns = model.history.columns()
        validated = bool(np.isfinite(columns["validation_loss"]).any())
        if len(columns["epoch"]):
            label = f"{name}: {'validation' if validated else 'training'} loss"
            series.append(Series(label, columns["epoch"], columns["validation_loss" if validated else "loss"], style=style))
    if not series:
        return None
    note = paragraph("Losses of different functions, or of targets that are scaled in other ways, cannot be compared.", "note")
    return Markup(note + el("div", chart("Loss by epoch", series, "epoch", "loss", log=True), class_="charts"))


def _facts(models: Mapping[str, Model]) -> Markup:
    lines = []
    for name, model in models.items():
        members = model.members
        parameters = sum(len(member.network.parameters) for member in members)
        epochs = [len(member.history) for member in members]
        trained = f"{min(epochs):,}" if min(epochs) == max(epochs) else f"{min(epochs):,} to {max(epochs):,}"
        columns = counted(len(model.encoders[0].columns), "column")
        own = [name_of(model.spec.name), plugin_name(model.spec.loss), columns, f"{len(members)}", f"{parameters:,}", trained]
        lines.append([name_of(name), *own])
    head = ["model", "name", "loss", "from", "networks", "parameters", "epochs"]
    return table(head, lines, caption="Models", texts=4)
