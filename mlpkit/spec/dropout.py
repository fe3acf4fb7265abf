"""Options of dropout: a number for the usual one, or an object for its variants. The engine implements them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from mlpkit.spec.choices import Option, one_of


class AlphaDropout(Option):
    """Alpha dropout for `selu`: dropped outputs become its lowest value, and all are scaled and shifted to keep mean and variance.

    Klambauer, Unterthiner, Mayr & Hochreiter 2017, 1706.02515; as PyTorch's AlphaDropout.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "alpha", "rate": 0.1}]})
    type: Literal["alpha"] = Field("alpha", description="kind of dropout")
    rate: float = Field(ge=0, lt=1, description="share of the outputs dropped in training")


class GaussianDropout(Option):
    """Gaussian dropout: outputs are multiplied by normal numbers with mean 1 and variance rate / (1 - rate).

    Srivastava et al. 2014, section 10; as Keras's GaussianDropout.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "gaussian", "rate": 0.2}]})
    type: Literal["gaussian"] = Field("gaussian", description="kind of dropout")
    rate: float = Field(ge=0, lt=1, description="rate of the usual dropout with the same variance")


Dropout = Annotated[
    float | AlphaDropout | GaussianDropout,
    *one_of("dropout", AlphaDropout, GaussianDropout, number={"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]


def rate_of(dropout: float | AlphaDropout | GaussianDropout) -> float:
    """Return the rate; 0 for no dropout."""
    return dropout if isinstance(dropout, float) else dropout.rate
