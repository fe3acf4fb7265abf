"""Preprocessing of the columns before the network and of its outputs after, fitted on the training rows alone."""

from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.preprocessing.schema import InputColumn
from mlpkit.preprocessing.target import TargetEncoder

__all__ = ["InputColumn", "InputEncoder", "TargetEncoder"]
