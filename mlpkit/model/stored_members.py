"""Members of an ensemble in a model file: the names of their tensors, the rows of their histories, their states.

Without an ensemble there is one network, whose names have no prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.layers import parameter_shapes
from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError, TensorMismatch
from mlpkit.modelfile.constants import ENSEMBLE
from mlpkit.modelfile.rules import Rule
from mlpkit.spec import Spec
from mlpkit.text.shown import first_few
from mlpkit.training.history import FIXED, History

if TYPE_CHECKING:
    from mlpkit.training.state import TrainingState

MEMBER = "member"  # first column of the history of an ensemble
T = TypeVar("T")


def count_members(spec: Spec) -> int:
    """Return the number of networks of a model."""
    return 1 if spec.ensemble is None else spec.ensemble.members


def _prefixes(spec: Spec) -> list[str]:
    """Return the prefix of the names of each member; empty without an ensemble."""
    return [""] if spec.ensemble is None else [f"members.{number}." for number in range(spec.ensemble.members)]


def check_features(spec: Spec, features: Sequence[str]) -> None:
    """Raise ModelFileError if a file has an ensemble without requiring that readers know it, or the reverse."""
    if (spec.ensemble is not None) != (ENSEMBLE in features):
        problem = "has an ensemble, which it does not require" if spec.ensemble is not None else "requires an ensemble, but has none"
        raise ModelFileError(f"the file {problem} in 'required_features'", rule=Rule.ENSEMBLE)


# -- tensors


def views_of(spec: Spec, networks: Sequence[Network]) -> dict[str, NDArray[Any]]:
    """Return the parameters of networks by the names of their tensors, such as "members.1.layers.0.weight"."""
    return {
        f"{prefix}{name}": view
        for prefix, network in zip(_prefixes(spec), networks, strict=True)
        for name, view in network.parameters.views.items()
    }


def tensors_of(spec: Spec, tensors: Mapping[str, T]) -> list[dict[str, T]]:
    """Return the tensors of each member by their names in a network."""
    return [_without(prefix, tensors) for prefix in _prefixes(spec)]


def _without(prefix: str, named: Mapping[str, T]) -> dict[str, T]:
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def check_tensors(spec: Spec, found: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Compare the tensors' shapes and dtypes, by name, with those of the spec, before any allocation."""
    try:
        own = {name: shape for part in parameter_shapes(spec.network) for name, shape in part.items()}
    except ValueError as error:
        raise ModelFileError(str(error), rule=Rule.TENSORS) from error
    needed = {f"{prefix}{name}": shape for prefix in _prefixes(spec) for name, shape in own.items()}
    for name in sorted(needed.keys() | found.keys()):
        shape, dtype = found.get(name, ("missing", spec.dtype))
        if needed.get(name) != shape:
            raise TensorMismatch(f"the tensor {name} is {shape}, but the spec requires {needed.get(name, 'none')}", rule=Rule.TENSORS)
        if dtype != spec.dtype:
            raise TensorMismatch(f"the tensor {name} is {dtype}, but the spec has {spec.dtype}", rule=Rule.TENSORS)


# -- histories


def joined_history(spec: Spec, histories: Sequence[History]) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a file: the rows of the members one after the other, with the number of the member as first column."""
    if spec.ensemble is None:
        return histories[0].columns()
    columns = [history.columns() for history in histories]
    names = dict.fromkeys(name for each in columns for name in each)
    parts = [
        {name: each.get(name, np.full(len(history), np.nan)) for name in names} for each, history in zip(columns, histories, strict=True)
    ]
    numbers = np.concatenate([np.full(len(history), float(number)) for number, history in enumerate(histories)])
    return {MEMBER: numbers, **{name: np.concatenate([part[name] for part in parts]) for name in names}}


def histories_of(spec: Spec, columns: dict[str, NDArray[np.float64]]) -> list[History]:
    """Return the history of each member; raise ModelFileError if they are not valid."""
    if spec.ensemble is None:
        return [_history(columns)]
    numbers, others = columns.get(MEMBER), {name: column for name, column in columns.items() if name != MEMBER}
    known = np.arange(spec.ensemble.members)
    if numbers is None or not np.isin(numbers, known).all() or (np.diff(numbers) < 0).any():
        problem = f"the column {MEMBER!r} does not have the numbers 0 to {len(known) - 1} of the members in order"
        raise ModelFileError(f"the history is not valid: {problem}", rule=Rule.ENSEMBLE)
    ends = np.searchsorted(numbers, np.arange(len(known) + 1))
    return [_history({name: column[start:end] for name, column in others.items()}) for start, end in pairwise(ends)]


def _history(columns: dict[str, NDArray[np.float64]]) -> History:
    """Return the history from the columns of a file; raise ModelFileError if they are not valid."""
    numbers = columns.get("epoch", np.zeros(0))
    if columns and not columns.keys() >= set(FIXED):
        problem = f"it has the columns {first_few(list(columns))}, not {', '.join(FIXED)}"
    elif not np.isfinite(numbers).all() or not ((numbers >= 1) & (numbers < 2**53) & (numbers == np.floor(numbers))).all():
        problem = "the numbers of its epochs are not positive integers"
    else:
        return History(columns)
    raise ModelFileError(f"the history is not valid: {problem}", rule=Rule.HISTORY)


# -- states


def joined_training(spec: Spec, states: Sequence[TrainingState | None], left: bool) -> dict[str, Any] | None:
    """Return the progress of a run as JSON; of an ensemble with a run `left` that of each member, or None for one that has not begun."""
    found = [None if state is None else state.model_dump() for state in states]
    if spec.ensemble is None:
        return found[0]
    return {"members": found} if left else None


def joined_state(spec: Spec, states: Sequence[TrainingState | None]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a run by their names, such as "members.1/loop/loss"."""
    folders = [prefix and f"{prefix[:-1]}/" for prefix in _prefixes(spec)]
    return {
        f"{folder}{name}": array
        for folder, state in zip(folders, states, strict=True)
        if state is not None
        for name, array in state.arrays.items()
    }


def states_of(
    spec: Spec, training: dict[str, Any] | None, arrays: Mapping[str, NDArray[Any]]
) -> list[tuple[dict[str, Any], dict[str, NDArray[Any]]] | None]:
    """Return progress and arrays of each member's run; raise ModelFileError if there is not one entry for each."""
    if spec.ensemble is None:
        return [None if training is None else (training, dict(arrays))]
    if training is None:
        return [None] * spec.ensemble.members
    found = training.get("members")
    if not isinstance(found, list) or len(found) != spec.ensemble.members or not all(one is None or isinstance(one, dict) for one in found):
        message = f"the training state in it is not valid: it does not have {spec.ensemble.members} members"
        raise ModelFileError(message, rule=Rule.STATE)
    folders = [f"{prefix[:-1]}/" for prefix in _prefixes(spec)]
    return [None if one is None else (one, _without(folder, arrays)) for one, folder in zip(found, folders, strict=True)]
