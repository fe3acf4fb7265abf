"""Options of weight constraints. Training applies them after each step."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from mlpkit.spec.choices import Option, one_of


class MaxNorm(Option):
    """Maximum norm: the weights of each unit are shortened to the Euclidean norm `value` if they are longer.

    Srebro, Rennie & Jaakkola 2005; Srivastava et al. 2014. As Keras's MaxNorm for each column of the weights.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "max_norm", "value": 3.0}]})
    type: Literal["max_norm"] = Field("max_norm", description="kind of constraint")
    value: float = Field(2.0, gt=0, description="largest norm of the weights of a unit")


class UnitNorm(Option):
    """Unit norm: the weights of each unit are divided by their Euclidean norm."""

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "unit_norm"}]})
    type: Literal["unit_norm"] = Field("unit_norm", description="kind of constraint")


class NonNegative(Option):
    """No negative weights: they are set to 0. With increasing activations the network then increases in every input."""

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "non_negative"}]})
    type: Literal["non_negative"] = Field("non_negative", description="kind of constraint")


WeightConstraint = Annotated[MaxNorm | UnitNorm | NonNegative, *one_of("weight_constraint", MaxNorm, UnitNorm, NonNegative)]
