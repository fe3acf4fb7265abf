"""Treatment of categories by their number, for texts and for numeric codes in the spec that `mlpkit init` writes."""

from __future__ import annotations

from typing import Literal

LABELS = 20  # more texts than this that differ in nearly every row are row names
SHARED = 0.4  # most different texts as a share of the rows: half of the training rows
MANY = 30  # more categories than this are embedded


def category_treatment(levels: int, rows: int) -> Literal["one_hot", "embed", ""]:
    """Return the treatment of categories, or an empty text if there are too many for any.

    Parameters
    ----------
    levels : int
        Number of different categories.
    rows : int
        Number of rows that have one.
    """
    from mlpkit.preprocessing.input_columns import MOST_LEVELS

    if levels > min(max(LABELS, SHARED * rows), MOST_LEVELS):
        return ""
    return "one_hot" if levels <= MANY else "embed"
