"""JSON formatting for readers: a value that fits on one line is written on one line."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 100


def pretty(value: Any, *, ascii: bool = False, indent: str = "", used: int = 0) -> str:
    """Return JSON text with line breaks only in values longer than `WIDTH`.

    Parameters
    ----------
    value : JSON value
    ascii : bool
        True to escape non-ASCII characters.
    indent : str
        Indentation of the value's closing bracket.
    used : int
        Number of characters before the value on its first line.
    """
    flat = json.dumps(value, ensure_ascii=ascii)
    if len(indent) + used + len(flat) <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return flat
    inner = indent + "  "
    keys = [f"{json.dumps(key, ensure_ascii=ascii)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    items = value.values() if isinstance(value, dict) else value
    lines = [f"{inner}{key}{pretty(item, ascii=ascii, indent=inner, used=len(key) + 1)}" for key, item in zip(keys, items, strict=True)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, ",\n".join(lines), indent + closing])
