"""Objects as arrays that processes share: pickled once, with their own arrays beside them, which workers map without a copy.

The arrays come from the process that has started the worker. They are never those of a file.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT, BUFFER = "object", "object."


def as_arrays(value: Any) -> dict[str, NDArray[np.uint8]]:
    """Return an object as arrays of bytes by name."""
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    found = {TEXT: np.frombuffer(text, np.uint8)}
    return found | {f"{BUFFER}{number}": np.frombuffer(buffer.raw(), np.uint8) for number, buffer in enumerate(buffers)}


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the object of such arrays. Its own arrays are read-only views into them."""
    count = sum(name.startswith(BUFFER) for name in arrays)
    return pickle.loads(arrays[TEXT].data, buffers=[arrays[f"{BUFFER}{number}"].data for number in range(count)])
