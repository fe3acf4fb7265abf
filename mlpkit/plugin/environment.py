"""Environment variables that select the installed plugins and the handling of doubtful ones.

MLPKIT_PLUGINS: ``0`` to use built-ins only, or a comma-separated list of the distributions to use.
MLPKIT_STRICT_PLUGINS: ``1`` to raise an error where plugins are ignored or cause a warning otherwise.
MLPKIT_KERNELS: ``0`` to take all steps of optimizers with NumPy, ``1`` to ask for kernels in short runs too.
"""

from __future__ import annotations

import os
import re

PLUGINS, STRICT, KERNELS = "MLPKIT_PLUGINS", "MLPKIT_STRICT_PLUGINS", "MLPKIT_KERNELS"


def normalized(distribution: str) -> str:
    """Return the normalized name of a distribution (PEP 503): ``My_Plugin`` is ``my-plugin``."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def counts(distribution: str) -> bool:
    """Return True if the plugins of an installed distribution are used."""
    chosen = os.environ.get(PLUGINS, "").strip()
    if not chosen:
        return True
    return chosen != "0" and distribution in {normalized(name.strip()) for name in chosen.split(",")}


def strict() -> bool:
    """Return True if plugin warnings are raised as errors."""
    return os.environ.get(STRICT, "").strip() not in ("", "0")
