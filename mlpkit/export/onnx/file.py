"""Contents of an ONNX file: a graph with its typed inputs and outputs, as the message of protobuf that is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpkit.errors import DataError
from mlpkit.export.onnx.graph import ML, TEXT, Graph, onnx_module
from mlpkit.export.onnx.value import Value
from mlpkit.version import __version__

OPSET, ML_OPSET, IR_VERSION = 18, 3, 8  # IR 8 is that of opset 18

Shape = Sequence[int | str | None]  # a text is the name of a free dimension, None an unnamed one


class Input(NamedTuple):
    """Input of a graph."""

    name: str
    dtype: np.dtype[Any]
    shape: Shape


class Output(NamedTuple):
    """Output of a graph: its name, and the value that it has."""

    name: str
    value: Value
    shape: Shape


def contents(op: Graph, name: str, inputs: Sequence[Input], outputs: Sequence[Output]) -> Any:
    """Return the ModelProto of a graph, without the nodes that no output needs."""
    helper = onnx_module("onnx.helper")
    named = {op("Identity", output.value).name: output.name for output in outputs}
    for node in op.nodes:
        node.output[:] = [named.get(each, each) for each in node.output]
    op.keep([output.name for output in outputs])
    typed = [_typed(each.name, each.dtype, each.shape) for each in inputs]
    results = [_typed(each.name, each.value.dtype, each.shape) for each in outputs]
    graph = helper.make_graph(op.nodes, name, typed, results, list(op.initializers.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mlpkit", producer_version=__version__)


def check(made: Any) -> None:
    """Raise DataError if a model is not valid ONNX, which a plugin's method may cause."""
    try:
        onnx_module("onnx.checker").check_model(made, full_check=True)
    except Exception as error:  # ValidationError, InferenceError, and others by version
        reason = str(error).strip().splitlines() or [type(error).__name__]
        help = "correct the method onnx of the plugin that the model has; without one, this is a bug in mlpkit: please report it"
        raise DataError(f"the exported model is not valid: {reason[0]}", help=help) from error


def _typed(name: str, dtype: np.dtype[Any], shape: Shape) -> Any:
    helper = onnx_module("onnx.helper")
    kind = onnx_module().TensorProto.STRING if dtype == TEXT else helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, kind, shape)
