"""Targets that are known without rows: the loss that fits the last layer, and the encoder of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpkit.data.table import value_names
from mlpkit.errors import DataError, SpecError
from mlpkit.importing.columns import as_list, scaling_of_targets
from mlpkit.plugin import Loss, OutputKind, Task, plugin_name
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.class_options import label_array
from mlpkit.preprocessing.target_numbers import NO_NUMBERS
from mlpkit.preprocessing.task import class_form
from mlpkit.spec import Spec
from mlpkit.text.column_names import unique
from mlpkit.text.shown import counted, shortened

LOSSES: dict[OutputKind, str] = {"probability": "binary_crossentropy", "distribution": "categorical_crossentropy"}


@dataclass(frozen=True)
class Target:
    """Meaning of a network's outputs.

    Attributes
    ----------
    classes : sequence or None
        Labels in the order of the outputs; of one sigmoid unit the second is the one whose probability it gives.
    names : str, sequence of str or None
        Names of the predicted columns.
    center, scale : array-like or None
        Numbers are outputs * scale + center.
    labels : str
        Type of decoded labels, if each output is the probability of one of several labels per row.
    """

    classes: Sequence[Any] | None = None
    names: str | Sequence[str] | None = None
    center: Any = None
    scale: Any = None
    labels: str = "int64"

    @property
    def given_names(self) -> list[str] | None:
        """Names as a list, None if there are none. Raise DataError if they are no names."""
        if self.names is None:
            return None
        names = [self.names] if isinstance(self.names, str) else as_list(self.names)
        if not names:
            raise DataError(f"target is {shortened(repr(self.names))}, not a name or a list of names", help='pass a name such as "price"')
        return unique(names)


def loss_for(output: OutputKind) -> str:
    """Return the name of the loss to train further with, for the kind of output of the last activation."""
    return LOSSES.get(output, "mean_squared_error")


def encoder_of(spec: Spec, target: Target, units: int) -> TargetEncoder:
    """Return the encoder of the target of a network whose last layer has `units` units.

    Raises
    ------
    DataError
        Classes, names or scaling do not fit the outputs.
    SpecError
        The last activation or the loss does not fit classes.
    """
    loss, output = spec.loss, spec.network.layers[-1].activation.output
    several = loss.targets == "binary" and units > 1
    if target.classes is not None and several:
        help = "name the labels in target=, without classes=; or make the last activation 'softmax' if each row has one class"
        raise DataError(f"{counted(units, 'sigmoid unit')} give the probabilities of as many labels, not of classes", help=help)
    if target.classes is not None or (loss.targets != "numbers" and not several):
        return _classes(spec, target, units)
    if output == "distribution" and target.names is None and spec.loss.targets == "numbers" and target.center is None:
        return _classes(spec, target, units)
    return _numbers(loss, target, units, "multilabel" if several else "regression")


def _classes(spec: Spec, target: Target, units: int) -> TargetEncoder:
    count = 2 if units == 1 else units
    labels = list(range(count)) if target.classes is None else _plain(target.classes)
    if target.center is not None or target.scale is not None:
        raise DataError("classes have no target_center and no target_scale", help="remove them, or remove classes=")
    names = target.given_names or ["y"]
    if len(names) != 1:
        raise DataError(f"target has {len(names)} names, but one column has the class", help="give one name")
    if len(labels) != count:
        outputs = "one unit, which gives the probability of the second of two classes" if units == 1 else counted(units, "unit")
        help = "give the classes in the order of the outputs"
        raise DataError(f"classes has {counted(len(labels), 'label')}, but the last layer has {outputs}", help=help)
    _check_gives_probabilities(spec)
    try:
        classes = label_array(labels)
    except SpecError as error:
        raise DataError(f"the classes cannot be used: {error.problems[0].message}", help=error.problems[0].help) from error
    return TargetEncoder("classification", class_form(spec, names[0], count), (names[0],), classes, "", NO_NUMBERS, NO_NUMBERS)


def _check_gives_probabilities(spec: Spec) -> None:
    """Raise SpecError if the outputs are numbers of any size, and the loss does not take them as those of classes."""
    last = spec.network.layers[-1]
    if spec.loss.targets == "numbers" and last.activation.output not in ("probability", "distribution"):
        wanted = "sigmoid" if last.units == 1 else "softmax"
        help = f"make it {wanted!r}, which turns the outputs into the probabilities of the classes"
        message = f"{plugin_name(last.activation)} gives numbers, but there are classes"
        raise SpecError.at(f"network.layers[{len(spec.network.layers) - 1}].activation", message, help)


def _numbers(loss: Loss, target: Target, units: int, task: Task) -> TargetEncoder:
    per_target = loss.outputs_per_target if task == "regression" else 1
    width, rest = divmod(units, per_target)
    if rest:
        message = f"the last layer has {counted(units, 'unit')}, but {plugin_name(loss)} needs {per_target} for each target"
        raise DataError(message, help="choose another loss in spec=")
    names = target.given_names or value_names("y", width)
    if len(names) != width:
        raise DataError(f"target has {counted(len(names), 'name')}, but the last layer predicts {width}", help="name each target")
    if task == "multilabel" and (target.center is not None or target.scale is not None):
        raise DataError("labels have no target_center and no target_scale", help="remove them")
    center, scale = scaling_of_targets(target.center, target.scale, width)
    by_loss = task == "regression" and type(loss).predictions is not Loss.predictions
    label_type = target.labels if task == "multilabel" else ""
    return TargetEncoder(task, "numbers", tuple(names), None, label_type, center, scale, per_target, by_loss)


def _plain(classes: Any) -> list[Any]:
    """Return labels as values of Python. Raise DataError if they are no list."""
    if (listed := as_list(classes)) is None:
        raise DataError(f"classes is {shortened(repr(classes))}, not a list of labels", help='pass a list such as ["no", "yes"]')
    return [label.item() if isinstance(label, np.generic) else label for label in listed]
