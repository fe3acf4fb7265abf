"""Fields whose value is one of several kinds of options, each a name or an object with its name as `type`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError


class Option(BaseModel):
    """Base class of one kind of options; its field `type` has the name as the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Schema:
    """Annotation whose JSON Schema is generated on demand."""

    def __init__(self, kinds: Mapping[str, type[Option]], number: Mapping[str, Any] | None) -> None:
        self.kinds, self.number = kinds, number

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        names = [name for name, kind in self.kinds.items() if not any(field.is_required() for field in kind.model_fields.values())]
        number = [] if self.number is None else [dict(self.number)]
        objects = [kind.model_json_schema() for kind in self.kinds.values()]
        objects = [{**schema, "required": sorted({"type", *schema.get("required", ())})} for schema in objects]
        return {"anyOf": [*number, *([{"enum": names}] if names else []), *objects]}


def one_of(field: str, *kinds: type[Option], number: Mapping[str, Any] | None = None, short: bool = False) -> tuple[Any, ...]:
    """Return the annotations of a field with one of several kinds of options.

    Parameters
    ----------
    field : str
        Name of the field, for error messages.
    *kinds : type
        Options, each with a field `type`.
    number : mapping, optional
        JSON Schema of a plain number that is allowed too, with "minimum" and "exclusiveMaximum".
    short : bool
        True if the value is the name of the kind, not an object, where all options have their defaults.
    """
    by_name = {str(kind.model_fields["type"].default): kind for kind in kinds}
    names = list(by_name)
    quoted = f"{', '.join(map(repr, names[:-1]))} or {names[-1]!r}" if len(names) > 1 else repr(names[0])
    a_number = "" if number is None else f"a number from {number['minimum']} to below {number['exclusiveMaximum']}, "
    expected = f"should be {a_number}{quoted}, or an object with one of these as its type, and options"

    def check(value: Any) -> Any:
        if isinstance(value, kinds):
            return value
        if number is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            if number["minimum"] <= value < number["exclusiveMaximum"]:
                return float(value)
            raise PydanticCustomError(field, expected)
        options = {"type": value} if isinstance(value, str) else value
        name = options.get("type") if isinstance(options, Mapping) else None
        kind = by_name.get(name) if isinstance(name, str) else None
        if kind is None:
            raise PydanticCustomError(field, expected)
        try:
            found = kind.model_validate(options)
            return name if short and found == kind.model_construct() else found
        except ValidationError as error:
            raise PydanticCustomError("plugin_options", "wrong options", {"plugin": kind, "error": error}) from error

    def serialize(value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, Option) else value

    return PlainValidator(check), PlainSerializer(serialize), _Schema(by_name, number)
