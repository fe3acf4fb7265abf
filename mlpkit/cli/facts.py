"""What a person wants to know of a model before it trains: rows, columns, shapes, parameters; as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpkit.shown import first_few, one_line, shortened

if TYPE_CHECKING:
    from mlpkit.model import Model
    from mlpkit.preparation import Prepared

MOST_SHOWN = 10


def facts(model: Model, prepared: Prepared) -> dict[str, Any]:
    """The shapes of a model for prepared data, as JSON values."""
    from mlpkit.spec.parts import plugin_name

    columns = [{"name": column.name, "kind": column.kind, "treatment": column.treatment} for column in prepared.inputs.columns]
    layers = [
        {"inputs": layer.weight.shape[0], "units": layer.weight.shape[1], "activation": plugin_name(layer.spec.activation)}
        for layer in model.network.layers
    ]
    return {
        "task": prepared.target.task,
        "target": list(prepared.target.names),
        "classes": None if prepared.target.classes is None else prepared.target.classes.tolist(),
        "training_rows": len(prepared.train.inputs),
        "validation_rows": 0 if prepared.validation is None else len(prepared.validation.inputs),
        "columns": columns,
        "inputs": prepared.inputs.width,
        "layers": layers,
        "parameters": len(model.network.parameters),
    }


def facts_text(facts: dict[str, Any]) -> str:
    """The same in a few lines."""
    target = f"{listed(facts['target'])} ({facts['task']})"
    if facts["classes"] is not None:
        target += f" of {len(facts['classes'])} classes: {listed(facts['classes'])}"
    rows = f"{facts['training_rows']} for training, {facts['validation_rows']} for validation"
    lines = [("rows", rows), ("target", target), ("inputs", f"{counted(len(facts['columns']), 'column')}, {facts['inputs']} encoded")]
    shape = " -> ".join([str(facts["inputs"]), *(f"{layer['units']} {layer['activation']}" for layer in facts["layers"])])
    return aligned([*lines, ("network", f"{shape}, {counted(facts['parameters'], 'parameter')}")])


def columns_text(columns: list[dict[str, Any]]) -> str:
    """The input columns, one a line."""
    treated = [(column["name"], f"{column['kind']}, {column['treatment']}") for column in columns]
    return aligned([(f"  {shortened(str(name), 60)}", shortened(treatment, 60)) for name, treatment in treated])


def aligned(pairs: list[tuple[str, str]]) -> str:
    """Names and values in two columns, a line each."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(one_line(f"{name:{width}}  {value}".rstrip()) for name, value in pairs)


def listed(values: list[Any]) -> str:
    """Values with commas, the first ones when they are many."""
    return first_few(values, MOST_SHOWN)


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 row, 2 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
