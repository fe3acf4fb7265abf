"""Checks of methods `onnx`, which need the onnx package. The graphs are computed by onnxruntime, or without it by onnx itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.export.onnx.file import Input, Output, contents
from mlpkit.export.onnx.graph import Graph, onnx_module
from mlpkit.export.onnx.plugins import activated, predicted
from mlpkit.export.onnx.value import Value
from mlpkit.plugin import Activation, Array, Gated, Loss
from mlpkit.plugin.fixed_activation import initial_parameters
from mlpkit.testing.activation_cases import of_size, preactivations
from mlpkit.testing.failure_messages import NotApplicable, expect, expect_close

ADVICE = "let onnx compute the same formula as forward, with its options and parameters, in the dtype of z"
ADVICE_FOR_LOSSES = "let onnx return the same parts as predictions, in the same order"
TOLERANCES = {"float32": (1e-4, 1e-5), "float64": (1e-9, 1e-11)}  # relative and absolute
UNITS = (1, 6, 130)
SIZES = (1e-8, 1.0, 30.0, 1e4)


def onnx(activation: Activation) -> None:
    """Check that the method `onnx` computes what `forward` does, in both dtypes, with trained parameters that differ between units."""
    require_package()
    for dtype, (rtol, atol) in TOLERANCES.items():
        for units in UNITS:
            rows = [preactivations(activation, (16, units)), *(of_size((20, units), size).points for size in SIZES)]
            z = np.vstack(rows).astype(dtype)
            inputs = np.hstack([z, z[::-1]]) if isinstance(activation, Gated) else z
            parameters, expected = _spread(initial_parameters(activation, z)), np.full_like(z, np.nan)
            (found,) = _computed({"z": inputs}, partial(_activated, activation, parameters))
            with np.errstate(all="ignore"):
                activation.forward(inputs.copy(), expected, *parameters)
            what = f"the values of onnx in {dtype}, against forward,"
            expect_close(found, expected, what, ADVICE, rtol=rtol, atol=atol, at=z, nan=True)


def onnx_predictions(loss: Loss) -> None:
    """Check that the method `onnx` computes what `predictions` does."""
    require_package()
    rng = np.random.default_rng(3)
    for targets in (1, 3):
        center, scale = rng.normal(size=targets), rng.uniform(0.5, 3.0, targets)
        for size in (0.1, 5.0):
            outputs = size * rng.standard_normal((9, targets * loss.outputs_per_target))
            expected = loss.predictions(outputs.copy(), center, scale)
            names: list[str] = []
            found = _computed({"outputs": outputs}, partial(_predicted, loss, center, scale, names))
            expect(names == list(expected), f"onnx returns the parts {names} instead of {list(expected)}", ADVICE_FOR_LOSSES)
            for name, part in zip(names, found, strict=True):
                expect_close(part, np.asarray(expected[name]), f"the part {name!r} of onnx, against predictions,", ADVICE_FOR_LOSSES)


def require_package() -> None:
    """Raise NotApplicable if the onnx package is not installed: the method is then not checked."""
    try:
        onnx_module()
    except DataError as error:
        raise NotApplicable(f"NOT CHECKED: the onnx package is not installed ({error.help})") from error


def _spread(parameters: list[Array]) -> list[Array]:
    """Return parameters that differ between units."""
    return [value * (1.0 + 0.1 * np.arange(value.size, dtype=value.dtype) / value.size) for value in parameters]


def _activated(activation: Activation, parameters: Sequence[Array], op: Graph, values: Mapping[str, Value]) -> Mapping[str, Value]:
    return {"": activated(op, activation, values["z"], parameters)}


def _predicted(loss: Loss, center: Any, scale: Any, names: list[str], op: Graph, values: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return the parts that a loss predicts, and fill `names` with theirs."""
    found = predicted(op, loss, values["outputs"], center, scale)
    names += found
    return found


def _computed(inputs: Mapping[str, Array], build: Callable[[Graph, Mapping[str, Value]], Mapping[str, Value]]) -> list[NDArray[Any]]:
    """Return the values of a graph for its inputs."""
    op = Graph(list(inputs))
    found = build(op, {name: Value(op, name, array.dtype) for name, array in inputs.items()})
    typed = [Input(name, array.dtype, ("rows", array.shape[1])) for name, array in inputs.items()]
    outputs = [Output(f"out{number}", value, ("rows", None)) for number, value in enumerate(found.values())]
    made = contents(op, "check", typed, outputs)
    if find_spec("onnxruntime") is not None:
        from mlpkit.export.onnx.runtime import session

        return list(session(made.SerializeToString()).run(None, dict(inputs)))
    return list(onnx_module("onnx.reference").ReferenceEvaluator(made).run(None, dict(inputs)))
