"""The templates of a new package: texts with words to fill in, which lie inside the wheel."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from string import Template


def filled(template: str, words: Mapping[str, str]) -> str:
    """The text of a template in this folder, with its words."""
    text = (resources.files(__name__) / template).read_text(encoding="utf-8")
    return Template(text).substitute(words)
