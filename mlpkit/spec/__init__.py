"""Spec: an immutable tree of values that describes network, loss, optimizer, training and data.

This package also reads specs, and contains their JSON Schema and versions. A spec contains no arrays.
"""

from mlpkit.spec.data import Data, Split
from mlpkit.spec.network import Layer, NetworkSpec
from mlpkit.spec.preprocessing import Preprocessing
from mlpkit.spec.spec import Spec, as_spec
from mlpkit.spec.training import Checkpoint, EarlyStopping, Training

__all__ = ["Checkpoint", "Data", "EarlyStopping", "Layer", "NetworkSpec", "Preprocessing", "Spec", "Split", "Training", "as_spec"]
