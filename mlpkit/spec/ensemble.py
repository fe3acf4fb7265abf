"""Ensemble: several networks of one spec whose predictions are averaged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlpkit.spec.part import Part, example

STREAM = 0xE5E  # makes the seeds of members independent of the other generators of a seed
FEWEST_FOLDS = 5  # so that no member leaves out more than a fifth of the rows


class Ensemble(Part):
    """Several networks, the members, in one model: it predicts the average of their probabilities or numbers.

    Members have their own seeds, derived from that of the spec. The preprocessing is fitted once, on all training rows. A time budget
    is divided among the members in equal parts; each of them trains for at least one epoch.

    With 'rotate' the rows are cut into as many folds as members, at least 5, and each member holds out another fold for validation. Folds
    have equal shares of the classes unless `data.split.stratify` is false. With `data.split.group` groups stay together; with
    `data.split.time` the later half of the rows is cut into as many blocks as members, and a member trains on the rows before its block.
    The share `data.split.validation` is not used. Without folds all members train on the same rows.
    """

    model_config = example({"members": 5, "folds": "rotate"})

    members: Annotated[int, Field(strict=True, ge=2, le=100)] = Field(description="number of networks, from 2 to 100")
    folds: Literal["rotate"] | None = Field(
        None, description="'rotate': each member holds out another part of the rows for validation, instead of 'data.split.validation'"
    )


def member_seed(seed: int, number: int) -> int:
    """Return the seed of a member: 63 bits of NumPy's SeedSequence of the spec's seed, with the spawn key (STREAM, number)."""
    from numpy.random import SeedSequence

    return int(SeedSequence(seed, spawn_key=(STREAM, number)).generate_state(1, "uint64")[0] >> 1)
