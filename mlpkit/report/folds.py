"""Section on the cross-validation of a spec, from the metadata of a model's file, which anybody may have written."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, name_of, number, paragraph, table
from mlpkit.text.shown import counted

MOST = 30  # scores
Number = Annotated[float, Field(allow_inf_nan=False)] | None


class _Figure(BaseModel):
    mean: Number
    deviation: Number


class _Kept(BaseModel):
    """Cross-validation in the metadata; see `mlpkit.cross_validation.result.CrossValidation.to_dict`."""

    scores: Annotated[dict[str, _Figure], Field(min_length=1)]
    runs: Annotated[int, Field(ge=1, le=2**53)]


def fold_section(subject: Subject) -> Markup | None:
    """Return the mean scores over the folds; None for a model without a cross-validation."""
    try:
        found = _Kept.model_validate(subject.model.metadata.get("cross_validation"), strict=True)
    except ValidationError:
        return None
    shown = [(name_of(name), number(each.mean), number(each.deviation)) for name, each in list(found.scores.items())[:MOST]]
    text = f"The spec was trained {found.runs:,} times on all rows but one fold, and measured on that. This model is none of those."
    return Markup(paragraph(text) + table(["score", "mean", "deviation"], shown, caption=f"Means over {counted(found.runs, 'fold')}"))
