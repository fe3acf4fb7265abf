"""Facts about a model before training (rows, columns, shapes, parameters), as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlpkit.text.shown import counted, first_few, one_line, shortened

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.preprocessing import TargetEncoder
    from mlpkit.preprocessing.prepare import Prepared

MOST_SHOWN = 10


def facts(model: Model, prepared: Prepared) -> dict[str, Any]:
    """Return the shapes of a model for prepared data, as JSON values."""
    from mlpkit.plugin import plugin_name
    from mlpkit.plugin.engine import NUMPY
    from mlpkit.spec.embedding_text import embedding_text

    columns = [
        {"name": column.name, "kind": column.kind, "treatment": column.treatment}
        | ({} if column.clip is None else {"clip": column.clip})
        | ({} if column.notation is None else {"notation": column.notation.to_state()})
        for column in prepared.inputs.columns
    ]
    network = model.members[0].network
    treated = model.spec.preprocessing.columns.items()
    layers = [
        {"inputs": layer.weight.shape[0], "units": layer.units, "activation": plugin_name(layer.spec.activation)}
        for layer in network.layers
    ]
    return {
        "task": prepared.target.task,
        "target": list(prepared.target.names),
        "classes": None if prepared.target.classes is None else prepared.target.classes.tolist(),
        "training_rows": len(prepared.train.inputs),
        "validation_rows": _validation_rows(prepared),
        "split": prepared.split,
        "rows_without_target": prepared.untargeted,
        "weights": prepared.weighted_figures,
        "loss": {"name": plugin_name(model.spec.loss), "units": loss_units(prepared.target)},
        "columns": columns,
        "left_out": [name for name, treatment in treated if treatment == "ignore"],
        "inputs": prepared.inputs.width,
        "embeddings": [embedding_text(each.model_dump(mode="json")) for each in model.spec.network.embeddings if each.inputs],
        "layers": layers,
        "parameters": len(network.parameters),
        **({} if model.spec.training.engine in (None, NUMPY) else {"engine": model.spec.training.engine}),
        **({} if model.spec.ensemble is None else {"ensemble": _ensemble(model.spec.ensemble.members, prepared)}),
    }


def _ensemble(members: int, prepared: Prepared) -> dict[str, Any]:
    """Return the number of members and, if they hold out other rows, the fewest and the most rows of a member."""
    if not prepared.folds:
        return {"members": members, "folds": None}
    parts = {
        "training_rows": [len(fold.training) for fold in prepared.folds],
        "validation_rows": [len(fold.validation) for fold in prepared.folds],
    }
    return {"members": members, "folds": (prepared.split or {}).get("folds"), **{key: [min(n), max(n)] for key, n in parts.items()}}


def _validation_rows(prepared: Prepared) -> int:
    held_out = sum(len(fold.validation) for fold in prepared.folds)
    return held_out if prepared.validation is None else len(prepared.validation.inputs)


def loss_units(target: TargetEncoder) -> str:
    """Return the units of the loss if they differ from those of the data, else an empty string."""
    if target.task != "regression" or not ((target.scale != 1).any() or target.center.any()):
        return ""
    if len(target.names) > 1:
        return "in units of the standardized targets"
    return f"in units of the standardized target: 1 is {target.scale[0]:.4g} of {shortened(target.names[0], 60)}"


def facts_text(facts: dict[str, Any]) -> str:
    """Return the facts as a few lines of text."""
    target = f"{listed(facts['target'])} ({facts['task']})"
    if facts["classes"] is not None:
        target += f" of {len(facts['classes'])} classes: {listed(facts['classes'])}"
    members = facts.get("ensemble")
    if members and members["folds"]:
        rows = f"{facts['training_rows']}{_split_text(facts['split'])}, of which each member holds out others"
    else:
        rows = f"{facts['training_rows']} for training, {facts['validation_rows']} for validation{_split_text(facts['split'])}"
    rows += f", {facts['rows_without_target']} without a target left out" if facts["rows_without_target"] else ""
    lines = [("rows", rows), ("target", target), ("inputs", f"{counted(len(facts['columns']), 'column')}, {facts['inputs']} encoded")]
    lines += [("", line) for line in kinds_text([(column["name"], column["kind"]) for column in facts["columns"]])]
    if facts["left_out"]:
        lines.append(("", f'left out by "ignore" in the spec: {listed(facts["left_out"])}'))
    if facts["weights"] != "none":
        metrics = "" if facts["weights"] == "loss and metrics" else "; metrics are not"
        lines.append(("weights", f"loss and validation_loss{'' if metrics else ', and the metrics,'} are weighted{metrics}"))
    if facts["loss"]["units"]:
        lines.append(("loss", f"{facts['loss']['name']}, {facts['loss']['units']}; metrics are in the target's units"))
    if taken := facts.get("start_from"):
        new = f"; new: {listed(taken['new'])}" if taken["new"] else ""
        lines.append(("weights of", f"{facts['start_from']['model']}: {listed(taken['taken'])}{new}"))
    shape = " -> ".join([str(facts["inputs"]), *(f"{layer['units']} {layer['activation']}" for layer in facts["layers"])])
    if members:
        lines.append(("ensemble", _ensemble_text(members)))
    lines.append(("network", f"{shape}, {counted(facts['parameters'], 'parameter')}"))
    engine = [("engine", str(facts["engine"]))] if "engine" in facts else []
    return aligned([*lines, *under("embeddings", facts["embeddings"][: MOST_SHOWN + 1]), *engine])


def _ensemble_text(members: dict[str, Any]) -> str:
    """Return the number of members, with the rows that each of them trains on and holds out."""
    if not members["folds"]:
        return f"{members['members']} members, which all train on the same rows"
    training, validation = (
        str(low) if low == high else f"{low} to {high}" for low, high in (members["training_rows"], members["validation_rows"])
    )
    return f"{members['members']} members: each trains on {training} rows, and validates on {validation} others"


def _split_text(split: dict[str, Any] | None) -> str:
    """Return the groups or the first time of the validation rows, in parentheses; empty for another split."""
    if split is None:
        return ""
    if "folds" in split:
        what = "blocks" if "time" in split else "folds"
        name = next((shortened(split[key], 60) for key in ("group", "time", "hash") if key in split), "")
        detail = counted(split["groups"], "group") if "groups" in split else "by its hash"
        detail = f"from {shortened(split['from'], 60)}" if "from" in split else detail
        return f" in {split['folds']} {what}" + (f" ({name}: {detail})" if name else "")
    test = f", {split['test_rows']} for testing" if "test_rows" in split else ""
    if "group" in split:
        return f" ({shortened(split['group'], 60)}: {split['validation_groups']} of {split['groups']} groups){test}"
    if "time" in split:
        return f" ({shortened(split['time'], 60)}: from {shortened(split['from'], 60)}){test}"
    return f" (by the hash of {shortened(split['hash'], 60)}){test}" if "hash" in split else test


def kinds_text(kinds: list[tuple[str, str]]) -> list[str]:
    """Return a line for each kind of input: the count and the names."""
    lines = []
    for kind, noun in (("number", "number"), ("boolean", "flag"), ("date", "date"), ("category", "category")):
        names = [name for name, own in kinds if own == kind]
        if names:
            several = "categories" if kind == "category" else f"{noun}s"
            lines.append(f"{len(names):,} {noun if len(names) == 1 else several}: {listed(names)}")
    return lines


def _clip_text(clip: Any) -> str:
    """Return the limit of scaled values, which may be anything in the file of a stranger."""
    return "" if clip is None else ", clipped smoothly" if clip == "smooth" else f", clipped at {clip}"


def _unit_text(notation: Any) -> str:
    """Return the unit of a column, which may be anything in the file of a stranger."""
    units = notation.get("unit") if isinstance(notation, dict) else None
    spelled = [unit for unit in units if unit] if isinstance(units, list) else []
    return f", in {' or '.join(map(repr, spelled))}" if spelled else ""


def columns_text(columns: list[dict[str, Any]]) -> str:
    """Return the input columns, one per line."""
    treated = [
        (column["name"], f"{column['kind']}, {column['treatment']}{_clip_text(column.get('clip'))}{_unit_text(column.get('notation'))}")
        for column in columns
    ]
    return aligned([(f"  {shortened(str(name), 60)}", shortened(treatment, 60)) for name, treatment in treated])


def aligned(pairs: list[tuple[str, str]]) -> str:
    """Return names and values in two aligned columns, a pair per line."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(one_line(f"{name:{width}}  {value}".rstrip()) for name, value in pairs)


def under(title: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs for `aligned`: the lines, the first one beside the title."""
    return [("" if index else title, line) for index, line in enumerate(lines)]


def listed(values: list[Any]) -> str:
    """Return values separated by commas, shortened to the first ones."""
    return first_few(values, MOST_SHOWN)
