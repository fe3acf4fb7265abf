"""Case: a hostile file, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mlpkit.errors import MLPKitError
from mlpkit.modelfile.rules import Rule

OPENING, READING, LOADING, VERIFYING = "opening", "reading", "loading", "verifying"


class Case(NamedTuple):
    """A hostile file.

    Attributes
    ----------
    build : callable
        Gives its bytes.
    error : type
        The class of the error, exactly.
    rule : Rule or None
        The rule that it breaks; None for what is no matter of the format, such as a plugin that is missing.
    message : str
        A regular expression for a part of what the error says.
    found : str
        What finds it first. OPENING: `inspect`; READING: `read`, which looks at every array; LOADING: `mlpkit.load`;
        VERIFYING: `mlpkit info --verify` alone.
    """

    build: Callable[[], bytes]
    error: type[MLPKitError]
    rule: Rule | None
    message: str
    found: str = OPENING
