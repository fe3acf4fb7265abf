"""Embeddings as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS = {"frequencies": "frequency", "bins": "bin", "units": "unit"}  # plural and singular


def embedding_text(entry: Mapping[str, Any]) -> str:
    """Return an embedding, as JSON values, as a text such as "12 numbers: pbld, 16 frequencies, 3 units".

    Raises
    ------
    KeyError, TypeError
        The values are not those of an embedding, as in the file of a stranger.
    """
    of_categories, inputs = entry["type"] == "category", entry["inputs"]
    one, several = ("category", "categories") if of_categories else ("number", "numbers")
    count = "all" if inputs is None else f"{len(inputs):,}"
    options = (
        [f"{sum(entry['levels']):,} levels"] if of_categories and inputs is not None else [] if of_categories else [str(entry["type"])]
    )
    options += [f"{entry[key]:,} {noun if entry[key] == 1 else key}" for key, noun in OPTIONS.items() if key in entry]
    return f"{count} {one if inputs is not None and len(inputs) == 1 else several}: {', '.join(options)}"
