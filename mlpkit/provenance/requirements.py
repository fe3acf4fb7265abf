"""Requirements: the lines of a requirements file that a model needs, from the model file alone.

A file from a stranger may name anything as a distribution, and pip obeys what stands in a line: options, addresses, line
breaks. So only what is a name, and only what is a version, gets into one; the rest is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpkit.errors import ModelFileError
from mlpkit.modelfile.summary import summary
from mlpkit.plugin.environment import normalized
from mlpkit.plugin.registry import BUILTIN
from mlpkit.text.shown import DISTRIBUTION, VERSION, shortened

LONGEST = 200  # letters of what stands in a comment


@dataclass(frozen=True)
class OwnCode:
    """A plugin of the user's own that a model was trained with.

    Attributes
    ----------
    name : str
        Its name in the spec.
    target : str
        Where its class was: ``module:Class``.
    file, sha256 : str or None
        The file that defined it and that file's digest, where the model says so.
    """

    name: str
    target: str
    file: str | None
    sha256: str | None

    @property
    def comment(self) -> str:
        """The line about it: pip does not read it."""
        if self.file is None:
            return f"# {self.name}: your own code ({self.target}): pass it with --code FILE"
        return f"# {self.name}: --code {self.file} (SHA-256 {self.sha256})"


@dataclass(frozen=True)
class Requirements:
    """The requirements of a model beside Python.

    Attributes
    ----------
    packages : tuple of (str, str)
        Distributions with their versions: mlpkit first, then the others by name.
    code : tuple of OwnCode
    """

    packages: tuple[tuple[str, str], ...]
    code: tuple[OwnCode, ...]

    def __str__(self) -> str:
        return "\n".join([*(f"{name}=={version}" for name, version in self.packages), *(own.comment for own in self.code)])


def requirements(path: str | Path) -> Requirements:
    """Return what the model in a file needs; none of its plugins is needed for it, or imported.

    Raises
    ------
    ModelFileError
        It is no model file; or it names a distribution, or a version, that cannot be one.
    """
    found = summary(path)
    try:
        packages, code = _packages(found), _own_code(found)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error.message}", help="such a file is not to be trusted: ask for another") from error
    return Requirements(tuple(packages.items()), tuple(code))


def _packages(found: dict[str, Any]) -> dict[str, str]:
    """Name to version, mlpkit first."""
    wanted = {BUILTIN: _version(BUILTIN, found["producer"].get(BUILTIN))}
    others: dict[str, str] = {}
    for plugin in found["plugins"]:
        if plugin["distribution"] is None or (name := _name(plugin["distribution"])) == BUILTIN:
            continue  # mlpkit's version is the producer's
        version = _version(name, plugin["version"])
        if others.setdefault(name, version) != version:
            raise ModelFileError(f"the model names two versions of {name}: {others[name]} and {version}")
    return wanted | {name: others[name] for name in sorted(others)}


def _name(value: Any) -> str:
    if not isinstance(value, str) or not DISTRIBUTION.fullmatch(value):
        raise ModelFileError(f"the model names a distribution that cannot be one: {shortened(repr(value), 100)}")
    return normalized(value)


def _version(name: str, value: Any) -> str:
    if not isinstance(value, str) or not VERSION.fullmatch(value):
        raise ModelFileError(f"the model names a version of {name} that cannot be one: {shortened(repr(value), 100)}")
    return value


def _own_code(found: dict[str, Any]) -> list[OwnCode]:
    own = {}
    for plugin in found["plugins"]:
        if plugin["distribution"] is None:
            code = plugin.get("code") or {"name": None, "sha256": None}
            file = None if code["name"] is None else _harmless(code["name"])
            told = OwnCode(_harmless(plugin["name"]), _harmless(plugin["target"]), file, code["sha256"])
            own[told.comment] = told
    return [own[comment] for comment in sorted(own)]


def _harmless(value: Any) -> str:
    """A text that stays on its line, and in its comment."""
    return shortened(str(value), LONGEST)
