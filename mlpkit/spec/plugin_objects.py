"""Plugin objects in a spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from mlpkit.plugin import Plugin


def plugin_objects(part: Any) -> Iterator[Plugin]:
    """Yield every plugin object in a spec, including plugins inside plugins."""
    if isinstance(part, Plugin):
        yield part
    if isinstance(part, BaseModel):
        for _, value in part:
            yield from plugin_objects(value)
    elif isinstance(part, tuple):
        for value in part:
            yield from plugin_objects(value)
