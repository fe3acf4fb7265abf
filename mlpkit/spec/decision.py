"""Decision: the threshold of a probability from which the second of two classes is predicted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlpkit.spec.part import Number, Part, example

Criterion = Literal["f1", "balanced_accuracy"]


class Decision(Part):
    """Decision between two classes: the second one is predicted if its probability is above the threshold.

    A criterion is maximized on the validation rows, with the weights of the finished model. With fewer than 20 rows of the second class
    among them the threshold stays 0.5, with a warning.
    """

    model_config = example({"threshold": "f1"})

    threshold: Criterion | Annotated[Number, Field(gt=0, lt=1)] = Field(
        description="a number, or the criterion that chooses it: 'f1' or 'balanced_accuracy'"
    )
