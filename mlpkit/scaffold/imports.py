"""Imports of a user's file: distributions that its package depends on, and modules of unknown origin."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mlpkit.plugin.user_code import is_beside

ALWAYS = {"mlpkit", "numpy", "pydantic"}  # every package depends on these, directly or through mlpkit
RELEASE = re.compile(r"((?:\d+!)?\d+(?:\.\d+)?)(?:\.\d+)*(?:\.post\d+)?(?:\+.*)?")


@dataclass(frozen=True)
class Imports:
    """Imports of a file other than the standard library, mlpkit, NumPy and Pydantic.

    Attributes
    ----------
    requirements : tuple of str
        Installed distributions, such as ``scipy>=1.11``.
    beside : tuple of str
        Modules in the folder of the file.
    unknown : tuple of str
        Modules whose distribution is unknown.
    """

    requirements: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def imports_of(file: Path) -> Imports:
    """Return all imports of a Python file, which must be valid Python."""
    modules = sorted(_modules(ast.parse(file.read_bytes())) - ALWAYS - sys.stdlib_module_names)
    folder = file.resolve().parent
    beside = [module for module in modules if is_beside(module, folder)]
    others = [module for module in modules if module not in beside]
    providers = _providers() if others else {}
    found = {module: sorted(set(providers.get(module, []))) for module in others}
    requirements = {_requirement(names[0]) for names in found.values() if len(names) == 1}
    unknown = [module for module, names in found.items() if len(names) != 1]
    return Imports(tuple(sorted(requirements)), tuple(beside), tuple(unknown))


def _modules(tree: ast.AST) -> set[str]:
    """Return the first part of the name of each imported module."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def _providers() -> dict[str, list[str]]:
    """Return the distributions that provide each module."""
    try:
        return dict(metadata.packages_distributions())
    except Exception:  # a distribution has damaged metadata
        return {}


def _requirement(distribution: str) -> str:
    """Return a requirement for at least the installed version: its first two numbers, or the whole version of a pre-release."""
    version = metadata.version(distribution)
    release = RELEASE.fullmatch(version)
    return f"{distribution}>={release[1] if release else version.partition('+')[0]}"
