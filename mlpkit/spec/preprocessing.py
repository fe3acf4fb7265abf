"""Preprocessing of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mlpkit.plugin.since import Since
from mlpkit.spec.column_treatment import NEWER, OLDER, NumberScaling, Treatment
from mlpkit.spec.part import AnyColumn, Flag, Part, each_once, example
from mlpkit.text.limits import InParts


class Preprocessing(Part):
    """Preprocessing of the columns, fitted on the training rows only and saved in the model.

    A text column with more than 20 distinct texts, most of them unique, probably contains names, dates or numbers with units. It raises an
    error unless `columns` sets it to "ignore", "one_hot" or "embed".
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
    clip_inputs: Annotated[Flag, Since(7)] = Field(
        False, description="numbers and dates are limited to their range in the training rows, as they are by decision trees"
    )
    clip_predictions: Annotated[Flag, Since(5)] = Field(
        False, description="predicted numbers are limited to the range of the target in the training rows"
    )
    columns: Annotated[Mapping[AnyColumn, Treatment], InParts, BeforeValidator(each_once), Since(5, older=OLDER, newer=NEWER)] = Field(
        {},
        description="handling of single columns: 'ignore', 'one_hot', 'embed' (trained vectors of many categories), 'date', 'boolean', or "
        "a scaling as in `numbers`, which it replaces, `clip` included",
    )


NO_PREPROCESSING = {"numbers": "none", "categories": "none", "missing": "none", "target": "none"}
