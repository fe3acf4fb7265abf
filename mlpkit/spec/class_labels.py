"""Class labels in a spec."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from mlpkit.text.limits import InParts

Label = StrictBool | StrictInt | StrictFloat | StrictStr


def label_text(label: Any) -> str:
    """Return the text of a label as in JSON: true and false for booleans, and numbers without a point if they are whole."""
    if isinstance(label, bool):
        return str(label).lower()
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _distinct(labels: tuple[Any, ...]) -> tuple[Any, ...]:
    counts = Counter(map(label_text, labels))
    if len(counts) < len(labels):
        raise ValueError(f"the class {counts.most_common(1)[0][0]!r} is listed twice")
    return labels


Labels = Annotated[tuple[Label, ...], Field(min_length=2), InParts, AfterValidator(_distinct)]
