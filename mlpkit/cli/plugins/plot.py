"""Plot of an activation and its derivative for the terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpkit.plugin import Activation, Array

COLUMNS, ROWS = 61, 15
EDGE = 4.0  # z ranges from -EDGE to EDGE
MARKED = (-4, -2, 0, 2, 4)  # labels of the z axis


@dataclass(frozen=True)
class Marks:
    """Characters of a plot."""

    value: str
    derivative: str
    both: str
    level: str
    upright: str
    cross: str


UNICODE = Marks("●", "○", "◆", "─", "│", "┼")
ASCII = Marks("*", "o", "@", "-", "|", "+")


def plot(plugin: type[Activation]) -> dict[str, Any]:
    """Return the data of a plot as JSON values.

    Returns
    -------
    dict
        `z`, `value` and `derivative` with a number per column, None if it is not finite; or `reason`, if there is no plot.
    """
    import numpy as np

    from mlpkit.plugin.fixed_activation import fixed

    required = [name for name, field in plugin.model_fields.items() if field.is_required()]
    if required:
        return {"reason": f"required options have no value: {', '.join(required)}"}
    z = np.linspace(-EDGE, EDGE, COLUMNS)
    try:
        activation = fixed(plugin())
        with np.errstate(all="ignore"):
            row, column = _curves(activation, z[None]), _curves(activation, z[:, None])
    except Exception as error:  # a plugin may fail in any way
        return {"reason": f"it fails on a row of {COLUMNS} numbers: {type(error).__name__}: {' '.join(str(error).split())}"}
    alike = [np.allclose(one.ravel(), other.ravel(), rtol=1e-6, atol=1e-12, equal_nan=True) for one, other in zip(row, column, strict=True)]
    if not all(alike):
        return {"reason": "it is not elementwise, so its values do not depend on one pre-activation alone"}
    value, derivative = ([number if math.isfinite(number) else None for number in curve.ravel().tolist()] for curve in row)
    return {"z": z.tolist(), "value": value, "derivative": derivative}


def _curves(activation: Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and the result of `backward` for gradients of 1, which is f'(z) for an elementwise f."""
    import numpy as np

    out, grad = np.empty_like(z), np.ones_like(z)
    activation.forward(z.copy(), out)
    value = out.copy()
    activation.backward(z.copy(), out, grad)
    return value, grad


def draw(plot: dict[str, Any], *, ascii: bool) -> str:
    """Return the plot as text, or the reason why there is none."""
    if "reason" in plot:
        return f"no plot: {plot['reason']}"
    finite = [number for name in ("value", "derivative") for number in plot[name] if number is not None]
    if not finite:
        return "no plot: none of its values is finite"
    marks = ASCII if ascii else UNICODE
    low, high = _range(finite)
    grid = _axes(marks, low, high)
    for name, mark in (("derivative", marks.derivative), ("value", marks.value)):
        for column, number in enumerate(plot[name]):
            if number is not None:
                row = _row(number, low, high)
                grid[row][column] = marks.both if name == "value" and grid[row][column] == marks.derivative else mark
    labels = {0: high, ROWS - 1: low, _row(0.0, low, high): 0.0}
    shown = {row: f"{number:.3g}" for row, number in labels.items()}
    width = max(map(len, shown.values()))
    lines = [f"{shown.get(row, ''):>{width}} {marks.upright}{''.join(cells)}".rstrip() for row, cells in enumerate(grid)]
    both = f"   {marks.both} both" if any(marks.both in cells for cells in grid) else ""
    legend = f"{' ' * width}  {marks.value} f(z)   {marks.derivative} f'(z){both}"
    return "\n".join([legend, *lines, f"{' ' * width}  {_z_labels()}  z"])


def _range(numbers: list[float]) -> tuple[float, float]:
    """Return the range of the value axis, which includes 0."""
    low, high = max(min(0.0, *numbers), -1e300), min(max(0.0, *numbers), 1e300)
    return (low, high) if high > low else (low, low + 1.0)


def _row(number: float, low: float, high: float) -> int:
    share = (high - min(max(number, low), high)) / (high - low)
    return round(share * (ROWS - 1))


def _axes(marks: Marks, low: float, high: float) -> list[list[str]]:
    """Return an empty plot with lines at z = 0 and value 0."""
    middle, zero = COLUMNS // 2, _row(0.0, low, high)
    grid = [[marks.upright if column == middle else " " for column in range(COLUMNS)] for _ in range(ROWS)]
    grid[zero] = [marks.cross if column == middle else marks.level for column in range(COLUMNS)]
    return grid


def _z_labels() -> str:
    """Return the labels of the z axis, each with its last digit in its column."""
    line = [" "] * COLUMNS
    for z in MARKED:
        text = str(z)
        at = round((z + EDGE) / (2 * EDGE) * (COLUMNS - 1))
        start = max(0, at - len(text) + 1)
        line[start : start + len(text)] = text
    return "".join(line).rstrip()
