"""Templates of a new package: files with placeholders, included in the wheel."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from string import Template


def filled(template: str, words: Mapping[str, str]) -> str:
    """Return the text of a template in this folder with its placeholders replaced."""
    text = (resources.files(__name__) / template).read_text(encoding="utf-8")
    return Template(text).substitute(words)
