"""Contents of a model file, as plain JSON values and arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.modelfile.constants import SPEC_SCHEMA


@dataclass(frozen=True, eq=False)
class Contents:
    """Contents of a model file.

    JSON values are dictionaries with string keys, lists, strings, 64-bit integers, finite floats, booleans and None. Arrays are of bool,
    or of integers or floats of at most 64 bits, with at most 8 dimensions. The order of keys is not kept, except for the columns of
    `history`.

    Attributes
    ----------
    spec : dict
        Spec as JSON. Later keys may be left out at their default.
    spec_schema : int
        Schema of the spec.
    tensors : dict of str to array
        Parameters and statistics of the network by name, such as ``layers.0.weight`` of shape (inputs, units). All values are finite.
    preprocessing : dict
        State of the encoders as JSON.
    arrays : dict of str to array
        Arrays of the preprocessing, by names such as ``inputs/mean``.
    history : dict of str to array of float64, shape (epochs,)
        One column per figure, NaN for epochs in which it was not measured.
    plugins : list of dict
        Origin and check values of each plugin, in the form of `PluginRecord`.
    metadata : dict
        JSON of the user.
    probe : dict of str to array
        Self-test: a few encoded rows, "inputs" of shape (rows, inputs), and the network's "outputs" for them; or empty.
    training : dict or None
        Progress of a run that can be resumed, as JSON; None in a finished model.
    state : dict of str to array
        Arrays of such a run, by names such as ``optimizer/momentum``.
    surrogates : dict of str to array of float64, shape (2, points)
        Lookup tables of activations (values and derivatives), by the names used in the records of plugins.
    features : list of str
        Features that a reader has to know.
    """

    spec: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    preprocessing: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    history: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    plugins: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    probe: dict[str, NDArray[Any]] = field(default_factory=dict)
    training: dict[str, Any] | None = None
    state: dict[str, NDArray[Any]] = field(default_factory=dict)
    surrogates: dict[str, NDArray[Any]] = field(default_factory=dict)
    spec_schema: int = SPEC_SCHEMA
    features: list[str] = field(default_factory=list)
