"""Comparison of the spec of a run with the one that continues it.

Most keys of a spec cannot change when a run is resumed. The keys that may change are listed in `FREE`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mlpkit.errors import Problem, SpecError, join_problems
from mlpkit.spec.findings import path_text
from mlpkit.spec.spec import Spec

Path = tuple[str | int, ...]
Difference = tuple[Path, Any, Any]  # path with the old and the new value

FREE: frozenset[Path] = frozenset(  # of the data, only the rows matter, which are compared separately
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
        ("training", "engine"),
        ("training", "early_stopping", "patience"),
        ("training", "checkpoint"),
        ("training", "keep_state"),
    }
)
LONGEST = 60  # characters of a displayed value


def continued(old: Spec, new: Spec) -> Spec:
    """Return the spec of a run that started with `old` and continues with `new`: `new` with the widths of `old`.

    Raises
    ------
    SpecError
        The specs differ in keys that cannot change. The message lists all of them.
    """
    kept: dict[str, Any] = {"batch_size": old.training.batch_size} if new.training.batch_size == "auto" else {}  # a number since the start
    kept |= {"engine": old.training.engine} if new.training.engine is None else {}
    if kept:
        new = new.model_copy(update={"training": new.training.model_copy(update=kept)})
    network = old.network
    widths = {("network", "inputs"), ("network", "layers", len(network.layers) - 1, "units")}  # None: determined by the data
    widths |= {("network", "embeddings", index, key) for index in range(len(network.embeddings)) for key in ("inputs", "levels")}
    found = [
        difference
        for difference in _differences(old.to_dict(), new.to_dict(), ())
        if difference[0] not in FREE and not (difference[0] in widths and difference[2] is None)
    ]
    if found:
        problems = [_problem(*difference) for difference in found]
        raise SpecError(join_problems(problems), problems=problems)
    inputs, units = network.inputs, network.layers[-1].units
    return new if inputs is None or units is None else new.with_widths(inputs, units, network.embeddings)


def _differences(then: Any, now: Any, path: Path) -> Iterator[Difference]:
    """Yield the smallest parts that differ; plugins of different types and lists of different lengths differ as a whole."""
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
    message = f"{key!r} is {_shown(now)}, but the run to resume has {_shown(then)}"
    return Problem(message, path_text(path), "restore the old value, or start a new run without resume")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
