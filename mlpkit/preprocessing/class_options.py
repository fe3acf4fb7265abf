"""Options of classes in a spec: their order (`data.classes`, `data.positive`) and their weights (`data.class_weight`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError, ResourceLimit, SpecError
from mlpkit.numerics.arrays import Targets
from mlpkit.plugin import plugin_name
from mlpkit.preprocessing.labels import TYPES, Labels, stored_classes, type_of
from mlpkit.spec import Data, Spec
from mlpkit.spec.class_labels import label_text
from mlpkit.text.shown import first_few, shortened


def ordered_classes(data: Data, found: Labels, name: str) -> Labels:
    """Return the classes in the order that the spec gives, or sorted as they were found in the training rows.

    Raises
    ------
    SpecError
        `data.classes` has labels of another type than the target, or `data.positive` is no class or there are not two.
    DataError
        The target has a class that `data.classes` does not list.
    """
    classes = found if data.classes is None else _listed(data.classes, found, name)
    if data.positive is None:
        return classes
    place = _place("positive", label_text(data.positive), _places(classes))
    if len(classes) != 2:
        message = f"the target {name!r} has {len(classes)} classes, but a positive class needs two"
        raise SpecError.at("data.positive", message, "remove it, or give the order of the classes as data.classes")
    return classes if place == 1 else classes[::-1].copy()


def check_order(spec: Spec, classes: Labels, name: str) -> None:
    """Raise SpecError if the order of the classes matters but is that of the alphabet, because the spec does not give it."""
    ordered = [plugin for plugin in (spec.loss, spec.network.layers[-1].activation) if plugin.ordered_classes]
    if not ordered or type_of(classes) != "str" or spec.data.classes is not None or spec.data.positive is not None:
        return
    message = f"the order of the classes matters to {plugin_name(ordered[0])}, but the labels of {name!r} are texts, which have none"
    raise SpecError.at("data.classes", message, f"list {first_few(classes.tolist(), 10, repr)} from the lowest to the highest")


def label_array(labels: Sequence[Any], type_name: str | None = None) -> Labels:
    """Return labels of a spec as an array of a type, by default the one that all of them have.

    Raise SpecError if they have several types, or are too large or too long.
    """
    fitting = (name for name, types in TYPES.items() if all(type(label) in types for label in labels))
    type_name = type_name or next(fitting, None)
    if type_name is None:
        raise SpecError.at("data.classes", "the labels have several types", "list only texts, numbers, or true and false")
    try:
        return stored_classes([float(label) for label in labels] if type_name == "float64" else labels, type_name)
    except (ValueError, OverflowError, ResourceLimit) as error:
        message = f"the labels cannot be stored: {str(error).partition(chr(10))[0]}"
        raise SpecError.at("data.classes", message, "list shorter labels, or smaller numbers") from error


def class_weights(data: Data, classes: Labels | None, numbers: Targets, weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the weights of training rows times those of their classes; `weights` without `data.class_weight`.

    "balanced" gives each class the same total weight: rows / (classes x rows of the class), with sample weights in place of counts.

    Parameters
    ----------
    classes : array or None
        None if the target is not one class per row.
    numbers : array, shape (rows,) or (rows, classes)
        Index of the class of each row; or its probabilities of the classes, by which the weights of the classes are averaged and rows are
        counted.
    weights : array, shape (rows,), or None
        Sample weights.
    """
    if data.class_weight is None:
        return weights
    if classes is None:
        raise SpecError.at("data.class_weight", "the target is not one class per row", "remove it, or use data.weight for single rows")
    each = np.ones(len(numbers)) if weights is None else weights
    if isinstance(data.class_weight, Mapping):
        factors, places = np.ones(len(classes)), _places(classes)
        for label, weight in data.class_weight.items():
            factors[_place("class_weight", label, places)] = weight
    else:
        totals = np.bincount(numbers, each, len(classes)) if numbers.ndim == 1 else each @ numbers
        factors = totals.sum() / (np.count_nonzero(totals) * np.where(totals > 0, totals, 1.0))
    weighted: NDArray[np.float64] = each * (factors[numbers] if numbers.ndim == 1 else numbers @ factors)
    return weighted


def _places(classes: Labels) -> dict[str, int]:
    """Return the class numbers by the texts of the labels."""
    return {label_text(label): number for number, label in enumerate(classes.tolist())}


def _place(key: str, text: str, places: dict[str, int]) -> int:
    """Return the number of the class with a label's text; raise SpecError if there is none."""
    for known in (text, text.lower()):  # True and False of Python
        if known in places:
            return places[known]
    message = f"there is no class {shortened(repr(text), 60)} in the training rows"
    raise SpecError.at(f"data.{key}", message, f"use one of {first_few(list(places), 10)}")


def _listed(listed: tuple[Any, ...], found: Labels, name: str) -> Labels:
    type_name = type_of(found)
    wrong = [label for label in listed if type(label) not in TYPES[type_name]]
    if wrong:
        kind = {"str": "texts", "int64": "integers", "float64": "numbers", "bool": "true and false"}[type_name]
        raise SpecError.at(
            "data.classes", f"the labels of {name!r} are {kind}, but {wrong[0]!r} is not", "list labels as the data have them"
        )
    known = set(listed)
    missing = [label for label in found.tolist() if label not in known]
    if missing:
        message = f"the target {name!r} has the class {missing[0]!r}, which data.classes does not list"
        raise DataError(message, help="add it to data.classes, or remove its rows")
    return label_array(listed, type_name)
