"""Options of batch and layer normalization. The engine implements them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError


class BatchNormalization(BaseModel):
    """Batch normalization: pre-activations are standardized per unit over the batch, then scaled and shifted.

    Predictions use running averages of mean and variance. Ioffe & Szegedy 2015, 1502.03167. As in PyTorch, the running variance is
    unbiased. `momentum` is the share of the old average that is kept (PyTorch: 1 - momentum).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra={"examples": [{"type": "batch", "momentum": 0.99}]}
    )
    type: Literal["batch"] = Field("batch", description="kind of normalization")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the running averages that is kept in each step")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance for stability")


class LayerNormalization(BaseModel):
    """Layer normalization: the pre-activations of each row are standardized over the units, then scaled and shifted.

    Training and prediction are the same. Ba, Kiros & Hinton 2016, 1607.06450.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra={"examples": [{"type": "layer", "epsilon": 1e-6}]}
    )
    type: Literal["layer"] = Field("layer", description="kind of normalization")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance for stability")


_KINDS: dict[str, type[BatchNormalization] | type[LayerNormalization]] = {"batch": BatchNormalization, "layer": LayerNormalization}


def _check(value: Any) -> BatchNormalization | LayerNormalization:
    """Return the options for a name, or for a mapping with ``type`` and options."""
    if isinstance(value, (BatchNormalization, LayerNormalization)):
        return value
    options = {"type": value} if isinstance(value, str) else value
    name = options.get("type") if isinstance(options, Mapping) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise PydanticCustomError("normalization", "should be 'batch' or 'layer', or an object with one of these as its type, and options")
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        raise PydanticCustomError("plugin_options", "wrong options", {"plugin": kind, "error": error}) from error


class _Schema:
    """Annotation whose JSON Schema is generated on demand."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": [*_KINDS]}, *(kind.model_json_schema() for kind in _KINDS.values())]}


Normalization = Annotated[
    BatchNormalization | LayerNormalization,
    PlainValidator(_check),
    PlainSerializer(lambda value: value.model_dump()),
    _Schema(),
]
