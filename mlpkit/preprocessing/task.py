"""Task of a spec and a target column: classification or regression, the form of the targets, and their scaling.

The loss declares the targets it accepts (`Loss.targets`), the last activation the range of its outputs (`Activation.output`), and
the column has values. If they contradict each other, an error is raised before training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import column_kind
from mlpkit.data.table import Table
from mlpkit.errors import BrokenPlugin, DataError, SpecError
from mlpkit.plugin import OutputKind, TargetScale, TargetSign, plugin_name
from mlpkit.preprocessing.labels import TARGET_ADVICE
from mlpkit.spec import Spec

Form = Literal["numbers", "classes", "binary", "indicators"]
# numbers: values, standardized or not; classes: integers, (rows,); binary: one 0/1 column; indicators: one column per class

RANGES: dict[OutputKind, tuple[float, float]] = {  # range of an activation's outputs
    "real": (-np.inf, np.inf),
    "bounded": (-1, 1),
    "nonnegative": (0, np.inf),
    "probability": (0, 1),
    "distribution": (0, 1),
}


class Sign(NamedTuple):
    """Numbers that a loss accepts: their description, the test of an array, and advice."""

    needs: str
    accepts: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    help: str


SIGNS: dict[TargetSign, Sign] = {
    "any": Sign("of any sign", lambda values: values == values, ""),
    "nonzero": Sign("other than 0", lambda values: values != 0, "remove these rows, or use 'mean_absolute_error'"),
    "nonnegative": Sign("of at least 0", lambda values: values >= 0, "correct the values, or use a loss such as 'mean_squared_error'"),
    "positive": Sign("above 0", lambda values: values > 0, "correct the values, or use 'tweedie' or 'poisson', which allow 0"),
}
FEW_CLASSES = "several classes need the last activation 'softmax' and the loss 'categorical_crossentropy'"
SOFT = "if the columns are probabilities of classes, list the classes in data.classes"


def is_classes(spec: Spec, table: Table) -> bool:
    """Return True if the target is one class per row, judged by the spec, the loss, the last layer and the values.

    With `data.classes` several columns are the probabilities of these classes, if the network predicts probabilities. Raise SpecError if
    `data.target_type` contradicts the loss.
    """
    last = spec.network.layers[-1].activation.output
    asked, several = spec.data.target_type, table.width > 1
    if asked == "number" and spec.loss.targets != "numbers":
        help = "use a loss such as 'mean_squared_error' with a linear last layer, or leave target_type out"
        raise SpecError.at("data.target_type", f"it is 'number', but {plugin_name(spec.loss)} takes classes", help)
    if several and spec.data.classes is not None:
        return asked != "number" and (spec.loss.targets != "numbers" or last in ("probability", "distribution"))
    if asked in ("class", "text") and several:
        help = f"name one column in data.target; {SOFT}"
        raise SpecError.at("data.target_type", f"it is {asked!r}, but the target has several columns", help)
    if asked != "auto":
        return asked != "number"
    if spec.loss.targets == "classes":
        return True
    if several:
        return False
    if spec.loss.targets == "binary" or last == "distribution":
        return True
    return column_kind(table, table.names[0], advice=TARGET_ADVICE) != "number"


def class_form(spec: Spec, name: str, classes: int) -> Form:
    """Return the form in which classes are encoded. Raise an error if the last layer does not give their probabilities."""
    last, loss = spec.network.layers[-1], plugin_name(spec.loss)
    units, output = last.units, last.activation.output
    if spec.loss.targets == "classes":
        return "classes"
    if spec.loss.targets == "numbers":
        if output == "distribution":
            return "indicators"
        if output == "probability" and classes == 2 and units in (None, 1):
            return "binary"
        message = f"the target {name!r} has {classes} classes, which need softmax (or one sigmoid unit for two classes)"
        help = "use 'softmax' with 'categorical_crossentropy'; if they are numbers, set data.target_type to 'number'"
        raise SpecError.at(_activation_path(spec), message, help)
    if classes > 2:
        raise DataError(f"{loss} needs two classes, but the target {name!r} has {classes}", help=FEW_CLASSES)
    if units not in (None, 1):
        path = f"network.layers[{len(spec.network.layers) - 1}].units"
        message = f"the last layer has {units} units, but {loss} takes one for two classes"
        raise SpecError.at(path, message, f"set it to 1 or leave it out; {FEW_CLASSES}")
    return "binary"


def _activation_path(spec: Spec) -> str:
    return f"network.layers[{len(spec.network.layers) - 1}].activation"


def target_scale(spec: Spec) -> TargetScale:
    """Return the scaling of numeric targets. Raise SpecError if the network's outputs could not cover scaled values.

    "auto" selects the scaling that the loss declares, if the last activation is unbounded.
    """
    activation, asked = spec.network.layers[-1].activation, spec.preprocessing.target
    if asked in ("standardize", "robust") and activation.output != "real":
        message = f"scaled targets have any size and sign, but the outputs of {plugin_name(activation)} are limited"
        raise SpecError.at("preprocessing.target", message, "make the last activation 'linear', or set this to 'auto'")
    if asked in ("standardize", "robust") and spec.loss.target_sign != "any":
        message = f"{plugin_name(spec.loss)} needs targets {SIGNS[_sign(spec)].needs}, which scaled targets are not"
        raise SpecError.at("preprocessing.target", message, "set it to 'auto'")
    if asked == "auto":
        wanted = spec.loss.target_scale
        if wanted not in ("standard", "robust", "none"):
            message = f"the loss {plugin_name(spec.loss)} has {wanted!r} as its target_scale"
            raise BrokenPlugin(message, help="it must be 'standard', 'robust' or 'none'; report this to the plugin's author")
        return wanted if activation.output == "real" else "none"
    return "standard" if asked == "standardize" else asked


def check_range(spec: Spec, values: NDArray[np.float64], names: tuple[str, ...]) -> None:
    """Raise SpecError for targets outside the range of the last activation."""
    activation = spec.network.layers[-1].activation
    low, high = RANGES[activation.output]
    outside = np.flatnonzero(((values < low) | (values > high)).any(axis=0))
    if len(outside):
        index = outside[0]
        least, most = values[:, index].min(), values[:, index].max()
        gives = f"values from {low:g} to {high:g}" if np.isfinite(high) else f"values of at least {low:g}"
        message = f"the target {names[index]!r} ranges from {least:g} to {most:g}, but {plugin_name(activation)} gives {gives}"
        raise SpecError.at(_activation_path(spec), message, "use 'linear', or scale the target")


def check_sign(spec: Spec, table: Table, values: NDArray[np.float64], names: tuple[str, ...]) -> None:
    """Raise DataError for targets that the loss does not accept (`Loss.target_sign`)."""
    sign = SIGNS[_sign(spec)]
    wrong = np.argwhere(~sign.accepts(values))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        message = (
            f"the target {names[column]!r} has {values[row, column]:g} in {table.place(row)}, but {plugin_name(spec.loss)} needs numbers"
        )
        raise table.error(f"{message} {sign.needs}", row, sign.help)


def _sign(spec: Spec) -> TargetSign:
    """Return the numbers that the loss accepts. Raise BrokenPlugin if the declaration is unknown."""
    declared = spec.loss.target_sign
    if declared not in SIGNS:
        message = f"the loss {plugin_name(spec.loss)} has {declared!r} as its target_sign"
        raise BrokenPlugin(message, help=f"it must be one of {', '.join(SIGNS)}; report this to the plugin's author")
    return declared
