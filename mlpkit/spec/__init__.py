"""Spec: an immutable tree of values that describes network, loss, optimizer, training and data.

This package also reads specs, and contains their JSON Schema and versions. A spec contains no arrays.
"""

from mlpkit.spec.parts import Checkpoint, Data, EarlyStopping, Layer, NetworkSpec, Preprocessing, Split, Training
from mlpkit.spec.spec import Spec, as_spec

__all__ = ["Checkpoint", "Data", "EarlyStopping", "Layer", "NetworkSpec", "Preprocessing", "Spec", "Split", "Training", "as_spec"]
