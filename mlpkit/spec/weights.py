"""Weights of classes and of targets in a spec: an object with a number above 0 for each name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from mlpkit.spec.class_labels import label_text
from mlpkit.text.shown import shortened

MOST = 10_000  # weights of an object
NUMBERS = {"type": "object", "minProperties": 1, "maxProperties": MOST, "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}


def _class_weight(value: Any) -> Any:
    """Return "balanced", or a dictionary from the texts of labels to numbers."""
    return value if value == "balanced" else _by_name(value, "class", "'balanced', or an object with a number for each class")


def _target_weights(value: Any) -> dict[str, float]:
    """Return a dictionary from the names of targets to numbers."""
    return _by_name(value, "target", "an object with a number for each target that does not weigh 1")


def _by_name(value: Any, kind: Literal["class", "target"], wanted: str) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise PydanticCustomError("weights", "{message}", {"message": f"should be {wanted}"})
    if len(value) > MOST:
        raise PydanticCustomError("weights", "{message}", {"message": f"has {len(value):,} weights, but at most {MOST:,} are read"})
    found: dict[str, float] = {}
    for name, weight in ((label_text(name), weight) for name, weight in value.items()):
        if name in found:
            raise _error(kind, name, "is given twice")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= sys.float_info.max:
            raise _error(kind, name, f"should be a number greater than 0, not {shortened(repr(weight), 60)}")
        found[name] = float(weight)
    return found


def _error(kind: str, name: str, problem: str) -> PydanticCustomError:
    return PydanticCustomError("weights", "{message}", {"message": f"the weight of the {kind} {shortened(repr(name), 60)} {problem}"})


class _ClassSchema:
    """Annotation of the JSON Schema of class weights."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["balanced"]}, NUMBERS]}


class _TargetSchema:
    """Annotation of the JSON Schema of target weights."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(NUMBERS)


ClassWeight = Annotated[Literal["balanced"] | dict[str, float], PlainValidator(_class_weight), _ClassSchema()]
TargetWeights = Annotated[dict[str, float], PlainValidator(_target_weights), _TargetSchema()]
