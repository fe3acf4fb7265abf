"""Check of arguments that are counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpkit.errors import DataError


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise DataError if an argument is no integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise DataError(f"{name} is {value!r}", help=f"give an integer of at least {least}")
