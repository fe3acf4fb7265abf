"""Model in the format of ONNX: its inputs and outputs with their names, the graph between them, and what describes both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mlpkit.errors import DataError
from mlpkit.export.onnx.columns import Columns
from mlpkit.export.onnx.file import Input, Output, Shape, check, contents
from mlpkit.export.onnx.graph import TEXT, Graph, onnx_module
from mlpkit.export.onnx.inputs import RawInput, free, raw_inputs
from mlpkit.export.onnx.network import forward
from mlpkit.export.onnx.outputs import Target
from mlpkit.export.onnx.plugins import require_onnx
from mlpkit.export.onnx.value import Value
from mlpkit.export.source import Source
from mlpkit.files.atomic import save_bytes
from mlpkit.model.model import Model
from mlpkit.provenance.placeholders import require
from mlpkit.text.shown import counted
from mlpkit.version import __version__

LARGEST = 2**31 - 2**20  # bytes of weights: a file of protobuf has less than 2 GiB
ROWS = "rows"  # name of the free dimension
NULL = "\0"


def to_onnx(model: Model, path: str | Path, *, replace: bool = True) -> None:
    """Write a model with all of its preprocessing as an ONNX file (opset 18, ai.onnx.ml 3), from raw columns to labels or numbers.

    There is one input of shape (rows, values) for each raw column, of the column's name: float64 numbers with NaN for missing values, or
    texts, which are empty if they are missing. Dates are days since 1970-01-01, and numbers with a unit are plain numbers in it. Categories
    that all are integers are numbers, other ones texts. A model of an array without names has one input x. The outputs of a classifier are
    `label`, shape (rows,), and `probabilities`, shape (rows, classes); with several labels per row both have the shape (rows, labels). That
    of a regression is `prediction`, shape (rows, targets), and further parts of the loss, such as `deviation`. A name that an input has
    gets a `_` behind it. Rows that mlpkit refuses, such as those with infinite numbers, have probabilities and numbers of NaN.

    Parameters
    ----------
    model : Model
        Trained model, also an ensemble.
    path : str or Path
    replace : bool
        True to replace an existing file; otherwise it causes an error.

    Raises
    ------
    DataError
        The `onnx` package is not installed, or the model is not trained, or too large for one file.
    PluginError
        A plugin has no method `onnx`; the message names it. Nothing is written.
    ModelFileError
        The file cannot be written; `FileTaken` if it exists and must not be replaced.

    Examples
    --------
    >>> mlpkit.to_onnx(model, "model.onnx")    # doctest: +SKIP
    """
    save_bytes(path, to_bytes(model), replace=replace)


def to_bytes(model: Model) -> bytes:
    """Return a model as the bytes of an ONNX file; see `to_onnx`."""
    source = Source.of(model)
    _check_exportable(source)
    raw = raw_inputs(source.inputs["columns"], source.inputs["named"])
    op = Graph([each.name for each in raw])
    encoded = Columns(op, source).encode([(each, Value(op, each.name, each.dtype)) for each in raw])
    members = [forward(op, source.spec.network, tensors, encoded.values) for tensors in source.members]
    found = Target(op, source, encoded.refused).outputs(members)
    inputs = [Input(each.name, each.dtype, (ROWS, each.width)) for each in raw]
    taken = {each.name for each in raw}
    outputs = [Output(free(name, taken), value, _output_shape(source, name)) for name, value in found.items()]
    made = contents(op, source.spec.name or "model", inputs, outputs)
    made.doc_string = _description(source, raw, [output.name for output in outputs])
    onnx_module("onnx.helper").set_model_props(made, _properties(source, raw))
    check(made)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _check_exportable(source: Source) -> None:
    """Raise the error of the first part that has no counterpart in ONNX, before anything is built."""
    require_onnx(*(layer.activation for layer in source.spec.network.layers))
    if source.target.get("decoded_by_loss"):
        require(source.spec.loss)
        require_onnx(source.spec.loss)
    size = sum(tensor.nbytes for tensors in source.members for tensor in tensors.values())
    if size > LARGEST:
        raise DataError(f"the model has {size / 2**30:.1f} GiB of weights, and an ONNX file at most 2", help="export a smaller network")


def _output_shape(source: Source, name: str) -> Shape:
    target = source.target
    if target["task"] == "classification":
        return [ROWS] if name == "label" else [ROWS, len(target["classes"])]
    return [ROWS, len(target["names"])]


def _description(source: Source, inputs: Sequence[RawInput], outputs: Sequence[str]) -> str:
    """Return the text that tells users what to give and what they get."""
    target = source.target
    lines = [f"{target['task']} of {', '.join(target['names'])} by mlpkit {__version__}", "", "inputs, shape (rows, values):"]
    lines += [f"- {each.name}: {each.description}" for each in inputs]
    lines += ["", f"outputs: {', '.join(outputs)}"]
    if len(source.members) > 1:
        lines.append(f"average of {counted(len(source.members), 'network')}")
    return "\n".join(lines).replace(NULL, "")


def _properties(source: Source, inputs: Sequence[RawInput]) -> dict[str, str]:
    """Return the metadata: texts by name."""
    target = source.target
    columns = [{"name": each.name, "type": "text" if each.dtype == TEXT else "number", "values": each.width} for each in inputs]
    described = [column | {"contents": each.description} for column, each in zip(columns, inputs, strict=True)]
    found = {"columns": described, "targets": target["names"], "classes": target["classes"]}
    texts = {key: json.dumps(value, ensure_ascii=False) for key, value in found.items() if value is not None}
    return {"name": source.spec.name, "mlpkit_version": __version__, "task": target["task"], "dtype": source.spec.dtype, **texts}
