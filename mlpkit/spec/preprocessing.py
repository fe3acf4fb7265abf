"""Preprocessing of the columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlpkit.plugin.since import Since
from mlpkit.spec.column_treatment import OLDER, NumberScaling, Treatment
from mlpkit.spec.part import AnyColumn, Flag, Part, example
from mlpkit.text.column_names import same_form
from mlpkit.text.limits import InParts


def _each_once(value: Any) -> Any:
    """Return the value; raise ValueError for a column that appears in two Unicode forms."""
    names = [same_form(name) for name in value if isinstance(name, str)] if isinstance(value, Mapping) else []
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValueError(f"names the column {twice!r} twice, in two Unicode forms")
    return value


class Preprocessing(Part):
    """Preprocessing of the columns, fitted on the training rows only and saved in the model.

    A text column with more than 20 distinct texts, most of them unique, probably contains names, dates or numbers with units. It raises an
    error unless `columns` sets it to "ignore" or "one_hot".
    """

    model_config = example(
        {
            "numbers": {"type": "robust", "clip": "smooth"},
            "target": "robust",
            "columns": {"zip": "one_hot", "signup": "date", "id": "ignore"},
        }
    )

    numbers: Annotated[NumberScaling, Since(5, older=OLDER)] = Field(
        "standardize",
        description="'standardize': to mean 0 and standard deviation 1; 'robust': by median and quartiles; 'min_max': to the range from 0 "
        "to 1; 'quantile': to normal scores of their ranks; 'bins': standardized, with places in bins; 'none': unchanged; "
        "or an object with one of these as its type, and options such as `clip`",
    )
    categories: Literal["one_hot", "none"] = Field("one_hot", description="one 0/1 column per category; 'none' raises an error for text")
    missing: Literal["impute", "none"] = Field(
        "impute", description="'impute': by the median, with an indicator column; 'none' raises an error for missing values"
    )
    target: Annotated[Literal["auto", "standardize", "robust", "none"], Since(4, values=("robust",))] = Field(
        "auto",
        description="'auto' scales numbers as the loss recommends if the last activation is unbounded on both sides; "
        "'standardize' by mean and standard deviation, 'robust' by median and quartiles; predictions are scaled back",
    )
    clip_predictions: Annotated[Flag, Since(5)] = Field(
        False, description="predicted numbers are limited to the range of the target in the training rows"
    )
    columns: Annotated[Mapping[AnyColumn, Treatment], InParts, BeforeValidator(_each_once), Since(5, older=OLDER)] = Field(
        {},
        description="handling of single columns: 'ignore', 'one_hot', 'date', or a scaling as in `numbers`, which it replaces, "
        "`clip` included",
    )


NO_PREPROCESSING = {"numbers": "none", "categories": "none", "missing": "none", "target": "none"}
