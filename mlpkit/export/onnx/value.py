"""Value of an ONNX graph: an input, a constant or the output of a node, with the operators of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mlpkit.export.onnx.graph import Graph


class Value:
    """Value of a graph, which combines with others, with numbers and with arrays: each operator adds a node.

    Numbers and arrays of floats become constants in the dtype of the value.

    Parameters
    ----------
    op : Graph
    name : str
    dtype : dtype
        That of its elements; object for texts.
    """

    __array_ufunc__ = None  # an array to the left of an operator leaves it to the value
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, op: Graph, name: str, dtype: np.dtype[Any]) -> None:
        self.op, self.name, self.dtype = op, name, dtype

    def __add__(self, other: Any) -> Value:
        return self.op("Add", self, other)

    def __radd__(self, other: Any) -> Value:
        return self.op("Add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.op("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", self, other)

    def __rmul__(self, other: Any) -> Value:
        return self.op("Mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.op("Div", other, self)

    def __matmul__(self, other: Any) -> Value:
        return self.op("MatMul", self, other)

    def __pow__(self, power: Any) -> Value:
        return self * self if isinstance(power, int) and power == 2 else self.op("Pow", self, power)

    def __neg__(self) -> Value:
        return self.op("Neg", self)

    def __abs__(self) -> Value:
        return self.op("Abs", self)

    def __lt__(self, other: Any) -> Value:
        return self.op("Less", self, other)

    def __le__(self, other: Any) -> Value:
        return self.op("LessOrEqual", self, other)

    def __gt__(self, other: Any) -> Value:
        return self.op("Greater", self, other)

    def __ge__(self, other: Any) -> Value:
        return self.op("GreaterOrEqual", self, other)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]
        return self.op("Equal", self, other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]
        return self.op("Not", self == other)

    def __or__(self, other: Any) -> Value:
        return self.op("Or", self, other)

    def __and__(self, other: Any) -> Value:
        return self.op("And", self, other)

    def __invert__(self) -> Value:
        return self.op("Not", self)

    def __bool__(self) -> bool:
        """Raise TypeError: a value has no number until the graph runs."""
        raise TypeError("a value of an ONNX graph is neither true nor false: choose between values with op.where")
