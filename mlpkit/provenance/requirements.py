"""Requirements of a model as the lines of a requirements file, from the model file alone.

An untrusted file may contain any text as the name of a distribution, and pip interprets options, addresses and line breaks. Only valid
names and versions are therefore written; anything else is an error.
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

LONGEST = 200  # characters of a value in a comment


@dataclass(frozen=True)
class UserCode:
    """User code that a model was trained with.

    Attributes
    ----------
    name : str
        Name of the plugin in the spec.
    target : str
        Module and name of its class when the model was saved: ``module:Class``.
    file, sha256 : str or None
        Source file and its digest, if the model records them.
    """

    name: str
    target: str
    file: str | None
    sha256: str | None

    @property
    def comment(self) -> str:
        """Comment line for the requirements file, which pip ignores."""
        if self.file is None:
            return f"# {self.name}: your own code ({self.target}): pass it with --code FILE"
        return f"# {self.name}: --code {self.file} (SHA-256 {self.sha256})"


@dataclass(frozen=True)
class Requirements:
    """Requirements of a model besides Python.

    Attributes
    ----------
    packages : tuple of (str, str)
        Distributions and versions: mlpkit first, then the others by name.
    code : tuple of UserCode
    """

    packages: tuple[tuple[str, str], ...]
    code: tuple[UserCode, ...]

    def __str__(self) -> str:
        return "\n".join([*(f"{name}=={version}" for name, version in self.packages), *(own.comment for own in self.code)])


def requirements(path: str | Path) -> Requirements:
    """Return the requirements of the model in a file, without importing its plugins.

    Raises
    ------
    ModelFileError
        The file is not a model file, or it contains an invalid distribution name or version.
    """
    found = summary(path)
    try:
        packages, code = _packages(found), _user_code(found)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error.message}", help="do not trust this file; ask for another one") from error
    return Requirements(tuple(packages.items()), tuple(code))


def _packages(found: dict[str, Any]) -> dict[str, str]:
    """Return versions by distribution name, mlpkit first."""
    wanted = {BUILTIN: _version(BUILTIN, found["producer"].get(BUILTIN))}
    others: dict[str, str] = {}
    for plugin in found["plugins"]:
        if plugin["distribution"] is None or (name := _name(plugin["distribution"])) == BUILTIN:
            continue  # the producer's version of mlpkit is used
        version = _version(name, plugin["version"])
        if others.setdefault(name, version) != version:
            raise ModelFileError(f"the model names two versions of {name}: {others[name]} and {version}")
    return wanted | {name: others[name] for name in sorted(others)}


def _name(value: Any) -> str:
    if not isinstance(value, str) or not DISTRIBUTION.fullmatch(value):
        raise ModelFileError(f"the model contains an invalid distribution name: {shortened(repr(value), 100)}")
    return normalized(value)


def _version(name: str, value: Any) -> str:
    if not isinstance(value, str) or not VERSION.fullmatch(value):
        raise ModelFileError(f"the model contains an invalid version of {name}: {shortened(repr(value), 100)}")
    return value


def _user_code(found: dict[str, Any]) -> list[UserCode]:
    own = {}
    for plugin in found["plugins"]:
        if plugin["distribution"] is None:
            code = plugin.get("code") or {"name": None, "sha256": None}
            file = None if code["name"] is None else _comment_text(code["name"])
            code_line = UserCode(_comment_text(plugin["name"]), _comment_text(plugin["target"]), file, code["sha256"])
            own[code_line.comment] = code_line
    return [own[comment] for comment in sorted(own)]


def _comment_text(value: Any) -> str:
    """Return the text on one line and shortened, for a comment."""
    return shortened(str(value), LONGEST)
