"""JSON of a model file: parsed strictly, and written deterministically.

The standard parser accepts NaN, 1e999, repeated keys, unpaired surrogates and integers of any length, none of which is valid here.
"""

from __future__ import annotations

import json
import math
from typing import Any

from mlpkit.errors import Corrupt, ModelFileError, ResourceLimit, SpecError
from mlpkit.modelfile.constants import LONG_SIGN_BYTES, MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_JSON_SIGNS, MAX_JSON_SIGNS_OF_LONG
from mlpkit.modelfile.rules import Rule
from mlpkit.text import json_text
from mlpkit.text.shown import shortened

LONGEST_PATH = 1000  # characters: a key may have millions, which would be copied for each value below it
SIGNS = (b",", b":", b"{", b"[")  # each begins a value or ends a key


def encode(value: Any, label: str) -> bytes:
    """Return a value as JSON in UTF-8 with sorted keys and without spaces.

    Raises
    ------
    ModelFileError
        JSON cannot hold a value; the message names `label` and the path to the value.
    """
    try:
        _check(value, label, 0)
    except ValueError as error:
        raise ModelFileError(f"{error}, which a model file cannot store", help="use values of JSON only") from error
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(data: bytes, label: str) -> dict[str, Any]:
    """Return the JSON object in bytes of a file; errors name it by `label`.

    Raises
    ------
    ResourceLimit
        The text is too long.
    Corrupt
        The text is not strict JSON, or not an object.
    """
    check_length(len(data), label)
    check_signs(data, label)
    try:
        text = data.decode()
        if text.startswith("\ufeff"):
            raise ValueError("it starts with a byte-order mark")
        if "\\u" in text:  # unpaired surrogates can only be written as escapes, and so can colons that the text does not show
            value = json_text.parse(text, integer=_in_64_bits, number=_finite)
            _check(value, label, 0)
        else:
            value = json_text.parse(text, number=_finite, unique=False)
            if not _is_sound(value, text.count(":"), label):  # invalid; parsing with a check of each value takes three times as long
                value = json_text.parse(text, integer=_in_64_bits, number=_finite)
    except (ValueError, SpecError) as error:  # a UnicodeDecodeError is a ValueError
        reason = error.message if isinstance(error, SpecError) else error
        raise Corrupt(f"{label} is not strict JSON: {reason}", rule=Rule.JSON) from error
    if not isinstance(value, dict):
        raise Corrupt(f"{label} is not a JSON object", rule=Rule.TEXT)
    return value


def check_length(size: int, label: str) -> None:
    """Raise ResourceLimit if the JSON text is too long."""
    if size > MAX_JSON_BYTES:
        raise ResourceLimit(f"{label} has {size} bytes, more than {MAX_JSON_BYTES}", rule=Rule.LIMITS)


def check_signs(data: bytes, label: str) -> None:
    """Raise ResourceLimit if the JSON text has too many values: a Python object is about 100 times as large as its text."""
    most = min(MAX_JSON_SIGNS_OF_LONG, max(MAX_JSON_SIGNS, len(data) // LONG_SIGN_BYTES))
    if sum(map(data.count, SIGNS)) > most:
        raise ResourceLimit(f"{label} has more than {most} values", rule=Rule.LIMITS)


def _in_64_bits(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"{text[:30]} is an integer that needs more than 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:30]} is too large a number")
    return value


def _is_sound(value: Any, colons: int, label: str) -> bool:
    """Return True if no integer is too large and no key is repeated.

    The colons after keys and in texts are compared with those of the JSON text, which has no escapes. Raises ValueError if the value
    is nested too deep.
    """
    level, found = [value], 0
    for _ in range(MAX_JSON_DEPTH + 1):
        if not all(-(2**63) <= item < 2**64 for item in level if type(item) is int):
            return False
        found += sum(item.count(":") for item in level if type(item) is str)
        containers = [item for item in level if type(item) in (dict, list)]
        if not containers:
            return found == colons
        found += sum(1 + key.count(":") for item in containers if type(item) is dict for key in item)
        level = [inner for item in containers for inner in (item.values() if type(item) is dict else item)]
    raise ValueError(f"{label} is nested deeper than {MAX_JSON_DEPTH}")


def _check(value: Any, path: str, depth: int) -> None:
    """Raise ValueError that names the path to a value that strict JSON cannot hold."""
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"{path[:60]}... is nested deeper than {MAX_JSON_DEPTH}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, f"a key of {path}")
            _check(item, shortened(f"{path}.{key}", LONGEST_PATH), depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value}")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"{path} is an integer that needs more than 64 bits")
    elif value is not None:
        _check_text(value, path)


def _check_text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{path} is of type {type(value).__name__}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{path} has half of a surrogate pair")
