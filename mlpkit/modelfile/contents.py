"""Contents: what a model file holds, as plain JSON values and arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a model file.

    JSON values are dictionaries with text keys, lists, text, integers of 64 bits, finite floats, booleans and None.
    Arrays are of bool, or of integers or floats of at most 64 bits; any shape of at most 8 dimensions will do.
    The order of keys is not kept, but that of the columns of `history` is.

    Attributes
    ----------
    spec : dict
        The spec as JSON, every default written out.
    tensors : dict of str to array
        The numbers of the network by name, such as ``layers.0.weight`` of shape (inputs, units): all finite.
    preprocessing : dict
        The state of the encoders as JSON.
    arrays : dict of str to array
        The arrays of the preprocessing, by names such as ``inputs/mean``.
    history : dict of str to array of float64, shape (epochs,)
        One column per figure, NaN where nothing was measured.
    plugins : list of dict
        Where each plugin came from, and what it computed there, as `PluginRecord` says.
    metadata : dict
        JSON of the user's own.
    probe : dict of str to array
        A few encoded rows, "inputs" of shape (rows, inputs), and what the network made of them, "outputs"; or nothing.
    training : dict or None
        Where a run stands that can go on, as JSON; None in a model that is finished.
    state : dict of str to array
        The arrays of such a run, by names such as ``optimizer/momentum``.
    surrogates : dict of str to array of float64, shape (2, points)
        The tables of activations, by the names that the records of plugins have for them: values and derivatives.
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
