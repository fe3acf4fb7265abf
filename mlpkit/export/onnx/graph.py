"""Graph: builder of ONNX nodes, with the functions that activations and preprocessing share."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpkit.errors import DataError
from mlpkit.export.onnx.value import Value
from mlpkit.numerics.erf import CENTER, COEFFICIENTS, LARGEST
from mlpkit.numerics.sigmoid import LOWEST

ML = "ai.onnx.ml"  # the domain of operators on tables
BOOLEAN = {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Not", "Or", "And", "IsNaN", "IsInf"}  # results
BOOL, INT, DOUBLE, TEXT = np.dtype(bool), np.dtype(np.int64), np.dtype(np.float64), np.dtype(object)


def onnx_module(name: str = "onnx") -> Any:
    """Return the `onnx` package or a module of it. Raise DataError if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError("an export to ONNX needs the onnx package", help='install it: pip install "mlpkit[onnx]"') from error


class Graph:
    """Graph to which nodes are added by calling it: `op("Sin", z)` is a value that is the sine of z.

    Parameters
    ----------
    reserved : sequence of str
        Names of inputs and outputs, which no other value gets.
    """

    def __init__(self, reserved: Sequence[str] = ()) -> None:
        self._helper, self._arrays = onnx_module("onnx.helper"), onnx_module("onnx.numpy_helper")
        self.nodes: list[Any] = []
        self.initializers: dict[tuple[Any, ...], Any] = {}
        self._taken, self._number = set(reserved), 0

    # -- nodes

    def __call__(self, kind: str, *inputs: Any, dtype: DTypeLike | None = None, domain: str = "", **attributes: Any) -> Value:
        """Add a node and return its output.

        Parameters
        ----------
        kind : str
            Name of an operator of ONNX, such as "Sin".
        *inputs : Value, number or array
            Numbers and arrays of floats become constants in the dtype of the first value.
        dtype : dtype, optional
            That of the output. Default: bool for a comparison, else that of the first value.
        domain : str
            Domain of the operator.
        **attributes
            Attributes of the operator. Numbers among them are float32.
        """
        return self._node(1, kind, inputs, dtype, domain, attributes)[0]

    def _node(
        self, outputs: int, kind: str, inputs: Sequence[Any], dtype: DTypeLike | None, domain: str, attributes: Mapping[str, Any]
    ) -> list[Value]:
        first = next((value.dtype for value in inputs if isinstance(value, Value) and value.dtype != BOOL), BOOL)
        names = [value.name if isinstance(value, Value) else self.constant(value, first).name for value in inputs]
        found = BOOL if kind in BOOLEAN else first if dtype is None else np.dtype(dtype)
        values = [Value(self, self._new_name(), found) for _ in range(outputs)]
        self.nodes.append(self._helper.make_node(kind, names, [value.name for value in values], domain=domain, **attributes))
        return values

    def constant(self, value: Any, dtype: np.dtype[Any]) -> Value:
        """Return a constant: a number or an array of floats in a dtype, other arrays as they are."""
        array = np.asarray(value)
        if array.dtype.kind in "US":
            array = array.astype(object)
        elif not isinstance(value, np.ndarray) or array.dtype.kind == "f":
            array = array.astype(dtype)
        content = tuple(array.reshape(-1).tolist()) if array.dtype == object else array.tobytes()
        key = array.dtype.str, array.shape, content
        if key not in self.initializers:
            self.initializers[key] = self._arrays.from_array(np.ascontiguousarray(array).reshape(array.shape), self._new_name())
        return Value(self, self.initializers[key].name, array.dtype)

    def _new_name(self) -> str:
        while (name := f"v{self._number}") in self._taken:
            self._number += 1
        self._taken.add(name)
        return name

    def keep(self, outputs: Sequence[str]) -> None:
        """Remove the nodes and constants that no output needs."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = {key: tensor for key, tensor in self.initializers.items() if tensor.name in needed}

    # -- functions that are one node

    def cast(self, x: Value, dtype: DTypeLike) -> Value:
        """Return values in another dtype; the value itself if it has it."""
        to = np.dtype(dtype)
        return x if x.dtype == to else self("Cast", x, dtype=to, to=self._helper.np_dtype_to_tensor_dtype(to))

    def where(self, condition: Value, x: Any, y: Any) -> Value:
        """Return x where a condition holds, else y. One of both is a value."""
        return self("Where", condition, x, y)

    def maximum(self, x: Value, y: Any) -> Value:
        """Return the larger of two."""
        return self("Max", x, y)

    def minimum(self, x: Value, y: Any) -> Value:
        """Return the smaller of two."""
        return self("Min", x, y)

    def clip(self, x: Value, lower: Any, upper: Any) -> Value:
        """Return values limited to a range."""
        return self("Min", self("Max", x, lower), upper)

    def concatenate(self, parts: Sequence[Value], axis: int = 1) -> Value:
        """Return parts side by side."""
        return parts[0] if len(parts) == 1 else self("Concat", *parts, axis=axis)

    def columns(self, x: Value, start: int, stop: int | None = None) -> Value:
        """Return adjacent columns; negative numbers count from the end, and None is the end."""
        end = np.iinfo(np.int64).max if stop is None else stop
        return self("Slice", x, *(np.array([number]) for number in (start, end, 1)))

    def take(self, x: Value, indices: Sequence[int] | NDArray[Any]) -> Value:
        """Return some of the columns."""
        return self("Gather", x, np.asarray(indices, np.int64), axis=1)

    def halves(self, z: Value) -> list[Value]:
        """Return the first and the second half of the columns."""
        return self._node(2, "Split", [z], None, "", {"axis": 1, "num_outputs": 2})

    # -- reductions over the columns of a row, which stay as one column

    def row_sum(self, x: Value, axis: int = 1, keep: Literal[0, 1] = 1) -> Value:
        """Return the sum of each row."""
        return self("ReduceSum", x, np.array([axis]), keepdims=keep)

    def row_mean(self, x: Value) -> Value:
        """Return the mean of each row."""
        return self("ReduceMean", x, np.array([1]), keepdims=1)

    def row_max(self, x: Value) -> Value:
        """Return the largest value of each row."""
        return self("ReduceMax", x, np.array([1]), keepdims=1)

    def row_argmax(self, x: Value) -> Value:
        """Return the index of the largest value of each row, shape (rows,), or of the first that is NaN, as NumPy does."""
        missing = self.cast(self("IsNaN", x), np.float32)
        first, largest = (self("ArgMax", values, axis=1, keepdims=0, dtype=INT) for values in (missing, x))
        return self.where(self("ReduceMax", missing, np.array([1]), keepdims=0) > 0.0, first, largest)

    def any_in_row(self, conditions: Value) -> Value:
        """Return true for each row in which a condition holds, shape (rows, 1)."""
        return self.row_max(self.cast(conditions, np.float32)) > 0.0

    # -- functions that ONNX or runtimes lack, or compute with less precision

    def sigmoid(self, z: Value) -> Value:
        """Return 1 / (1 + exp(-z)), without the limits of runtimes that approximate it."""
        return self("Reciprocal", self("Exp", -self.maximum(z, float(LOWEST[z.dtype]))) + 1.0)

    def cos(self, x: Value) -> Value:
        """Return the cosine; in float64, for which older runtimes lack it, as 1 - 2 sin(x / 2)^2."""
        return self("Cos", x) if x.dtype == np.float32 else 1.0 - self("Sin", x * 0.5) ** 2 * 2.0

    def expm1(self, x: Value) -> Value:
        """Return exp(x) - 1 for x up to 0, also close to 0: 2 t / (1 - t) with t = tanh(x / 2)."""
        t = self("Tanh", x * 0.5)
        return t * 2.0 / (1.0 - t)

    def log1p(self, x: Value) -> Value:
        """Return log(1 + x), also close to 0: x log(u) / (u - 1), where u is 1 + x rounded. Kahan; see Goldberg 1991."""
        u = x + 1.0
        rest = u - 1.0
        return self.where(rest == 0.0, x, self("Log", u) * (x / self.where(rest == 0.0, 1.0, rest)))

    def erfc(self, x: Value) -> Value:
        """Return the complementary error function, which runtimes lack in float64, by the series of `mlpkit.numerics.erf`."""
        size = self.minimum(abs(x), LARGEST)
        t = (size - CENTER) / (size + CENTER)
        highest, *others = reversed(COEFFICIENTS[x.dtype])
        value: Any = highest
        for coefficient in others:
            value = value * t + coefficient
        h = self("Round", size * 16.0) * 0.0625
        gaussian = self("Exp", -(h * h)) * self("Exp", -((size - h) * (size + h)))
        value = value * gaussian / (size * 2.0 + 1.0)
        return self.where(x < 0.0, 2.0 - value, value)
