"""Answer PyInstaller's question for the folder of the hook that tells it which parts a frozen application needs."""

from __future__ import annotations

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Return the folder of the hook."""
    return [str(Path(__file__).parent)]
