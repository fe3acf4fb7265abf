"""Inputs that embeddings are for, by the names of columns; and one-hot columns in place of numbers of levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpkit.errors import SpecError
from mlpkit.plugin import Array
from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.spec.embedded_columns import names_of
from mlpkit.spec.embeddings import AnyEmbedding, CategoryEmbedding
from mlpkit.text.shown import first_few, shortened


def with_inputs(embeddings: Sequence[AnyEmbedding], encoder: InputEncoder) -> tuple[AnyEmbedding, ...]:
    """Return embeddings with the inputs of their columns; those without columns embed all numbers, or all columns to be embedded.

    Raises
    ------
    SpecError
        An embedding names a column that it cannot embed.
    """
    return tuple(_with_inputs(index, embedding, encoder) for index, embedding in enumerate(embeddings))


def _with_inputs(index: int, embedding: AnyEmbedding, encoder: InputEncoder) -> AnyEmbedding:
    of_categories = isinstance(embedding, CategoryEmbedding)
    places = category_inputs(encoder) if of_categories else number_inputs(encoder)
    for name in embedding.columns or ():
        if name not in places:
            what = "no column with the treatment 'embed'" if of_categories else "no column of numbers that is an input"
            help = f"use some of {first_few(list(places), 20)}" if places else "remove the entry"
            raise SpecError.at(f"network.embeddings[{index}].columns", f"{shortened(repr(name), 60)} is {what}", help)
    names = names_of(embedding, list(places))
    found: dict[str, Any] = {"inputs": tuple(place for name in names for place in places[name])}
    if of_categories:
        found["levels"] = tuple(encoder.levels[place] for place in found["inputs"])
    return embedding.model_copy(update=found)


def number_inputs(encoder: InputEncoder) -> dict[str, range]:
    """Return the indices of the scaled values of each column of numbers or dates, without booleans."""
    places, start = {}, 0
    for column in encoder.numbers.columns:
        if column.kind != "boolean":
            places[column.name] = range(start, start + column.width)
        start += column.width
    return places


def category_inputs(encoder: InputEncoder) -> dict[str, range]:
    """Return the index of the code of each embedded column."""
    start = encoder.numbers.width
    return {name: range(start + place, start + place + 1) for name, place in encoder.categories.embedded.items()}


def one_hot_width(encoder: InputEncoder) -> int:
    """Return the number of columns of `one_hot_levels`."""
    return encoder.width + sum(encoder.levels.values())


def one_hot_levels(encoder: InputEncoder, inputs: Array) -> Array:
    """Return encoded inputs with one 0/1 column per level, and one for all other values, in place of each number of a level, at the end."""
    if not encoder.levels:
        return inputs
    others = [inputs[:, [index]] == np.arange(levels + 1) for index, levels in encoder.levels.items()]
    return np.hstack([np.delete(inputs, list(encoder.levels), axis=1), *others], dtype=inputs.dtype, casting="unsafe")
