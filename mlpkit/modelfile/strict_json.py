"""The JSON of a model file: strict when read, and always the same bytes for the same values when written.

The standard parser takes NaN, 1e999, repeated keys, half surrogates and integers of any length; a model file has none.
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

LONGEST_PATH = 1000  # letters: a key may have millions, which would be copied for each value below it
SIGNS = (b",", b":", b"{", b"[")  # with each of which a value begins or a key ends


def encode(value: Any, what: str) -> bytes:
    """JSON in UTF-8, keys sorted, no spaces.

    Raises
    ------
    ModelFileError
        It holds something that JSON does not; `what` and the path to it are named.
    """
    try:
        _check(value, what, 0)
    except ValueError as error:
        raise ModelFileError(f"{error}, which a model file cannot hold", help="keep to what JSON knows") from error
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in bytes of a file; `what` is named in errors.

    Raises
    ------
    ResourceLimit
        It is too long.
    Corrupt
        It is not strict JSON, or not an object.
    """
    check_length(len(data), what)
    check_signs(data, what)
    try:
        text = data.decode()
        if text.startswith("\ufeff"):
            raise ValueError("it starts with a byte-order mark")
        value = json_text.parse(text, number=_finite, unique=False)
        if not _is_sound(value, text.count(":"), what):  # most are, and to look at each key and integer takes thrice the time
            value = json_text.parse(text, integer=_in_64_bits, number=_finite)
        if "\\u" in text:  # as which alone half of a surrogate pair can be written
            _check(value, what, 0)
    except (ValueError, SpecError) as error:  # a UnicodeDecodeError is a ValueError
        reason = error.message if isinstance(error, SpecError) else error
        raise Corrupt(f"{what} is not strict JSON: {reason}", rule=Rule.JSON) from error
    if not isinstance(value, dict):
        raise Corrupt(f"{what} is not a JSON object", rule=Rule.TEXT)
    return value


def check_length(size: int, what: str) -> None:
    """Raise ResourceLimit for JSON that is too long."""
    if size > MAX_JSON_BYTES:
        raise ResourceLimit(f"{what} has {size} bytes, more than {MAX_JSON_BYTES}", rule=Rule.LIMITS)


def check_signs(data: bytes, what: str) -> None:
    """Raise ResourceLimit for JSON of too many values: one is some hundred times as large as the two bytes it may need."""
    most = min(MAX_JSON_SIGNS_OF_LONG, max(MAX_JSON_SIGNS, len(data) // LONG_SIGN_BYTES))
    if sum(map(data.count, SIGNS)) > most:
        raise ResourceLimit(f"{what} has more than {most} values", rule=Rule.LIMITS)


def _in_64_bits(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"{text[:30]} is an integer of more than 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:30]} is too large a number")
    return value


def _is_sound(value: Any, colons: int, what: str) -> bool:
    """Return whether no integer of a value is too large, and it has as many keys as its text has colons, so that none was repeated.

    Raises ValueError when it is nested too deep.
    """
    level, keys = [value], 0
    for _ in range(MAX_JSON_DEPTH + 1):
        if not all(-(2**63) <= item < 2**64 for item in level if type(item) is int):
            return False
        containers = [item for item in level if type(item) in (dict, list)]
        if not containers:
            return keys == colons
        keys += sum(len(item) for item in containers if type(item) is dict)
        level = [inner for item in containers for inner in (item.values() if type(item) is dict else item)]
    raise ValueError(f"{what} is nested deeper than {MAX_JSON_DEPTH}")


def _check(value: Any, path: str, depth: int) -> None:
    """Raise ValueError for what strict JSON cannot hold, naming the path to it."""
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
            raise ValueError(f"{path} is an integer of more than 64 bits")
    elif value is not None:
        _check_text(value, path)


def _check_text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{path} is of type {type(value).__name__}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{path} has half of a surrogate pair")
