"""Treatment of an input column: a scaling of numbers, dates, one-hot, embedded or ignored; a name, or an object with its options.

The preprocessing implements it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from mlpkit.spec.choices import Option, one_of

Clip = Annotated[float, Field(gt=0)] | Literal["smooth"] | None


class Scaling(Option):
    """Scaling of numbers, fitted on the training rows.

    The option `clip` keeps a value far outside the training rows from dominating a prediction. It applies to the scaled value x: "smooth"
    is x / sqrt(1 + (x / 3)^2), which is between -3 and 3 and close to x for small values; a number c is max(-c, min(x, c)).
    """

    since: ClassVar[int] = 5  # the spec schema
    type: str
    clip: Clip = Field(None, description="limit of the scaled values: 'smooth' bends them into (-3, 3), a number c cuts them at -c and c")


class Standardize(Scaling):
    """Numbers are scaled to mean 0 and standard deviation 1: (x - mean) / deviation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "standardize", "clip": "smooth"}]})
    type: Literal["standardize"] = Field("standardize", description="kind of scaling")


class Robust(Scaling):
    """Numbers are scaled by their median and interquartile range, which outliers do not change: (x - median) / (q75 - q25).

    If the quartiles are equal but for rounding, as in a column that is mostly 0, the range between the deciles replaces theirs, then from 5
    to 95 %, from 1 to 99 %, and finally the standard deviation.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "robust", "clip": "smooth"}]})
    type: Literal["robust"] = Field("robust", description="kind of scaling")


class MinMax(Scaling):
    """Numbers are scaled to the range from 0 to 1 in the training rows: (x - min) / (max - min)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "min_max", "clip": 2}]})
    type: Literal["min_max"] = Field("min_max", description="kind of scaling")


class Quantile(Scaling):
    """Numbers become normal scores of their ranks: piecewise linear between quantiles of the training rows, constant beyond them.

    The knot of the share p, from 0 to 1, gets the number z that a standard normal variable is below with probability p. The smallest
    and the largest value count as p = 1 / (2 knots) and 1 - 1 / (2 knots); equal knots become one, with the mean of their z.
    It makes any distribution normal, and smooth relations less smooth. Compare scikit-learn's QuantileTransformer.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "quantile", "knots": 200}]})
    type: Literal["quantile"] = Field("quantile", description="kind of scaling")
    knots: int = Field(200, ge=2, le=1000, description="number of quantiles")


class Bins(Scaling):
    """Piecewise-linear encoding: each standardized number is followed by one input per bin, with its place in the bin.

    The place of x in the bin from a to b is (x - a) / (b - a), limited to the range from 0 to 1. A linear layer can therefore represent any
    function that is linear in each bin. Edges are quantiles, or the thresholds of a small decision tree that predicts the target from this
    number alone. Gorishniy, Rubachev & Babenko 2022, 2203.05556; there the first and the last bin are unbounded, and there is no number.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "bins", "count": 8, "edges": "tree", "clip": "smooth"}]})
    type: Literal["bins"] = Field("bins", description="kind of scaling")
    count: int = Field(8, ge=2, le=256, description="number of bins, fewer if edges are equal")
    edges: Literal["quantiles", "tree"] = Field("quantiles", description="'quantiles', or 'tree': thresholds of a decision tree")


class Unscaled(Scaling):
    """Numbers stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "none", "clip": 10}]})
    type: Literal["none"] = Field("none", description="kind of scaling")


class Date(Scaling):
    """Dates become numbers, each scaled to mean 0 and standard deviation 1, and one indicator of missing dates.

    The numbers are the days since 1970-01-01 with the fraction of the day, year, month, weekday (Monday is 0), sine and cosine of
    2 pi (d - 1) / 365.25 for the day of the year d from 1 to 366, and sine and cosine of 2 pi f for the fraction f of the day. Numbers that
    are equal in all training rows are left out, such as those of the time of day if each row has midnight; the days remain.

    Dates are datetime values, or texts such as 2024-03-01, 2024-03-01T12:30 and 2024-03-01T12:30+01:00, of the years 1 to 9999. A date
    without a time is its first moment. Times with a time zone become those of UTC.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "date", "clip": "smooth"}]})
    type: Literal["date"] = Field("date", description="kind of treatment")


