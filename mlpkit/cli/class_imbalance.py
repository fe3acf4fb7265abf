"""Keys of a drafted spec for a target with a rare class: the positive class, metrics and the decision threshold."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlpkit.text.shown import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpkit.preprocessing.labels import Labels

RARE = 0.4  # a class is rare below this part of an equal share: of two classes with less than 20 % of the rows
USUAL = ("accuracy", "log_loss")
OF_TWO = ("average_precision", "balanced_accuracy", "f1", *USUAL)
OF_MORE = ("balanced_accuracy", *USUAL)


@dataclass(frozen=True)
class ClassImbalance:
    """Keys of a spec for a target with a rare class; all are empty for other targets.

    Attributes
    ----------
    data : dict
        Keys of `data`: `positive` for two classes.
    keys : dict
        Keys of the spec: `metrics`, and `decision` for two classes.
    notes : list of str
        Lines that say what was found and set, and how to undo it.
    """

    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def class_imbalance(classes: Labels, numbers: NDArray[Any], validation: NDArray[Any]) -> ClassImbalance:
    """Return the keys for a target if a class is rare.

    The positive class of two is the rarer one. The F1 score chooses the threshold if there are enough validation rows of it. Otherwise
    the threshold is the geometric mean of its share, which is the best one for balanced accuracy, and of 0.5, the best one for accuracy.
    Class weights are not set, because probabilities would no longer be shares.

    Parameters
    ----------
    classes : array, shape (classes,)
    numbers : array of int, shape (rows,)
        Class of each row.
    validation : array of int
        Numbers of the validation rows.
    """
    import numpy as np

    from mlpkit.spec.class_labels import label_text

    counts = np.bincount(numbers, minlength=len(classes))
    rarest = int(counts.argmin())
    share = float(counts[rarest] / len(numbers))
    if share >= RARE / len(classes):
        return ClassImbalance()
    label = classes.tolist()[rarest]
    shown = shortened(repr(label) if isinstance(label, str) else label_text(label), 60)
    of_rows = f"{shown} ({100 * share:.2g} % of the rows)"
    undo = f'"metrics": {json.dumps(USUAL)}'
    if len(classes) > 2:
        note = f"the rarest class is {of_rows}: balanced_accuracy is the first metric, because all classes count the same in it"
        return ClassImbalance({}, {"metrics": list(OF_MORE)}, [f"{note}; to undo that, set {undo}"])
    validated = int(np.count_nonzero(numbers[validation] == rarest))
    threshold, decided = _threshold(share, validated)
    why = f"average_precision is the first metric, because accuracy is {1 - share:.4g} if {shown} is never predicted"
    decision = f"{shown} is predicted if its probability is above {decided}; to undo both, remove decision and set {undo}"
    notes = [f"positive class {of_rows}: {why}", decision]
    if len(validation) and not validated:
        notes.append(f"no validation row has {shown}: average_precision and f1 are undefined there; more rows or another split may help")
    return ClassImbalance({"positive": label}, {"metrics": list(OF_TWO), "decision": {"threshold": threshold}}, notes)


def _threshold(share: float, validated: int) -> tuple[str | float, str]:
    """Return the decision threshold for a positive class, and its description."""
    from mlpkit.preprocessing.decision_threshold import FEWEST

    if validated >= FEWEST:
        return "f1", "the threshold that has the best F1 score on the validation rows"
    chosen = max(0.01, round(math.sqrt(share / 2), 2))
    return chosen, f"{chosen}, because fewer than {FEWEST} validation rows have it ({validated}): too few to choose a threshold"
