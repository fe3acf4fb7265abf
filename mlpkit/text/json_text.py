"""JSON text with positions: strict parsing, and the line and column of every value.

The standard parser accepts NaN and repeated keys, and does not keep positions, which errors in a spec need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from mlpkit.errors import Problem, SpecError

Path = tuple[str | int, ...]
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


_PYTHON = {"True": "true", "False": "false", "None": "null"}
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')
# Integers that are too long for Python's int(). Strings, closed or not, and other numbers match as a whole, so that no character
# is read twice.
_LONG = re.compile(r'"(?:[^"\\]|\\.)*+"?|(-?[0-9]{4301,}+)(?![.eE])|[-+.0-9eE]++', re.DOTALL)


class _RepeatedKey(ValueError):
    pass


class _Constant(ValueError):
    pass


def parse(
    text: str, file: str = "", *, integer: Callable[[str], int] = int, number: Callable[[str], float] = float, unique: bool = True
) -> Any:
    """Return the value of a JSON text. `integer` and `number` may raise ValueError for values that they do not accept.

    Raises
    ------
    SpecError
        The text is not JSON, has NaN or Infinity, or repeats a key (if `unique` is False, the last value is used instead). Line and
        column are given if they are known.
    """
    try:
        hooks: dict[str, Any] = {"object_pairs_hook": _unique if unique else None, "parse_constant": _refuse_constant}
        return json.loads(text.removeprefix("\ufeff"), parse_int=integer, parse_float=number, **hooks)
    except json.JSONDecodeError as error:
        mark = len(text) - len(error.doc)
        problem = at_offset(text, error.pos + mark, file, *describe_error(error.doc, error.pos, error.msg))
    except _RepeatedKey:
        at, key = _repeated(text)
        problem = at_offset(text, at, file, f"the key {key!r} is written twice", "keep one of them")
    except _Constant as error:
        found = next(match for match in _CONSTANT.finditer(text) if match.group(1))
        problem = at_offset(
            text, found.start(), file, f"not valid JSON: {error} is not a JSON number", "write a number, or null for no value"
        )
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        problem = Problem(f"not valid JSON: {reason}", file=file)
        long = next((match for match in _LONG.finditer(text) if match.group(1)), None) if isinstance(error, ValueError) else None
        if long is not None:
            problem = at_offset(
                text, long.start(), file, f"a number of {len(long.group(1)):,} digits is too long", "write a shorter number"
            )
    raise SpecError(problem.message, help=problem.help, problems=[problem])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _RepeatedKey
    return values


def _refuse_constant(name: str) -> None:
    raise _Constant(name)


def describe_error(text: str, at: int, reason: str) -> tuple[str, str]:
    """Return a message and advice for invalid JSON, based on frequent mistakes.

    Parameters
    ----------
    text : str
    at : int
        Offset at which the parser stopped.
    reason : str
        Message of the parser.
    """
    before, rest = text[:at].rstrip(), text[at:].lstrip()
    if not text.strip():
        return "not valid JSON: it is empty", "write a spec, or create one with mlpkit init"
    bare = re.sub(r"\A(\s*#[^\n]*(\n|\Z))+", "", text)
    if not bare.lstrip().startswith(("{", "[")) and re.match(r"\s*(---|[A-Za-z_][\w$-]*\s*:(\s|$)|- )", bare):
        return "this is YAML, not JSON", "write the spec as JSON: an object in braces, with keys in double quotes"
    if re.match(r",\s*[}\]]", rest) or (rest[:1] in ("}", "]") and before.endswith(",")):
        return "not valid JSON: a comma before a closing bracket", "remove the comma"
    if rest.startswith(("//", "/*", "#")):
        return "not valid JSON: a comment, which JSON does not have", "remove the comment"
    if rest.startswith("'"):
        return "not valid JSON: single quotes", "write texts and keys in double quotes"
    if found := re.match(r"(True|False|None)\b", rest):
        return f"not valid JSON: {found[1]}", f"write {_PYTHON[found[1]]}"
    if re.match(r"[A-Za-z_]\w*\s*:", rest):
        return "not valid JSON: a key without quotes", "write keys in double quotes"
    if not rest:
        return "not valid JSON: the text ends in the middle", "close every bracket, brace and quote; check that the file is complete"
    if reason.startswith("Extra data"):
        return "not valid JSON: there is text after its end", "remove that text; a file has one object"
    return f"not valid JSON: {reason}", "check commas, quotes and brackets there"


def at_offset(text: str, offset: int, file: str, message: str, help: str = "", path: str = "") -> Problem:
    """Return a problem with the line and column of an offset in a text."""
    line = text.count("\n", 0, offset) + 1
    start = text.rfind("\n", 0, offset) + 1
    source = text[start:].split("\n", 1)[0].rstrip("\r")
    return Problem(message, path, help, file, line, offset - start + 1, source)


def offsets(text: str) -> tuple[dict[Path, int], dict[Path, int]]:
    """Return the offset of each value and each key of a valid JSON text.

    Returns
    -------
    values, keys : dict of path to int
        A path is the keys and indices that lead to a value, such as ``("network", "layers", 0)``. The last one of repeated keys is
        returned.
    """
    values: dict[Path, int] = {}
    keys: dict[Path, int] = {}
    for path, at, key_at in _walk(text):
        values[path] = at
        if key_at is not None:
            keys[path] = key_at
    return values, keys


def _repeated(text: str) -> tuple[int, str]:
    """Return the offset of the first repeated key, and the key."""
    seen: set[Path] = set()
    for path, _, key_at in _walk(text):
        if key_at is not None and path in seen:
            return key_at, str(path[-1])
        seen.add(path)
    return 0, ""


def _walk(text: str) -> Iterator[tuple[Path, int, int | None]]:
    """Yield the path of each value of a valid JSON text, in order, with its offset and the offset of its key."""
    open_ones: list[tuple[Path, str, int]] = []  # objects and lists: their path, closing bracket and the index of the next value
    at, key_at = _skip(text, 1 if text.startswith("\ufeff") else 0), None
    path: Path = ()
    while True:
        yield path, at, key_at
        if text[at] in "{[":
            open_ones.append((path, "}" if text[at] == "{" else "]", 0))
            at = _skip(text, at + 1)
        else:
            at = _skip(text, _DECODER.raw_decode(text, at)[1])
        while open_ones and text[at] == open_ones[-1][1]:
            open_ones.pop()
            at = _skip(text, at + 1)
        if not open_ones:
            return
        at = _skip(text, at + 1) if text[at] == "," else at
        parent, closing, index = open_ones.pop()
        open_ones.append((parent, closing, index + 1))
        path, key_at = (*parent, index), None
        if closing == "}":
            key, end = _DECODER.raw_decode(text, at)
            path, key_at = (*parent, key), at
            at = _skip(text, _skip(text, end) + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
