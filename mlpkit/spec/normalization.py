"""Options of batch, layer and RMS normalization. The engine implements them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from mlpkit.spec.choices import Option, one_of


class BatchNormalization(Option):
    """Batch normalization: pre-activations are standardized per unit over the batch, then scaled and shifted.

    Predictions use running averages of mean and variance. Ioffe & Szegedy 2015, 1502.03167. As in PyTorch, the running variance is
    unbiased. `momentum` is the share of the old average that is kept (PyTorch: 1 - momentum).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "batch", "momentum": 0.99}]})
    type: Literal["batch"] = Field("batch", description="kind of normalization")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the running averages that is kept in each step")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance for stability")


class LayerNormalization(Option):
    """Layer normalization: the pre-activations of each row are standardized over the units, then scaled and shifted.

    Training and prediction are the same. Ba, Kiros & Hinton 2016, 1607.06450.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "layer", "epsilon": 1e-6}]})
    type: Literal["layer"] = Field("layer", description="kind of normalization")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance for stability")


class RMSNormalization(Option):
    """RMS normalization: the pre-activations of each row are divided by their root mean square over the units, then scaled.

    Training and prediction are the same; there is no shift. Zhang & Sennrich 2019, 1910.07467. PyTorch's default for epsilon is the
    machine epsilon of the dtype; Keras has 1e-6.
    """

    since: ClassVar[int] = 5  # the spec schema
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "rms", "epsilon": 1e-5}]})
    type: Literal["rms"] = Field("rms", description="kind of normalization")
    epsilon: float = Field(1e-6, gt=0, description="added to the mean square for stability")


Normalization = Annotated[
    BatchNormalization | LayerNormalization | RMSNormalization,
    *one_of("normalization", BatchNormalization, LayerNormalization, RMSNormalization),
]
