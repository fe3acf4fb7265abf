"""Class labels in a spec, and the weights of classes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from mlpkit.text.limits import InParts
from mlpkit.text.shown import shortened

MOST_CLASSES = 10_000  # in a mapping of weights

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


def _check_weight(value: Any) -> Any:
    """Return "balanced", or a dictionary from the texts of labels to numbers."""
    if value == "balanced":
        return value
    if not isinstance(value, Mapping) or not value or len(value) > MOST_CLASSES:
        raise PydanticCustomError("class_weight", "should be 'balanced', or an object with a number for each class")
    found: dict[str, float] = {}
    for label, weight in ((label_text(label), weight) for label, weight in value.items()):
        if label in found:
            raise _weight_error(label, "is given twice")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= sys.float_info.max:
            raise _weight_error(label, f"should be a number greater than 0, not {shortened(repr(weight), 60)}")
        found[label] = float(weight)
    return found


def _weight_error(label: str, problem: str) -> PydanticCustomError:
    return PydanticCustomError("class_weight", "{message}", {"message": f"the weight of the class {shortened(repr(label), 60)} {problem}"})


class _Schema:
    """Annotation of the JSON Schema of class weights."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        numbers = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}
        return {"anyOf": [{"enum": ["balanced"]}, numbers]}


Labels = Annotated[tuple[Label, ...], Field(min_length=2), InParts, AfterValidator(_distinct)]
ClassWeight = Annotated[Literal["balanced"] | dict[str, float], PlainValidator(_check_weight), _Schema()]
