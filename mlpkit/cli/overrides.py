"""Setting: a value of the spec that the command line changes, such as ``--set training.epochs=50``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from mlpkit.errors import Problem, SpecError

_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Setting:
    """A value for a place in the spec.

    Attributes
    ----------
    option : str
        As the user wrote it; named in errors.
    path : tuple of str
        The keys and indices that lead to the place.
    value : JSON value
    """

    option: str
    path: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> Setting:
        """From ``KEY=VALUE``: keys with dots, indices as ``.0`` or ``[0]``, the value as JSON, or else a text."""
        key, equals, value = text.partition("=")
        parts = list(_PART.finditer(key))
        if not equals or not parts or "".join(part.group() for part in parts) != key:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE, such as training.epochs=50", param_hint="--set")
        return cls(f"--set {text}", tuple(part.group(1) or part.group(2) for part in parts), _json_or_text(value))

    @classmethod
    def parse_all(cls, texts: Sequence[str]) -> list[Setting]:
        """From several, each for a place of its own."""
        found: dict[tuple[str, ...], Setting] = {}
        for setting in map(cls.parse, texts):
            if setting.path in found:
                raise typer.BadParameter(f"{'.'.join(setting.path)} is set more than once", param_hint="--set")
            found[setting.path] = setting
        return list(found.values())

    def apply(self, spec: Any) -> Any:
        """A copy of a spec's JSON value with this in it."""
        return self._applied(spec, self.path)

    def _applied(self, value: Any, path: tuple[str, ...]) -> Any:
        if not path:
            return self.value
        head, rest = path[0], path[1:]
        if isinstance(value, list):
            if not head.isdecimal() or int(head) >= len(value):
                raise self._no_such(head, f"there are {len(value)}, numbered from 0")
            return [self._applied(item, rest) if index == int(head) else item for index, item in enumerate(value)]
        if isinstance(value, str):  # a plugin by its name alone gets an option
            value = {"type": value}
        if value is not None and not isinstance(value, dict):
            raise self._no_such(head, f"what stands there is {value!r}")
        value = value or {}
        return {**value, head: self._applied(value.get(head), rest)}

    def _no_such(self, part: str, help: str) -> SpecError:
        message = f"there is no {part!r} to set"
        return SpecError(message, help=help, problems=[Problem(message, help=help, file=self.option)])

    def covers(self, path: str) -> bool:
        """Return whether a path of an error, such as ``network.layers[0].units``, leads to this place or into it."""
        return _leads_into(self._path_text, path)

    def is_inside(self, path: str) -> bool:
        """Return whether this place is inside of what the path of an error leads to."""
        return bool(path) and _leads_into(path, self._path_text)

    @property
    def _path_text(self) -> str:
        return "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in self.path).removeprefix(".")


def _leads_into(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
