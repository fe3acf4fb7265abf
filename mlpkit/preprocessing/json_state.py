"""JSON schema of the preprocessing in a model file. Types are strict, because a file may be untrusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlpkit.plugin import Task
from mlpkit.preprocessing.date_parts import DatePart
from mlpkit.preprocessing.input_columns import MOST_LEVELS, ColumnKind, ColumnTreatment
from mlpkit.preprocessing.task import Form
from mlpkit.text.column_names import same_form
from mlpkit.text.limits import InParts
from mlpkit.text.shown import shortened

StoredLabels = list[bool] | list[int] | list[float] | list[str]


class State(BaseModel):
    """Base of the stored parts. Unknown keys are ignored, so that a later version may add some."""

    model_config = ConfigDict(strict=True, frozen=True)


class NotationState(State):
    """Notation of numbers in texts."""

    unit: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]
    decimal: Literal[".", ","]
    magnitudes: bool


class WordsState(State):
    """Words for true and false, in lower case."""

    true: Annotated[list[str], Field(min_length=1), InParts]
    false: Annotated[list[str], Field(min_length=1), InParts]


class ColumnState(State):
    """Input column."""

    name: Annotated[str, AfterValidator(same_form)]
    kind: ColumnKind
    treatment: ColumnTreatment
    width: Annotated[int, Field(ge=1)]
    categories: Annotated[list[str | None], InParts]
    clip: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["smooth"] | None = None  # absent in files before 0.5
    parts: Annotated[list[DatePart], InParts] = []  # of a date
    notation: NotationState | WordsState | None = None  # of numbers or booleans in texts; absent in files before 0.6
    rare: Annotated[list[str | None], InParts] = []  # of an embedded category

    @model_validator(mode="after")
    def _consistent(self) -> ColumnState:
        if (self.kind == "category") != (self.treatment in ("one_hot", "embed")) or (self.kind != "category" and self.categories):
            raise ValueError(f"the column {self.name!r} has a treatment that does not fit its kind")
        if self.kind == "category" and (self.width != 1 or self.clip is not None):
            raise ValueError(f"the column {self.name!r} of categories has a width of {self.width}, not 1, or is clipped")
        if self.kind == "date" and (self.treatment != "standardize" or not self.parts):
            raise ValueError(f"the column {self.name!r} of dates has no parts, or is not standardized")
        if self.parts and (self.kind != "date" or self.width != len(self.parts) or len(set(self.parts)) < len(self.parts)):
            raise ValueError(f"the column {self.name!r} has parts that are not its {self.width} different numbers of a date")
        notation = {NotationState: "number", WordsState: "boolean", type(None): self.kind}[type(self.notation)]
        if notation != self.kind or (isinstance(self.notation, NotationState) and self.width != 1):
            raise ValueError(f"the column {self.name!r} of the kind {self.kind!r} and the width {self.width} has a notation for another")
        if self.treatment == "embed" and not 1 <= len(self.categories) <= MOST_LEVELS:
            raise ValueError(f"the column {self.name!r} has {len(self.categories)} levels to embed, not 1 to {MOST_LEVELS}")
        if self.rare and self.treatment != "embed":
            raise ValueError(f"the column {self.name!r} has rare categories, but is not embedded")
        categories = [*self.categories, *self.rare]
        if len(set(categories)) < len(categories):
            raise ValueError(f"the column {self.name!r} has a category twice")
        return self


class InputState(State):
    """Input columns and texts that stand for a missing value."""

    columns: Annotated[list[ColumnState], Field(min_length=1), InParts]
    missing: Annotated[list[str], InParts]
    impute: bool
    named: bool
    zeros: Annotated[list[Annotated[int, Field(ge=0)]], InParts] = []  # encoded columns that are always 0; absent in files of 0.3

    @model_validator(mode="after")
    def _consistent(self) -> InputState:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError("two columns have the same name")
        return self


class TargetState(State):
    """Target columns and the meaning of the network's outputs."""

    task: Task
    form: Form
    names: Annotated[list[Annotated[str, AfterValidator(same_form)]], Field(min_length=1), InParts]
    classes: Annotated[StoredLabels | None, InParts]
    label_type: str
    outputs_per_target: Annotated[int, Field(ge=1, le=10_000)] = 1  # absent in files before 0.5, and for losses that decode nothing
    decoded_by_loss: bool = False
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    threshold_rows: Annotated[list[Annotated[int, Field(ge=0, lt=2**53)]], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TargetState:
        classed = self.form != "numbers"
        if classed != (self.task == "classification") or classed != bool(self.classes):
            raise ValueError(f"the form {self.form!r} does not fit the task {self.task!r} and its classes")
        if self.form == "binary" and len(self.classes or ()) != 2:
            raise ValueError(f"the form 'binary' has {len(self.classes or ())} classes")
        if self.outputs_per_target > 1 and (self.task != "regression" or not self.decoded_by_loss):
            raise ValueError("several outputs for each target need a regression that its loss decodes")
        if (self.threshold != 0.5 or self.threshold_rows is not None) and len(self.classes or ()) != 2:
            raise ValueError("a decision threshold needs two classes")
        if self.task == "multilabel" and not self.label_type:
            raise ValueError("the labels have no type")
        return self


def statistics(arrays: Mapping[str, NDArray[Any]], names: Sequence[str], size: int) -> list[NDArray[np.float64]]:
    """Return the arrays with these names. Raise ValueError if they are not `size` finite numbers each.

    The last one must not contain 0, because it is a divisor.
    """
    found = [np.asarray(arrays.get(name, np.empty(0))) for name in names]
    if any(array.dtype.kind != "f" or array.shape != (size,) for array in found):
        raise ValueError(f"the statistics {', '.join(names)} are not arrays of {size} floats")
    if not all(np.isfinite(array).all() for array in found) or not found[-1].all():
        raise ValueError("the statistics are not finite, or divide by 0")
    return [np.array(array, np.float64) for array in found]


def indices(arrays: Mapping[str, NDArray[Any]], name: str, size: int) -> NDArray[np.int64]:
    """Return an array of indices below `size`, empty if there is none. Raise ValueError if it is not valid."""
    found = arrays.get(name, np.empty(0, np.int64))
    if found.dtype.kind not in "iu" or found.ndim != 1 or (found.size and not 0 <= found.min() <= found.max() < size):
        raise ValueError(f"{name!r} does not contain indices of values")
    return found.astype(np.int64)


def first_line(error: Exception) -> str:
    """Return the cause and the path of an error in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {shortened(first['msg'])}"
    return shortened(repr(error))
