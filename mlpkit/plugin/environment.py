"""Switches: what of the installed plugins counts, as the environment says.

MLPKIT_PLUGINS: ``0`` for none but mlpkit's own, or the distributions that count, with commas between them.
MLPKIT_STRICT_PLUGINS: ``1`` makes an error of what is else passed over or warned of.
"""

from __future__ import annotations

import os
import re

PLUGINS, STRICT = "MLPKIT_PLUGINS", "MLPKIT_STRICT_PLUGINS"


def normalized(distribution: str) -> str:
    """The name of a distribution as it compares: ``My_Plugin`` is ``my-plugin`` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def counts(distribution: str) -> bool:
    """Return whether the plugins of an installed distribution count."""
    chosen = os.environ.get(PLUGINS, "").strip()
    if not chosen:
        return True
    return chosen != "0" and distribution in {normalized(name.strip()) for name in chosen.split(",")}


def strict() -> bool:
    """Return whether what is doubtful is an error."""
    return os.environ.get(STRICT, "").strip() not in ("", "0")
