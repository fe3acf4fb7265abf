"""The spec: an immutable tree of values that describes network, loss, optimizer, training and data.

Reading it, its JSON Schema and its versions are here too; nothing in it holds an array.
"""

from mlpkit.spec.parts import Checkpoint, Data, EarlyStopping, Layer, NetworkSpec, Preprocessing, Split, Training
from mlpkit.spec.spec import Spec, as_spec

__all__ = ["Checkpoint", "Data", "EarlyStopping", "Layer", "NetworkSpec", "Preprocessing", "Spec", "Split", "Training", "as_spec"]
