"""Names of a package that are imported when they are first used.

To load a model and predict needs a third of mlpkit: what trains, writes and reads tables is not imported for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: it imports a name from the module that is its home, and keeps it.

    Parameters
    ----------
    package : str
        Its `__name__`.
    homes : mapping of str to tuple of str
        The names by the module of the package in which they are defined.
    """
    home = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
