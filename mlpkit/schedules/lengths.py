"""Checks of numbers of epochs in schedules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def check_boundaries(boundaries: Sequence[float], parts: int, what: str) -> None:
    """Raise ValueError unless the boundaries are above 0, increase, and separate this number of parts."""
    if not boundaries or boundaries[0] <= 0 or any(a >= b for a, b in pairwise(boundaries)):
        raise ValueError(
            f"boundaries must be numbers of epochs above 0, in increasing order, not {', '.join(f'{x:g}' for x in boundaries)}"
        )
    if parts != len(boundaries) + 1:
        raise ValueError(f"there must be one more of the {what} than of the boundaries, but there are {parts} and {len(boundaries)}")


def check_last(boundaries: Sequence[float], epochs: int) -> None:
    """Raise ValueError if the last boundary is not within the run."""
    if boundaries[-1] >= epochs:
        raise ValueError(f"the boundary at {boundaries[-1]:g} epochs is not within a run of {epochs:,} epochs")


def check_shorter(what: str, length: float, epochs: int) -> None:
    """Raise ValueError if a number of epochs is not below that of the run."""
    if length >= epochs:
        raise ValueError(f"{what} of {length:g} epochs does not end within a run of {epochs:,} epochs")


def check_no_longer(what: str, length: float, epochs: int) -> None:
    """Raise ValueError if a number of epochs is above that of the run."""
    if length > epochs:
        raise ValueError(f"{what} of {length:g} epochs is longer than a run of {epochs:,} epochs")
