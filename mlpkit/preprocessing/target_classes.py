"""Classes of a target column, fitted on the training rows."""

from __future__ import annotations

from typing import NamedTuple

from mlpkit.data.table import Table
from mlpkit.errors import DataError, SpecError
from mlpkit.plugin import plugin_name
from mlpkit.preprocessing.class_options import check_order, label_array, ordered_classes
from mlpkit.preprocessing.labels import Labels, find_classes
from mlpkit.preprocessing.soft_targets import PREDICTED, is_soft
from mlpkit.preprocessing.task import SOFT, Form, class_form
from mlpkit.spec import Spec


class FittedClasses(NamedTuple):
    """Form of the encoded classes, name of the predicted column, labels, and the probability above which the second of two is predicted."""

    form: Form
    name: str
    classes: Labels
    threshold: float


def fit_classes(spec: Spec, table: Table, names: tuple[str, ...]) -> FittedClasses:
    """Return the classes of a target that has one class, or one probability of each class, per row.

    Parameters
    ----------
    spec : Spec
    table : Table
        Target columns of the training rows.
    names : tuple of str
        Name of each value of the columns.

    Raises
    ------
    SpecError
        The spec does not fit the classes.
    DataError
        There are several columns without soft targets, or there is only one class.
    """
    soft = is_soft(spec, table)
    if len(names) > 1 and not soft:
        help = f"give one column of classes; from one-hot rows: y.argmax(axis=1); {SOFT}"
        raise DataError(f"{plugin_name(spec.loss)} takes one column of classes, but the target has {len(names)}", help=help)
    if spec.preprocessing.target in ("standardize", "robust"):
        raise SpecError.at("preprocessing.target", "the target is a class, which cannot be standardized", "set it to 'auto'")
    if spec.preprocessing.clip_predictions:
        raise SpecError.at("preprocessing.clip_predictions", "the target is a class, not a number", "remove it")
    fewest = 2 if spec.data.classes is None else 1
    name = table.names[0] if len(table.names) == 1 else PREDICTED
    found = label_array(spec.data.classes or ()) if soft else find_classes(table, name, spec.data.target_type, fewest)
    classes = ordered_classes(spec.data, found, name)
    check_order(spec, classes, name)
    asked = None if spec.decision is None else spec.decision.threshold  # a criterion chooses it at the end of the run
    threshold = asked if isinstance(asked, float) and len(classes) == 2 else 0.5
    return FittedClasses(class_form(spec, name, len(classes)), name, classes, threshold)
