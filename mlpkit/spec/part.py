"""Base class of the parts of a spec, and types of their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from mlpkit.spec.findings import Finding, Findings
from mlpkit.text.column_names import same_form
from mlpkit.text.limits import InParts, check_keys, whole_numbers

Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True, min_length=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
_TEXT_SCHEMA = {"type": "string", "minLength": 1}
AnyColumn = Annotated[str, AfterValidator(same_form)]  # column names in files may be empty
ColumnName = Annotated[Text, AfterValidator(same_form)]
Names = Annotated[  # one column or several: "species" or ["height", "weight"]
    tuple[ColumnName, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    PlainSerializer(lambda value: value[0] if len(value) == 1 else list(value)),
    WithJsonSchema({"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA, "minItems": 1}]}),
    Field(min_length=1),
    InParts,
]


P = TypeVar("P", bound="Part")


def each_once(value: Any) -> Any:
    """Return the value; raise ValueError for a column that appears in two Unicode forms."""
    names = [same_form(name) for name in value if isinstance(name, str)] if isinstance(value, Mapping) else []
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValueError(f"names the column {twice!r} twice, in two Unicode forms")
    return value


def example(value: Mapping[str, Any]) -> ConfigDict:
    """Return the configuration of a part with an example, for its JSON Schema and models/SPEC.md."""
    return ConfigDict(json_schema_extra={"examples": [dict(value)]})


class Part(BaseModel):
    """Part of a spec: frozen, with an error for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: Any) -> Any:
        check_keys(value, cls.model_fields)
        return whole_numbers(value, cls.model_fields)


def raise_any(part: P, found: list[Finding]) -> P:
    """Return the part, or raise all findings at once."""
    if found:
        raise Findings(found)
    return part
