"""JSON text with places: strict parsing, and the line and column of every value.

The standard parser takes NaN and repeated keys and forgets where a value stood; errors in a spec need the place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from mlpkit.errors import Problem, SpecError

Path = tuple[str | int, ...]
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class _RepeatedKey(ValueError):
    pass


def parse(
    text: str, file: str = "", *, integer: Callable[[str], int] = int, number: Callable[[str], float] = float, unique: bool = True
) -> Any:
    """The value of a JSON text; `integer` and `number` may raise ValueError for one that they do not take.

    Raises
    ------
    SpecError
        The text is not JSON, repeats a key (unless `unique` is false: then the last counts), or has NaN or Infinity; with
        line and column where they are known.
    """
    try:
        hooks: dict[str, Any] = {"object_pairs_hook": _unique if unique else None, "parse_constant": _refuse_constant}
        return json.loads(text.removeprefix("\ufeff"), parse_int=integer, parse_float=number, **hooks)
    except json.JSONDecodeError as error:
        problem = at_offset(text, error.pos, file, f"not valid JSON: {error.msg}", "check commas, quotes and brackets there")
    except _RepeatedKey as error:
        key = str(error)
        found = list(re.finditer(re.escape(json.dumps(key)) + r"\s*:", text))
        problem = at_offset(text, found[-1].start() if found else 0, file, f"the key {key!r} is written twice", "keep one of them")
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        problem = Problem(f"not valid JSON: {reason}", file=file)
    raise SpecError(problem.message, help=problem.help, problems=[problem])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _RepeatedKey(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def at_offset(text: str, offset: int, file: str, message: str, help: str = "", path: str = "") -> Problem:
    """A problem with the line and column of an offset in a text."""
    line = text.count("\n", 0, offset) + 1
    start = text.rfind("\n", 0, offset) + 1
    source = text[start:].split("\n", 1)[0].rstrip("\r")
    return Problem(message, path, help, file, line, offset - start + 1, source)


def offsets(text: str) -> tuple[dict[Path, int], dict[Path, int]]:
    """Where each value, and each key, of a valid JSON text starts.

    Returns
    -------
    values, keys : dict of path to int
        A path is the keys and indices that lead to a value: ``("network", "layers", 0)``.
    """
    values: dict[Path, int] = {}
    keys: dict[Path, int] = {}

    def skip(at: int) -> int:
        match = _SPACE.match(text, at)
        return match.end() if match else at

    def scan(at: int, path: Path) -> int:
        values[path] = at
        if text[at] not in "{[":
            return _DECODER.raw_decode(text, at)[1]
        closing, index, at = "}" if text[at] == "{" else "]", 0, skip(at + 1)
        while text[at] != closing:
            child: Path = (*path, index)
            if closing == "}":
                key, end = _DECODER.raw_decode(text, at)
                child = (*path, key)
                keys[child] = at
                at = skip(skip(end) + 1)
            at = skip(scan(at, child))
            at, index = (skip(at + 1) if text[at] == "," else at), index + 1
        return at + 1

    scan(skip(1 if text.startswith("\ufeff") else 0), ())
    return values, keys
