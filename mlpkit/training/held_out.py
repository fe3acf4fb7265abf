"""Predictions for the validation rows, by networks that were not trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.members import member_validation
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.training.evaluation import mean_answers


class HeldOut(NamedTuple):
    """Validation rows of all networks.

    Attributes
    ----------
    scores : array, shape (rows, columns)
        Predictions in the form that metrics use.
    values : array
        Targets in that form.
    weights : array, shape (rows,), or None
        Sample weights, if metrics use them.
    by_member : bool
        True if members hold out other rows, and each predicts its own.
    """

    scores: NDArray[np.float64]
    values: Targets
    weights: Array | None
    by_member: bool = False


def by_fold(networks: Sequence[Network], prepared: Prepared) -> Iterator[tuple[Sequence[Network], Prepared]]:
    """Yield networks with the validation rows that they predict: all with the same, or each member with its own."""
    if not prepared.folds:
        yield networks, prepared
    for member in range(len(prepared.folds)):
        yield networks[member : member + 1], member_validation(prepared, member)


def held_out(spec: Spec, networks: Sequence[Network], prepared: Prepared, target: TargetEncoder) -> HeldOut | None:
    """Return the predictions for the validation rows; None if there are none.

    Parameters
    ----------
    spec : Spec
    networks : sequence of Network
        With the weights of the finished model: one, or those of all members.
    prepared : Prepared
    target : TargetEncoder
    """
    found = []
    for some, part in by_fold(networks, prepared):
        if part.validation is None:
            return None
        found.append(HeldOut(mean_answers(spec, some, target, part.validation)[1], *part.measured))
    if len(found) == 1:
        return found[0]
    scores, values, weights, _ = zip(*found, strict=True)
    return HeldOut(np.concatenate(scores), np.concatenate(values), None if weights[0] is None else np.concatenate(weights), True)
