"""Loss of a model on its targets, with the weights of `data.target_weights`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlpkit.engine.weighted_targets import WeightedTargets, shares_of
from mlpkit.errors import SpecError
from mlpkit.plugin import Loss
from mlpkit.spec import Spec
from mlpkit.text.shown import first_few, shortened

if TYPE_CHECKING:
    from mlpkit.preprocessing import TargetEncoder

KEY = "data.target_weights"


def weighted_loss(spec: Spec, target: TargetEncoder) -> Loss | WeightedTargets:
    """Return the loss of a spec, or the weighted mean of the losses of its targets if the spec has weights of targets.

    Raises
    ------
    SpecError
        The target is one column or one of classes, a name is not that of a target, or a share is 0 in the dtype.
    """
    given, names = spec.data.target_weights, target.names
    if given is None:
        return spec.loss
    if target.task == "classification":
        raise SpecError.at(KEY, "the target is a class, not several numbers or labels", "remove it, or use data.class_weight for classes")
    if len(names) == 1:
        raise SpecError.at(KEY, f"there is one target, {shortened(repr(names[0]), 60)}, so a weight has no effect", "remove it")
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise SpecError.at(KEY, f"there is no target {shortened(repr(unknown), 60)}", f"use some of {first_few(list(names), 10)}")
    shares = shares_of(np.array([given.get(name, 1.0) for name in names]))
    if (few := np.flatnonzero(shares.astype(spec.dtype) < np.finfo(spec.dtype).tiny)).size:
        name = shortened(repr(names[few[0]]), 60)
        raise SpecError.at(KEY, f"the weight of the target {name} is too small beside the others: its share of the loss is 0", "raise it")
    return WeightedTargets(spec.loss, shares)
