"""Embeddings: learned functions of single inputs, whose values are further inputs of the first layer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field

from mlpkit.spec.choices import Option, one_of
from mlpkit.spec.part import Names
from mlpkit.text.limits import InParts

Indices = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False), InParts]
Levels = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False), InParts]


class _Embedding(Option):
    """Options that all embeddings have."""

    since: ClassVar[int] = 6  # the spec schema
    type: str
    columns: Annotated[Names | None, Field(strict=False)] = Field(None, description="names of the columns; null: all that it can embed")
    inputs: Indices | None = Field(None, description="indices of the embedded inputs, from 0; default: determined by the data")

    @property
    def width(self) -> int:
        """Number of inputs that the embedding adds to those of the first layer."""
        raise NotImplementedError

    @property
    def cells(self) -> int:
        """About the number of values that are computed for a row."""
        return self.width


class NumberEmbedding(_Embedding):
    """Embedding of numbers, each with parameters of its own: a linear map of several features of the number."""

    units: int = Field(ge=1, le=256, description="values that each number becomes, beside itself")

    @property
    def features(self) -> int:
        """Number of features of each number."""
        raise NotImplementedError

    @property
    def cells(self) -> int:
        """About the number of values that are computed for a row."""
        return self.features * len(self.inputs or ()) + self.width

    @property
    def width(self) -> int:
        """Number of inputs that the embedding adds to those of the first layer."""
        return self.units * len(self.inputs or ())


class PBLD(NumberEmbedding):
    """Periodic embedding with bias: the cosines cos(2 pi f x + p), then a linear map with bias, beside the number x itself.

    Each number has its own trained frequencies f, normal with deviation `scale`, phases p, uniform from -pi to pi, and map, whose weights
    and biases are uniform in +-1/sqrt(frequencies). Holzmueller, Grinsztajn & Steinwart 2024, 2407.04491 (RealMLP).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "pbld", "frequencies": 16, "units": 3, "scale": 0.1}]})
    type: Literal["pbld"] = Field("pbld", description="kind of embedding")
    frequencies: int = Field(16, ge=1, le=256, description="cosines of each number")
    scale: float = Field(0.1, gt=0, description="standard deviation of the initial frequencies")
    units: int = Field(3, ge=1, le=256, description="values that each number becomes, beside itself")

    @property
    def features(self) -> int:
        """Number of features of each number."""
        return self.frequencies


class Periodic(NumberEmbedding):
    """Periodic embedding: sin(2 pi f x) and cos(2 pi f x), then a linear map with bias and ReLU, beside the number x itself.

    Each number has its own trained frequencies f, normal with deviation `scale`, and map, whose weights and biases are uniform in
    +-1/sqrt(2 frequencies). Gorishniy, Rubachev & Babenko 2022, 2203.05556 ("PLR", which has no x beside it).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "periodic", "frequencies": 16, "scale": 0.05}]})
    type: Literal["periodic"] = Field("periodic", description="kind of embedding")
    frequencies: int = Field(16, ge=1, le=256, description="sines and as many cosines of each number")
    scale: float = Field(0.1, gt=0, description="standard deviation of the initial frequencies")
    units: int = Field(8, ge=1, le=256, description="values that each number becomes, beside itself")

    @property
    def features(self) -> int:
        """Number of features of each number."""
        return 2 * self.frequencies


class PiecewiseLinear(NumberEmbedding):
    """Piecewise-linear embedding: the place of the number in each of several bins, then a linear map with bias, beside the number itself.

    The place of x in the bin from a to b is (x - a) / (b - a), limited to the range from 0 to 1. The edges are quantiles of the training
    rows and are not trained; weights and biases are uniform in +-1/sqrt(bins). Gorishniy, Rubachev & Babenko 2022, 2203.05556, where the
    first and the last bin are unbounded, and there is no x beside it.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "piecewise_linear", "bins": 16, "units": 4}]})
    type: Literal["piecewise_linear"] = Field("piecewise_linear", description="kind of embedding")
    bins: int = Field(8, ge=2, le=256, description="bins of each number")
    units: int = Field(4, ge=1, le=256, description="values that each number becomes, beside itself")

    @property
    def features(self) -> int:
        """Number of features of each number."""
        return self.bins


class CategoryEmbedding(_Embedding):
    """Vectors of categories: each level of a column with the treatment "embed" has a trained vector, which replaces its number.

    Values without a vector of their own share one: those that are not in the training rows, and missing values if training had none.
    Initial values are uniform in +-1/sqrt(units), and 0 for that vector. Guo & Berkhahn 2016, 1604.06737.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "category", "units": 8}]})
    type: Literal["category"] = Field("category", description="kind of embedding")
    units: int = Field(8, ge=1, le=256, description="length of each vector")
    levels: Levels | None = Field(None, description="number of levels of each embedded input; default: determined by the data")

    @property
    def width(self) -> int:
        """Number of inputs that the embedding adds to those of the first layer."""
        return self.units * len(self.inputs or ())


AnyEmbedding: TypeAlias = PBLD | Periodic | PiecewiseLinear | CategoryEmbedding
Embedding = Annotated[AnyEmbedding, *one_of("embedding", PBLD, Periodic, PiecewiseLinear, CategoryEmbedding)]
