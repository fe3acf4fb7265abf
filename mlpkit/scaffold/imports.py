"""Imports of a file of the user's own: the distributions that its package depends on, and what no distribution brings."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mlpkit.plugin.user_code import is_beside

ALWAYS = {"mlpkit", "numpy", "pydantic"}  # a package depends on these, or on what brings them
RELEASE = re.compile(r"((?:\d+!)?\d+(?:\.\d+)?)(?:\.\d+)*(?:\.post\d+)?(?:\+.*)?")


@dataclass(frozen=True)
class Imports:
    """The imports of a file, beside the standard library, mlpkit, NumPy and Pydantic.

    Attributes
    ----------
    requirements : tuple of str
        The installed distributions, such as ``scipy>=1.11``.
    beside : tuple of str
        Modules beside the file.
    unknown : tuple of str
        Modules of which it is not known what brings them.
    """

    requirements: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def imports_of(file: Path) -> Imports:
    """Return what a Python file imports, wherever in it; it has run, so that it can be parsed."""
    modules = sorted(_modules(ast.parse(file.read_bytes())) - ALWAYS - sys.stdlib_module_names)
    folder = file.resolve().parent
    beside = [module for module in modules if is_beside(module, folder)]
    others = [module for module in modules if module not in beside]
    brought = _brought() if others else {}
    found = {module: sorted(set(brought.get(module, []))) for module in others}
    requirements = {_requirement(names[0]) for names in found.values() if len(names) == 1}
    unknown = [module for module, names in found.items() if len(names) != 1]
    return Imports(tuple(sorted(requirements)), tuple(beside), tuple(unknown))


def _modules(tree: ast.AST) -> set[str]:
    """The first part of the name of each module that is imported."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def _brought() -> dict[str, list[str]]:
    """The distributions that bring each module."""
    try:
        return dict(metadata.packages_distributions())
    except Exception:  # the metadata of some distribution are damaged
        return {}


def _requirement(distribution: str) -> str:
    """A distribution from the installed version on: its first two numbers, or all of what is no release."""
    version = metadata.version(distribution)
    release = RELEASE.fullmatch(version)
    return f"{distribution}>={release[1] if release else version.partition('+')[0]}"
