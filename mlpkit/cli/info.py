"""`mlpkit info`: the contents of a model file, and with `--verify` a verification of every byte."""

from __future__ import annotations

import json as jsontext
from typing import Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.model_facts import aligned, columns_text, listed, under
from mlpkit.cli.options import Code, Json, load_code
from mlpkit.progress.figures import label
from mlpkit.text.shown import and_more, counted, shortened

LONGEST = 2000  # most characters of one fact; an untrusted file may have millions
LONGEST_PLUGIN = 200
MOST_PLUGINS = 10
MOST_MEMBERS = 10
MOST_COLUMNS = 200
MOST_TABLES = 10
MOST_EMBEDDINGS = 10
NOT_VALID = "not valid: --verify shows the error"  # facts are shown without complete validation


def info(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    spec: Annotated[bool, typer.Option("--spec", help="Print the spec as JSON with all defaults.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Verify every byte that is used, and run the self-test of the network.")] = False,
    code: Code = None,
    json: Json = False,
) -> None:
    """Show the contents of a model file. Its plugins need not be installed.

    With --verify, a file that breaks a rule of the format is an error that quotes the rule.
    """
    from mlpkit.model.inspection import inspect
    from mlpkit.spec.forms import full_spec

    load_code(code)
    if verify:
        checks = _verified(model)
        if json:
            console.json(checks)
        else:
            console.out(aligned([(check["what"], check["result"]) for check in checks]))
        return
    found = inspect(model)
    if spec:
        console.json(full_spec(found["spec"], third_party=True))
    elif json:
        console.json(found)
    else:
        console.out(_text(found))
        if console.verbose:
            console.out(_tensors(found))


def _verified(path: str) -> list[dict[str, str]]:
    """Return the facts that were verified with their results. Raise an error that quotes the rule if one fails."""
    from mlpkit.errors import ModelFileError
    from mlpkit.model.verify import verify
    from mlpkit.modelfile.rules import Rule

    try:
        return [{"what": fact, "result": result} for fact, result in verify(path)]
    except ModelFileError as error:
        if error.rule is None:
            raise
        quoted = f"rule {error.rule} of models/FORMAT.md: {Rule(error.rule).text}"
        raise type(error)(error.message, help=f"{error.help}; {quoted}" if error.help else quoted, rule=error.rule) from error


def _text(found: dict[str, Any]) -> str:
    """Return the summary, one fact per line."""
    spec, target = found["spec"], found["preprocessing"].get("target")
    target = target if isinstance(target, dict) else {}
    columns = [] if found["columns"] is None else found["columns"]
    lines = [
        ("name", spec.get("name", "")),
        ("task", target.get("task", "none: not trained")),
        ("target", _listed(target.get("names", []))),
    ]
    if found["classes"] is not None:
        lines.append(("classes", _counted(found["classes"])))
    if "threshold" in target or "threshold_rows" in target:
        lines.append(("decision", _decision(found["classes"], target, spec.get("decision"))))
    lines += [
        *_ensemble(spec.get("ensemble")),
        ("network", f"{_shape(spec)}, {_parameters(found)}, {spec.get('dtype')}"),
        *under("embeddings", _embeddings(spec)),
        ("loss", _name(spec.get("loss"))),
        ("optimizer", _name(spec.get("optimizer"))),
        *_engine(spec.get("training")),
        *under("history", _histories(found["history"], _weighted(spec))),
        *([] if found["training"] is None else [("resume", _place(found["training"]))]),
        *under("plugins", _plugins(found["plugins"])),
        *_tables(found["plugins"]),
        ("written by", ", ".join(f"{name} {version}" for name, version in found["producer"].items())),
        ("file", f"{found['file_bytes']:,} bytes, container {found['container']}"),
        ("digest", f"sha256 {found['manifest_sha256']}"),
    ]
    return aligned([(name, shortened(str(value), LONGEST)) for name, value in lines]) + ("" if columns == [] else f"\n{_columns(columns)}")


def _parameters(found: dict[str, Any]) -> str:
    """Return the number of parameters, of all members of an ensemble."""
    return counted(found["parameters"], "parameter") + ("" if found["spec"].get("ensemble") is None else " in all")


def _engine(training: Any) -> list[tuple[str, str]]:
    """Return the engine of the training, unless that was NumPy."""
    name = training.get("engine") if isinstance(training, dict) else None
    return [] if name in (None, "numpy") else [("engine", name if isinstance(name, str) else NOT_VALID)]


def _ensemble(ensemble: Any) -> list[tuple[str, str]]:
    """Return the number of members of an ensemble, as far as the spec is valid."""
    if ensemble is None:
        return []
    members, folds = (ensemble.get("members"), ensemble.get("folds")) if isinstance(ensemble, dict) else (None, None)
    if not isinstance(members, int):
        return [("ensemble", NOT_VALID)]
    how = "each held out other rows for validation" if folds == "rotate" else "trained on the same rows"
    return [("ensemble", f"{members} members, whose predictions are averaged: {how}")]


def _decision(classes: Any, target: dict[str, Any], decision: Any) -> str:
    """Return the decision threshold, and the rows that chose it."""
    second = classes[1] if isinstance(classes, list) and len(classes) == 2 else NOT_VALID
    threshold = target.get("threshold", 0.5)
    text = f"{second} if its probability is above {threshold:.4g}" if isinstance(threshold, float) else NOT_VALID
    rows = target.get("threshold_rows")
    if not (isinstance(rows, list) and len(rows) == 2):
        return text
    criterion = decision.get("threshold") if isinstance(decision, dict) else ""
    return f"{text}, chosen by {criterion} on {counted(rows[0], 'validation row')}, {rows[1]} of them {second}"


