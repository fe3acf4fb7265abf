"""Training: options of the loop and of its steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlpkit.plugin.since import Since
from mlpkit.spec.part import Count, Flag, Number, Part, Text, example
from mlpkit.spec.rate_factors import RateFactors
from mlpkit.spec.weight_average import WeightAverage


class EarlyStopping(Part):
    """Early stopping if the monitored value has not improved for `patience` epochs. The best weights are always restored.

    Without patience the run goes on to its end, as a schedule that anneals the learning rate needs, and the best weights are restored.
    """

    model_config = example({"monitor": "accuracy", "patience": 20})

    monitor: Text = Field("validation_loss", description="'validation_loss', 'training_loss' or the name of one of the metrics")
    patience: Annotated[Count | None, Since(5, values=(None,))] = Field(
        10, description="epochs without improvement; null: all epochs are trained"
    )
    min_delta: Annotated[Number, Field(ge=0)] = Field(0.0, description="smallest change that counts as an improvement")


class Checkpoint(Part):
    """Checkpoints, from which a run can be resumed. The best one is kept in addition to the most recent ones."""

    model_config = example({"minutes": 10, "keep": 2})

    folder: Annotated[Text | None, Since(4, values=(None,))] = Field(
        None,
        description="folder relative to the spec, created if missing, for one run only; default: named after the model file",
    )
    epochs: Count | None = Field(None, description="epochs between checkpoints; 1 if 'minutes' is omitted too")
    minutes: Annotated[Number, Field(gt=0)] | None = Field(None, description="minutes between checkpoints, which may fall within an epoch")
    keep: Count = Field(2, description="number of recent checkpoints to keep")

    @model_validator(mode="after")
    def _some_interval(self) -> Checkpoint:
        if self.epochs is None and self.minutes is None:
            object.__setattr__(self, "epochs", 1)
        return self


class Training(Part):
    """Options of the training loop."""

    model_config = example({"epochs": 200, "batch_size": 128, "early_stopping": {"patience": 20}})

    epochs: Count = Field(100, description="passes over the training rows")
    batch_size: Annotated[Count | Literal["auto"] | None, Since(5, values=("auto",))] = Field(
        32, description="rows per step; null: all rows; 'auto': 256, or all rows if they are fewer, stored as a number"
    )
    drop_last: Annotated[Flag, Since(5)] = Field(False, description="leave out the last batch of an epoch if it is smaller than the others")
    time_budget: Annotated[Number | None, Field(gt=0), Since(5)] = Field(
        None, description="seconds after which the run ends with its epoch; schedules of the fraction of the run then follow the clock"
    )
    shuffle: Flag = Field(True, description="shuffle the rows in each epoch")
    early_stopping: EarlyStopping | None = Field(None, description="stop when the monitored value no longer improves")
    checkpoint: Checkpoint | None = Field(None, description="options of checkpoints; null: none")
    keep_state: Annotated[Flag, Since(4)] = Field(
        False, description="save the state of the optimizer also after a finished run, so that it can be continued"
    )
    keep_residuals: Annotated[Flag, Since(5)] = Field(
        False, description="keep the errors on the validation rows in the model, for intervals of numbers and sets of classes"
    )
    weighted_metrics: Annotated[Flag, Since(4)] = Field(False, description="apply sample weights in validation metrics, as in the loss")
    training_metrics: Annotated[Flag, Since(5)] = Field(
        False, description="measure loss and metrics on the training rows too after each epoch: training_loss, training_NAME"
    )
    clip_value: Annotated[Number | None, Field(gt=0), Since(5)] = Field(
        None, description="largest absolute value of a number of the gradient"
    )
    clip_norm: Annotated[Number | None, Field(gt=0), Since(5)] = Field(
        None, description="largest Euclidean norm of the gradient of all parameters, after 'clip_value' (1211.5063)"
    )
    weight_decay: Annotated[Number, Field(ge=0), Since(5)] = Field(
        0.0, description="decoupled weight decay: in each step weights are multiplied by 1 - learning rate * weight_decay (1711.05101)"
    )
    decay_all: Annotated[Flag, Since(5)] = Field(False, description="biases, scales and shifts decay too")
    fade_from: Annotated[Number | None, Field(ge=0, lt=1), Since(5)] = Field(
        None,
        description="share of the run after which dropout, input noise and weight decay fade to 0 on a cosine, from epoch to epoch; "
        "null: they stay as they are",
    )
    learning_rate_factors: Annotated[RateFactors, Since(6)] = Field(
        RateFactors(), description="factors of the learning rate for groups of parameters"
    )
    engine: Annotated[Text | None, Since(9)] = Field(
        None,
        description="engine that computes the passes of training, such as 'fused' of the package mlpkit-fused, with other last bits; "
        "'numpy' or null: NumPy. A run that is resumed with null has the engine with which it began",
    )
    average: Annotated[WeightAverage | None, Since(5)] = Field(
        None, description="'ema' or 'swa': the model predicts with an average of the weights"
    )
