"""Preprocessing: columns become the network's inputs, and its outputs are converted back to the units of the data.

Everything is fitted on the training rows alone and saved in the model.
"""

from mlpkit.preprocessing.input_columns import InputColumn
from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.preprocessing.target import TargetEncoder

__all__ = ["InputColumn", "InputEncoder", "TargetEncoder"]
