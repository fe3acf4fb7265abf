"""Factors of the learning rate for groups of parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlpkit.spec.part import Number, Part, example


class RateFactors(Part):
    """Factors of the learning rate for groups of parameters, times the `learning_rate_factor` of a layer.

    Weight decay is multiplied by them too, except by "fan_in".
    """

    model_config = example({"weights": "fan_in", "biases": 0.1, "embeddings": 0.1, "input_scale": 6.0})

    weights: Literal["fan_in"] | Annotated[Number, Field(gt=0)] = Field(
        1.0,
        description="'fan_in': 1 / sqrt(inputs of the layer), as if weights were divided by it in the forward pass: "
        "the NTK parametrization (1806.07572)",
    )
    biases: Annotated[Number, Field(gt=0)] = Field(1.0, description="for biases of layers")
    embeddings: Annotated[Number, Field(gt=0)] = Field(1.0, description="for all parameters of embeddings")
    input_scale: Annotated[Number, Field(gt=0)] = Field(1.0, description="for the trained factors of the inputs")
