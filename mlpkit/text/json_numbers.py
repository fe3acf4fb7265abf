"""Numbers as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return numbers as JSON values: null for NaN and infinity, which JSON does not have."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
