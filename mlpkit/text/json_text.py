"""JSON text with places: strict parsing, and the line and column of every value.

The standard parser takes NaN and repeated keys and forgets where a value stood; errors in a spec need the place.
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
# An integer that int() of Python refuses to read. Texts, closed or not, and other numbers match whole, so that no character is
# read twice.
_LONG = re.compile(r'"(?:[^"\\]|\\.)*+"?|(-?[0-9]{4301,}+)(?![.eE])|[-+.0-9eE]++', re.DOTALL)


class _RepeatedKey(ValueError):
    pass


class _Constant(ValueError):
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
        mark = len(text) - len(error.doc)
        problem = at_offset(text, error.pos + mark, file, *what_else(error.doc, error.pos, error.msg))
    except _RepeatedKey:
        at, key = _repeated(text)
        problem = at_offset(text, at, file, f"the key {key!r} is written twice", "keep one of them")
    except _Constant as error:
        found = next(match for match in _CONSTANT.finditer(text) if match.group(1))
        problem = at_offset(text, found.start(), file, f"not valid JSON: {error} is no JSON number", "write a number, or null for none")
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        problem = Problem(f"not valid JSON: {reason}", file=file)
        long = next((match for match in _LONG.finditer(text) if match.group(1)), None) if isinstance(error, ValueError) else None
        if long is not None:
            problem = at_offset(text, long.start(), file, f"a number of {len(long.group(1)):,} digits is too long", "write a shorter one")
    raise SpecError(problem.message, help=problem.help, problems=[problem])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _RepeatedKey
    return values


def _refuse_constant(name: str) -> None:
    raise _Constant(name)


def what_else(text: str, at: int, reason: str) -> tuple[str, str]:
    """Return what is wrong with a text that is not JSON from an offset on, and what to do: by what people write in its place.

    Parameters
    ----------
    text : str
    at : int
        Where the parser stopped.
    reason : str
        What the parser says.
    """
    before, rest = text[:at].rstrip(), text[at:].lstrip()
    if not text.strip():
        return "not valid JSON: it is empty", "write a spec, or let mlpkit init write one"
    bare = re.sub(r"\A(\s*#[^\n]*(\n|\Z))+", "", text)
    if not bare.lstrip().startswith(("{", "[")) and re.match(r"\s*(---|[A-Za-z_][\w$-]*\s*:(\s|$)|- )", bare):
        return "this is YAML, not JSON", "write the spec as JSON: an object in braces, with keys in double quotes"
    if re.match(r",\s*[}\]]", rest) or (rest[:1] in ("}", "]") and before.endswith(",")):
        return "not valid JSON: a comma before a closing bracket", "take the comma out"
    if rest.startswith(("//", "/*", "#")):
        return "not valid JSON: a comment, which JSON does not have", "take it out"
    if rest.startswith("'"):
        return "not valid JSON: single quotes", "write texts and keys in double quotes"
    if found := re.match(r"(True|False|None)\b", rest):
        return f"not valid JSON: {found[1]}", f"write {_PYTHON[found[1]]}"
    if re.match(r"[A-Za-z_]\w*\s*:", rest):
        return "not valid JSON: a key without quotes", "write keys in double quotes"
    if not rest:
        return "not valid JSON: the text ends in the middle", "close every bracket, brace and quote; was the file cut short?"
    if reason.startswith("Extra data"):
        return "not valid JSON: there is more behind its end", "take out what stands there; a file has one object"
    return f"not valid JSON: {reason}", "check commas, quotes and brackets there"


def at_offset(text: str, offset: int, file: str, message: str, help: str = "", path: str = "") -> Problem:
    """A problem with the line and column of an offset in a text."""
    line = text.count("\n", 0, offset) + 1
    start = text.rfind("\n", 0, offset) + 1
    source = text[start:].split("\n", 1)[0].rstrip("\r")
    return Problem(message, path, help, file, line, offset - start + 1, source)


def offsets(text: str) -> tuple[dict[Path, int], dict[Path, int]]:
    """Return where each value, and each key, of a valid JSON text starts.

    Returns
    -------
    values, keys : dict of path to int
        A path is the keys and indices that lead to a value: ``("network", "layers", 0)``. Of keys that are written twice,
        the last place.
    """
    values: dict[Path, int] = {}
    keys: dict[Path, int] = {}
    for path, at, key_at in _walk(text):
        values[path] = at
        if key_at is not None:
            keys[path] = key_at
    return values, keys


def _repeated(text: str) -> tuple[int, str]:
    """The place of the first key that its object has already, and the key."""
    seen: set[Path] = set()
    for path, _, key_at in _walk(text):
        if key_at is not None and path in seen:
            return key_at, str(path[-1])
        seen.add(path)
    return 0, ""


def _walk(text: str) -> Iterator[tuple[Path, int, int | None]]:
    """The path of each value of a valid JSON text, in order, with its place and that of its key."""
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
