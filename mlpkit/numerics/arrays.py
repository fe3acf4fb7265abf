"""Array types used in the contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.floating[Any]]"
Targets: TypeAlias = "NDArray[Any]"
