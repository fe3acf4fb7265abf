"""Options of averaged weights, with which a model predicts in place of the trained ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from mlpkit.spec.choices import Option, one_of


class ExponentialAverage(Option):
    """Exponential moving average of the weights of all steps: a = decay a + (1 - decay) w, divided by 1 - decay^t.

    Polyak & Juditsky 1992. Keras's use_ema and PyTorch's get_ema_multi_avg_fn begin with the first weights and do not divide.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "ema", "decay": 0.99}]})
    type: Literal["ema"] = Field("ema", description="kind of average")
    decay: float = Field(0.999, ge=0, lt=1, description="decay of the average in each step")


class StochasticWeightAverage(Option):
    """Stochastic weight averaging: the mean of the weights at the end of each epoch in the last part of the run.

    Izmailov et al. 2018, 1803.05407. Before `start` the trained weights are used.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "swa", "start": 0.5}]})
    type: Literal["swa"] = Field("swa", description="kind of average")
    start: float = Field(0.75, ge=0, lt=1, description="fraction of the run's epochs after which the average begins")


WeightAverage = Annotated[ExponentialAverage | StochasticWeightAverage, *one_of("average", ExponentialAverage, StochasticWeightAverage)]