def _listed(values: Any) -> str:
    return listed(values) if isinstance(values, list) else NOT_VALID


def _counted(classes: Any) -> str:
    return f"{len(classes)}: {listed(classes)}" if isinstance(classes, list) else NOT_VALID


def _columns(columns: Any) -> str:
    shown: list[Any] = columns[:MOST_COLUMNS] if isinstance(columns, list) else [None]
    if not all(isinstance(column, dict) and column.keys() >= {"name", "kind", "treatment"} for column in shown):
        return f"columns\n  {NOT_VALID}"
    more = and_more(len(columns), MOST_COLUMNS)
    return f"columns\n{columns_text(shown)}" + (f"\n {more}, which --json shows" if more else "")


def _shape(spec: dict[str, Any]) -> str:
    """Return the widths and activations of the network. The spec may be invalid; `--verify` reports the error."""
    try:
        network = spec["network"]
        return " -> ".join([str(network["inputs"]), *(f"{layer['units']} {_name(layer['activation'])}" for layer in network["layers"])])
    except (KeyError, TypeError):
        return NOT_VALID


def _embeddings(spec: dict[str, Any]) -> list[str]:
    """Return the first embeddings as texts."""
    from mlpkit.spec.embedding_text import embedding_text

    network = spec.get("network")
    embeddings = network.get("embeddings", []) if isinstance(network, dict) else []
    try:
        return [embedding_text(each) for each in embeddings[:MOST_EMBEDDINGS] if each["inputs"] != []]
    except (KeyError, TypeError, ValueError):  # of a spec that is not valid
        return [NOT_VALID]


def _name(entry: Any) -> str:
    return str(entry.get("type")) if isinstance(entry, dict) else str(entry)


def _weighted(spec: dict[str, Any]) -> str:
    """Return the figures of the history that are weighted, as far as the spec is valid."""
    try:
        if spec["data"]["weight"] is None:
            return "none"
        return "loss and metrics" if spec["training"]["weighted_metrics"] is True else "loss"
    except (KeyError, TypeError, AttributeError):
        return "none"


def _histories(history: dict[str, Any], weighted: str) -> list[str]:
    """Return the history as one line, or a line for each member of an ensemble."""
    members = history.get("members")
    if members is None:
        return [_history(history, weighted)]
    shown = [f"member {number}: {_history(member, weighted)}" for number, member in enumerate(members[:MOST_MEMBERS])]
    return shown + ([f"{and_more(len(members), MOST_MEMBERS).lstrip()}, which --json shows"] if len(members) > MOST_MEMBERS else [])


def _history(history: dict[str, Any], weighted: str) -> str:
    """Return the number of epochs and the figures of the last one."""
    last = {name: value for name, value in history["last"].items() if name != "epoch" and value is not None}
    measured = "".join(f"  {name if name == 'learning_rate' else label(name, weighted)} {value:.4g}" for name, value in last.items())
    return f"{counted(history['epochs'], 'epoch')}{', the last:' if measured else ''}{measured}"


def _place(training: dict[str, Any]) -> str:
    """Return the progress of a run that can be resumed. It is validated only when the run is resumed."""
    if "members" in training:
        return _places(training["members"])
    try:
        steps = training["step"] - training["epoch"] * training["steps_per_epoch"]
        done = counted(training["done"] + training["epoch"], "epoch")
        return f"after {done}{' and ' + counted(steps, 'step') if steps else ''}, by mlpkit train --resume"
    except (KeyError, TypeError):
        return NOT_VALID


def _places(members: Any) -> str:
    """Return the progress of an ensemble's run."""
    if not isinstance(members, list):
        return NOT_VALID
    begun = sum(member is not None for member in members)
    return f"{begun} of {counted(len(members), 'member')} begun or finished, by mlpkit train --resume"


def _plugins(plugins: list[dict[str, Any]]) -> list[str]:
    """Return a line for each plugin that is not built in, with its package and its options."""
    others = list(dict.fromkeys(_plugin(plugin) for plugin in plugins if plugin["distribution"] != "mlpkit"))
    more = and_more(len(others), MOST_PLUGINS)
    return [*others[:MOST_PLUGINS], *([f"{more.lstrip()}, which --json shows"] if more else [])] or ["only built-in ones"]


def _plugin(plugin: dict[str, Any]) -> str:
    """Return the package of a plugin and its options."""
    code, options = plugin.get("code"), plugin["options"]
    source = f"(user code, {code['name']})" if code else "(user code)"
    if plugin["distribution"]:
        source = f"from {plugin['distribution']} {plugin['version']}"
    given = [f"{name}={jsontext.dumps(value)}" for name, value in options.items()] if isinstance(options, dict) else [NOT_VALID]
    return shortened(", ".join([f"{plugin['name']} {source}", *given]), LONGEST_PLUGIN)


def _tables(plugins: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the accuracy of the lookup tables that replace missing plugins."""
    from mlpkit.provenance.lookup_table import accuracy_text

    surrogates = {plugin["name"]: plugin["surrogate"] for plugin in plugins if plugin.get("surrogate") is not None}
    return [
        ("table", f"of {shortened(name, 100)}: {accuracy_text(surrogate)}") for name, surrogate in list(surrogates.items())[:MOST_TABLES]
    ]


def _tensors(found: dict[str, Any]) -> str:
    rows = [(f"  {name}", f"{tensor['dtype']} {'x'.join(map(str, tensor['shape']))}") for name, tensor in found["tensors"].items()]
    return f"tensors\n{aligned(rows)}"