PAIRS = (  # words for true and false in several languages
    *(("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("on", "off"), ("1", "0"), ("ja", "nein"), ("j", "n"), ("wahr", "falsch")),
    *(("oui", "non"), ("vrai", "faux"), ("si", "no"), ("sí", "no"), ("sim", "não"), ("sim", "nao")),
)
TRUE = tuple(dict.fromkeys(true for true, _ in PAIRS))
FALSE = tuple(dict.fromkeys(false for _, false in PAIRS))
Lower = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(lambda text: text.strip().lower())]
WordList = Annotated[
    tuple[Lower, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value), Field(min_length=1)
]


class Boolean(Option):
    """Words for true and false become 1 and 0, read in any case and with blanks around them; so do booleans, and the numbers 1 and 0."""

    since: ClassVar[int] = 6
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "boolean", "true": ["passed"], "false": ["failed"]}]})
    type: Literal["boolean"] = Field("boolean", description="kind of treatment")
    true: WordList = Field(TRUE, description="words for true")
    false: WordList = Field(FALSE, description="words for false")

    @model_validator(mode="after")
    def _different(self) -> Boolean:
        if both := sorted(set(self.true) & set(self.false)):
            raise ValueError(f"the word {both[0]!r} stands for true and for false")
        return self


class OneHot(Option):
    """One 0/1 column for each distinct value."""

    type: Literal["one_hot"] = Field("one_hot", description="kind of treatment")


class Embed(Option):
    """Each distinct value becomes the number of its level, which an embedding of the type "category" replaces by a trained vector.

    The levels are the values of at least `fewest` training rows, in sorted order, numbered from 0, then that of missing values if as many
    rows have none. All other values share one vector: rarer ones, which train it, and those that are not in the training rows.
    `network.embeddings` needs an entry {"type": "category"}.
    """

    since: ClassVar[int] = 6  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "embed", "fewest": 5}]})
    type: Literal["embed"] = Field("embed", description="kind of treatment")
    fewest: int = Field(2, ge=1, description="fewest training rows of a value with a vector of its own; 1: each value has one")


class Ignore(Option):
    """The column is not an input."""

    type: Literal["ignore"] = Field("ignore", description="kind of treatment")


SCALINGS = (Standardize, Robust, MinMax, Quantile, Bins, Unscaled)
OLDER = ("standardize", "none", "one_hot", "ignore")  # names of schema 3
NEWER = (("boolean", 6), ("embed", 6))  # and those of schemas after 5
ScalingName = Literal["standardize", "robust", "min_max", "quantile", "bins", "none"]
AnyScaling = Standardize | Robust | MinMax | Quantile | Bins | Unscaled
NumberScaling = Annotated[ScalingName | AnyScaling, *one_of("numbers", *SCALINGS, short=True)]
Treatment = Annotated[
    ScalingName | Literal["date", "boolean", "one_hot", "embed", "ignore"] | AnyScaling | Date | Boolean | Embed,
    *one_of("treatment", *SCALINGS, Date, Boolean, OneHot, Embed, Ignore, short=True),
]


def scaling_of(written: ScalingName | AnyScaling) -> AnyScaling:
    """Return a scaling with its options, from its name or itself."""
    return next(kind() for kind in SCALINGS if kind().type == written) if isinstance(written, str) else written


def boolean_of(written: object) -> Boolean | None:
    """Return the options of a treatment that is "boolean", and None for another one."""
    return Boolean() if written == "boolean" else written if isinstance(written, Boolean) else None


def date_of(written: object) -> Date | None:
    """Return the options of a treatment that is "date", and None for another one."""
    return Date() if written == "date" else written if isinstance(written, Date) else None


def embed_of(written: object) -> Embed | None:
    """Return the options of a treatment that is "embed", and None for another one."""
    return Embed() if written == "embed" else written if isinstance(written, Embed) else None
