"""Differences between the spec that a run began with and the one it is to go on with.

Most of a spec cannot change under a run without making it another run. What may change is named in `FREE`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mlpkit.errors import Problem, SpecError, join_problems
from mlpkit.spec.spec import Spec
from mlpkit.spec.validation import path_text

Path = tuple[str | int, ...]
Difference = tuple[Path, Any, Any]  # what the old spec has there, and the new one

FREE: frozenset[Path] = frozenset(  # of the data, what matters is the rows, and these are compared themselves
    {
        ("name",),
        ("data", "path"),
        ("data", "format"),
        ("data", "separator"),
        ("data", "header"),
        ("data", "encoding"),
        ("data", "decimal"),
        ("data", "allow_large"),
        ("data", "validation"),
        ("training", "epochs"),
        ("training", "early_stopping", "patience"),
        ("training", "checkpoint"),
        ("training", "keep_state"),
    }
)
LONGEST = 60  # characters of a value that is shown


def continued(old: Spec, new: Spec) -> Spec:
    """The spec of a run that began with `old` and is to go on as `new` says: `new`, with the widths of `old`.

    Raises
    ------
    SpecError
        With every difference that makes another run of it.
    """
    network = old.network
    widths = {("network", "inputs"), ("network", "layers", len(network.layers) - 1, "units")}  # None: as the data say
    found = [
        difference
        for difference in _differences(old.to_dict(), new.to_dict(), ())
        if difference[0] not in FREE and not (difference[0] in widths and difference[2] is None)
    ]
    if found:
        problems = [_problem(*difference) for difference in found]
        raise SpecError(join_problems(problems), problems=problems)
    inputs, units = network.inputs, network.layers[-1].units
    return new if inputs is None or units is None else new.with_widths(inputs, units)


def _differences(then: Any, now: Any, path: Path) -> Iterator[Difference]:
    """The smallest parts that differ: two plugins of other types differ as a whole, as do two lists of other lengths."""
    if path in FREE or then == now:
        return
    if isinstance(then, dict) and isinstance(now, dict) and then.get("type") == now.get("type"):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(then.get(key), now.get(key), (*path, key))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, pair in enumerate(zip(then, now, strict=True)):
            yield from _differences(*pair, (*path, index))
    else:
        yield path, then, now


def _problem(path: Path, then: Any, now: Any) -> Problem:
    key = next(part for part in reversed(path) if isinstance(part, str))
    message = f"{key!r} is {_shown(now)}, but the run that is to go on has {_shown(then)}"
    return Problem(message, path_text(path), "put the old value back, or train anew without resume")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
