"""Inputs that embeddings are for: indices of encoded columns, from the names of columns."""

from __future__ import annotations

from collections.abc import Sequence

from mlpkit.errors import SpecError
from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.spec.embeddings import AnyEmbedding
from mlpkit.text.shown import first_few, shortened


def with_inputs(embeddings: Sequence[AnyEmbedding], encoder: InputEncoder) -> tuple[AnyEmbedding, ...]:
    """Return embeddings with the inputs of their columns; those without columns embed all numbers.

    Raises
    ------
    SpecError
        An embedding names a column that is no number.
    """
    places = number_inputs(encoder)
    found = []
    for index, embedding in enumerate(embeddings):
        for name in embedding.columns or ():
            if name not in places:
                message = f"{shortened(repr(name), 60)} is no column of numbers that is an input"
                raise SpecError.at(f"network.embeddings[{index}].columns", message, f"use some of {first_few(list(places), 20)}")
        names = places if embedding.columns is None else embedding.columns
        found.append(embedding.model_copy(update={"inputs": tuple(place for name in names for place in places[name])}))
    return tuple(found)


def number_inputs(encoder: InputEncoder) -> dict[str, range]:
    """Return the indices of the scaled values of each column of numbers or dates, without booleans."""
    places, start = {}, 0
    for column in encoder.numbers.columns:
        if column.kind != "boolean":
            places[column.name] = range(start, start + column.width)
        start += column.width
    return places
