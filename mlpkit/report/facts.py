"""Section of facts: the model, its file, the rows, versions, and the keys of the spec that are its own."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from mlpkit.plugin import plugin_name
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, interval, name_of, number, paragraph, table
from mlpkit.text.shown import counted, first_few, printable
from mlpkit.version import __version__

MOST_NAMED = 12
MOST_METADATA = 20
LONGEST_SPEC = 8_000  # characters


def facts_section(subject: Subject) -> Markup:
    """Return the section."""
    model, found = subject.model, subject.facts
    target = subject.encoders[1]
    classes = [] if target.classes is None else [("classes", f"{len(target.classes):,}: {first_few(target.classes.tolist(), MOST_NAMED)}")]
    threshold = [] if target.threshold == 0.5 else [("decision threshold", f"{target.threshold:.4g}")]
    epochs = [len(member.history) for member in model.members]
    trained = counted(epochs[0], "epoch") if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)} epochs"
    members = "" if len(epochs) == 1 else f"{len(epochs)} members of "
    versions = ", ".join(f"{name} {version}" for name, version in found["producer"].items())
    others = list(dict.fromkeys(_plugin(plugin) for plugin in found["plugins"] if plugin["distribution"] != "mlpkit"))
    rows = [
        ("name", name_of(model.spec.name)),
        ("predicts", f"{first_few(list(target.names), MOST_NAMED)} ({target.task})"),
        *classes,
        *threshold,
        ("from", f"{counted(len(subject.encoders[0].columns), 'column')}, {subject.encoders[0].width:,} encoded inputs"),
        ("network", f"{members}{_network(model.members[0].network)}, {counted(found['parameters'], 'parameter')}, {model.spec.dtype}"),
        ("loss, optimizer", f"{plugin_name(model.spec.loss)}, {plugin_name(model.spec.optimizer)}; {trained}"),
        ("written by", versions),
        ("plugins", first_few(others, MOST_NAMED) if others else "only built-in ones"),
        ("model file", f"{found['file_bytes']:,} bytes, container {found['container']}, sha256 {found['manifest_sha256']} (manifest)"),
        *_data(subject),
        *[(f"metadata: {name_of(key)}", name_of(_value(value))) for key, value in list(found["metadata"].items())[:MOST_METADATA]],
        ("report", f"mlpkit {__version__}; the same for the same model, rows and version, so it has no date of its own"),
    ]
    spec = model.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"schema_uri", "preset"})
    text = json.dumps(spec, indent=1, ensure_ascii=False)
    shown = text if len(text) <= LONGEST_SPEC else f"{text[:LONGEST_SPEC]}\n... (mlpkit info --spec shows all of it)"
    keys = el("details", el("summary", "Keys of the spec that differ from its defaults"), el("pre", Markup(escape(printable(shown, "\n")))))
    return Markup(table(("fact", "value"), rows, caption="Model, file and rows", texts=2, kind="wrap") + keys)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _network(network: Any) -> str:
    widths = [str(network.spec.inputs), *(f"{layer.units} {plugin_name(layer.activation)}" for layer in network.layers)]
    return " → ".join(widths)


def _plugin(plugin: dict[str, Any]) -> str:
    source = f"{plugin['distribution']} {plugin['version']}" if plugin["distribution"] else "user code"
    return f"{name_of(plugin['name'])} ({name_of(source)})"


def _data(subject: Subject) -> list[tuple[str, str]]:
    """Return the facts of the rows."""
    rows = subject.rows
    if rows is None:
        return [("rows", "none are given: mlpkit report MODEL DATA shows scores, errors and the importance of columns")]
    count = counted(len(rows), "row")
    left_out = f", {counted(rows.untargeted, 'row')} without a target left out" if rows.untargeted else ""
    without = "" if rows.measured is not None else ", without targets"
    of = f" of {name_of(subject.source)}" if subject.source else ""
    return [("rows", f"{count}{of}{without}{left_out}"), ("digest of the rows", f"sha256 {subject.digest}")]


def title_of(subject: Subject) -> Markup:
    """Return the head of the page with a sentence of scores."""
    model, target = subject.model, subject.encoders[1]
    what = f"predicts {first_few(list(target.names), 5)}"
    return Markup(el("h1", f"{name_of(model.spec.name)}: {what}") + paragraph(_summary(subject), "lead"))


def _summary(subject: Subject) -> str:
    """Return a sentence on the first metric beside those of the baselines."""
    if subject.measured is None:
        return "Facts of the model; there are no rows with targets to measure it on."
    assert subject.rows is not None
    name = plugin_name(subject.metrics[0])
    scores, found = subject.replicates.scores[0], subject.replicates.intervals()[name]
    known = interval(*found)
    trained = ", on which it was trained" if subject.same else ""
    text = f"{name} {number(scores[name])}{f' ({known}, 95 % interval)' if known else ''} on {counted(len(subject.rows), 'row')}{trained}"
    others = subject.baselines
    if others is None:
        return f"{text}."
    figures = [f"{others.name} {number(others.constant.figures(subject.metrics[:1])[name])}"]
    if others.linear is not None:
        figures.append(f"a linear model {number(others.linear.figures(subject.metrics[:1])[name])}")
    return f"{text}; {', '.join(figures)}."
