"""Source of an export: the parts of a model that make its predictions, in the form of models/FORMAT.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.model.model import Model
from mlpkit.spec import Spec


@dataclass(frozen=True, eq=False)
class Source:
    """Parts of a model that make its predictions.

    Attributes
    ----------
    spec : Spec
        Its `network` and `loss` have the plugins as objects.
    inputs, target : dict
        State of the preprocessing as FORMAT.md describes `preprocessing.inputs` and `preprocessing.target`.
    input_arrays, target_arrays : dict of str to array
        Arrays of the preprocessing by name, such as "center".
    members : tuple of dict of str to array
        Tensors of each network whose predictions are averaged, by name, such as "layers.0.weight", in the dtype of the spec.
    """

    spec: Spec
    inputs: Mapping[str, Any]
    input_arrays: Mapping[str, NDArray[Any]]
    target: Mapping[str, Any]
    target_arrays: Mapping[str, NDArray[Any]]
    members: tuple[Mapping[str, NDArray[Any]], ...]

    @classmethod
    def of(cls, model: Model) -> Source:
        """Return the parts of a model. Raise DataError if it has not been trained."""
        inputs, target = model.input_encoder, model.target_encoder
        if inputs is None or target is None:
            raise DataError("a model that has not been trained has no columns and no target to export", help="train it, then export it")
        networks = tuple(dict(network.parameters.views) for network in model._predicting)
        return cls(model.spec, inputs.to_state(), inputs.arrays(), target.to_state(), target.arrays(), networks)
