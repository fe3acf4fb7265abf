"""Search space: the values of a spec that are `{"search": ...}`, and the specs that they stand for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlpkit.errors import Problem, SpecError
from mlpkit.spec.findings import path_text

KEY = "search"
RANGE, CHOICE = {"low", "high", "log", "step"}, {"choice"}
MOST_CHOICES = 1_000
EXAMPLES = '{"search": {"low": 16, "high": 128, "log": true}} or {"search": {"choice": ["relu", "silu"]}}'

Path = tuple[str | int, ...]


class Dimension(NamedTuple):
    """Value of a spec that is searched.

    Attributes
    ----------
    path : tuple of str and int
        Keys and indices that lead to it.
    low, high : int or float, or None
        Range of a number; integers if both are.
    log : bool
        True to draw the logarithm evenly.
    step : int or float, or None
    choices : tuple of JSON values
        Values to choose from; empty for a range.
    """

    path: Path
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """Path as a text, such as network.layers[0].units."""
        return path_text(self.path)

    @property
    def labels(self) -> list[str]:
        """Choices as texts: themselves, or JSON."""
        return [choice if isinstance(choice, str) else json.dumps(choice) for choice in self.choices]

    @property
    def ends(self) -> list[Any]:
        """Values to check: both ends of a range, or all choices."""
        return list(self.choices) or [self.low, self.high]

    @property
    def described(self) -> str:
        """Range or choices as a text."""
        if self.choices:
            return " | ".join(self.labels)
        return f"{self.low:g} to {self.high:g}{', log' if self.log else ''}{f', step {self.step:g}' if self.step else ''}"


class Space(NamedTuple):
    """Spec with values to search.

    Attributes
    ----------
    value : JSON value
        The spec with its `{"search": ...}`.
    dimensions : tuple of Dimension
    """

    value: Any
    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, value: Any) -> Space:
        """Return the search space of a spec.

        Raises
        ------
        SpecError
            A `{"search": ...}` is not valid, or there is none.
        """
        found = tuple(_dimension(path, options) for path, options in _markers(value, ()))
        if not found:
            raise SpecError("the spec has nothing to search", help=f"write for some of its values {EXAMPLES}")
        return cls(value, found)

    def filled(self, values: Mapping[str, Any]) -> Any:
        """Return the spec with a value for each dimension, by its name."""
        result = self.value
        for dimension in self.dimensions:
            result = _replaced(result, dimension.path, values[dimension.name])
        return result

    @property
    def first(self) -> dict[str, Any]:
        """First end of each dimension, by name."""
        return {dimension.name: dimension.ends[0] for dimension in self.dimensions}

    def corners(self) -> Iterator[tuple[Dimension, Any, Any]]:
        """Yield specs to check: for each end of each dimension one with the first end of all others, with the dimension and the end."""
        for dimension in self.dimensions:
            for end in dimension.ends:
                yield dimension, end, self.filled({**self.first, dimension.name: end})

    @property
    def encodes_anew(self) -> bool:
        """True if the encoded data differ between specs, so that they are prepared for each."""
        return any(
            dimension.path[0] in ("preprocessing", "data", "dtype", "ensemble", "loss", "seed", "preset")
            or dimension.path[:2] == ("network", "embeddings")
            for dimension in self.dimensions
        )


def has_search(value: Any) -> bool:
    """Return True if a spec has values to search."""
    return next(_markers(value, ()), None) is not None


def _markers(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the content of each `{"search": ...}`."""
    if isinstance(value, dict):
        if set(value) == {KEY}:
            yield path, value[KEY]
            return
        for key, inner in value.items():
            yield from _markers(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _markers(inner, (*path, index))


def _dimension(path: Path, options: Any) -> Dimension:
    """Return the dimension of a `{"search": ...}`. Raise SpecError if it is not valid."""
    keys = set(options) if isinstance(options, dict) else set()
    if keys == CHOICE:
        return Dimension(path, choices=_choices(path, options["choice"]))
    if not {"low", "high"} <= keys <= RANGE:
        raise _error(path, 'it needs "low" and "high", and may have "log" or "step", or it needs "choice" alone')
    low, high, step, log = options["low"], options["high"], options.get("step"), options.get("log", False)
    numbers = [low, high] if step is None else [low, high, step]
    if not all(isinstance(each, (int, float)) and not isinstance(each, bool) and math.isfinite(each) for each in numbers):
        raise _error(path, "its ends and its step are not finite numbers")
    if low >= high or (step is not None and not 0 < step <= high - low):
        raise _error(path, "its low end is not below its high one, or its step does not fit between them")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise _error(path, '"log" is true or false, needs a low end above 0, and excludes "step"')
    if isinstance(step, float) and isinstance(low, int) and isinstance(high, int):
        low, high = float(low), float(high)
    return Dimension(path, low, high, log, step)


def _choices(path: Path, choices: Any) -> tuple[Any, ...]:
    if not isinstance(choices, list) or not 2 <= len(choices) <= MOST_CHOICES:
        raise _error(path, f'"choice" is not a list of 2 to {MOST_CHOICES:,} values')
    if any(True for choice in choices for _ in _markers(choice, ())):
        raise _error(path, "a choice has something to search itself")
    found = Dimension(path, choices=tuple(choices))
    if len(set(found.labels)) < len(choices):
        raise _error(path, "two of its choices are equal")
    return found.choices


def _error(path: Path, message: str) -> SpecError:
    where = path_text(path)
    help = f"such as {EXAMPLES}"
    return SpecError(f"{where}: {message}", help=help, problems=[Problem(message, where, help)])


def _replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of a JSON value with another value at a path."""
    if not path:
        return new
    if isinstance(value, list):
        return [_replaced(inner, path[1:], new) if index == path[0] else inner for index, inner in enumerate(value)]
    return {key: _replaced(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
