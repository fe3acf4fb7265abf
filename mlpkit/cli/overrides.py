"""Settings: values of the spec that the command line changes, such as ``--set training.epochs=50``."""

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
    """New value for a position in the spec.

    Attributes
    ----------
    option : str
        Option as the user wrote it, for error messages.
    path : tuple of str
        Keys and indices that lead to the position.
    value : JSON value
    """

    option: str
    path: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Parse ``KEY=VALUE``.

        Keys are separated by dots, indices are written as ``.0`` or ``[0]``, and a value that is not JSON is a text.
        """
        key, equals, value = text.partition("=")
        parts = list(_PART.finditer(key))
        if not equals or not parts or "".join(part.group() for part in parts) != key:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE, such as training.epochs=50", param_hint="--set")
        return cls(f"--set {text}", tuple(part.group(1) or part.group(2) for part in parts), _json_or_text(value))

    @classmethod
    def parse_all(cls, texts: Sequence[str]) -> list[Setting]:
        """Parse several settings. Raise BadParameter if two have the same key."""
        found: dict[tuple[str, ...], Setting] = {}
        for setting in map(cls.parse, texts):
            if setting.path in found:
                raise typer.BadParameter(f"{'.'.join(setting.path)} is set more than once", param_hint="--set")
            found[setting.path] = setting
        return list(found.values())

    def apply(self, spec: Any) -> Any:
        """Return a copy of the spec's JSON value with the new value."""
        return self._applied(spec, self.path)

    def _applied(self, value: Any, path: tuple[str, ...]) -> Any:
        if not path:
            return self.value
        head, rest = path[0], path[1:]
        if isinstance(value, list):
            if not head.isdecimal() or int(head) >= len(value):
                raise self._missing(head, f"use an index from 0 to {len(value) - 1}")
            return [self._applied(item, rest) if index == int(head) else item for index, item in enumerate(value)]
        if isinstance(value, str):  # adds an option to a plugin given by name only
            value = {"type": value}
        if value is not None and not isinstance(value, dict):
            raise self._missing(head, f"the value there is {value!r}")
        value = value or {}
        return {**value, head: self._applied(value.get(head), rest)}

    def _missing(self, part: str, help: str) -> SpecError:
        message = f"there is no {part!r} to set"
        return SpecError(message, help=help, problems=[Problem(message, help=help, file=self.option)])

    def covers(self, path: str) -> bool:
        """Return True if the path of an error, such as ``network.layers[0].units``, is this position or inside it."""
        return _leads_into(self._path_text, path)

    def is_inside(self, path: str) -> bool:
        """Return True if this position is inside the path of an error."""
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


def all_settings(settings: list[str] | None, epochs: int | None, seed: int | None, engine: str | None) -> list[Setting]:
    """Return the changes of the command line to the spec. Raise BadParameter if two have the same key."""
    changes = Setting.parse_all(settings or ())
    shortcuts: dict[str, tuple[tuple[str, ...], Any]] = {
        "--epochs": (("training", "epochs"), epochs),
        "--seed": (("seed",), seed),
        "--engine": (("training", "engine"), engine),
    }
    for option, (path, value) in shortcuts.items():
        if value is not None:
            if any(change.path == path for change in changes):
                raise typer.BadParameter(f"{option} and --set {'.'.join(path)} both set it", param_hint=option)
            changes.append(Setting(f"{option} {value}", path, value))
    return changes
