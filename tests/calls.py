"""Number of function calls: a measure of work that does not depend on the machine."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from mlpkit.errors import MLPKitError


def calls(function: Callable[[], Any]) -> int:
    """Return the number of calls of Python and C functions that a function makes, also if it ends with an error of mlpkit."""
    count = 0

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    except MLPKitError:
        pass
    finally:
        sys.setprofile(before)
    return count
