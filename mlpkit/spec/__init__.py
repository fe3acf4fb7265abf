"""The spec and its parts."""

from mlpkit.spec.parts import Checkpoint, Data, EarlyStopping, Layer, NetworkSpec, Preprocessing, Split, Training
from mlpkit.spec.spec import Spec, as_spec

__all__ = ["Checkpoint", "Data", "EarlyStopping", "Layer", "NetworkSpec", "Preprocessing", "Spec", "Split", "Training", "as_spec"]
