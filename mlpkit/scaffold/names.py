"""Names of a new package (distribution, module and class) from the name of a plugin, and checks of the name."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass

from mlpkit import plugin
from mlpkit.errors import MLPKitError
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.registry import NAME
from mlpkit.text.shown import shortened

USED = {*plugin.__all__, "Callable", "ClassVar", "Field", "Literal"}  # names that the templates import


@dataclass(frozen=True)
class Names:
    """Names derived from the name of a plugin, such as ``my_act``.

    Attributes
    ----------
    plugin : str
    """

    plugin: str

    @property
    def distribution(self) -> str:
        """Name of the distribution, such as ``mlpkit-my-act``."""
        return f"mlpkit-{self.plugin.replace('_', '-')}"

    @property
    def module(self) -> str:
        """Name of the module, such as ``mlpkit_my_act``."""
        return f"mlpkit_{self.plugin}"

    @property
    def cls(self) -> str:
        """Name of the class, such as ``MyAct``."""
        return "".join(part[:1].upper() + part[1:] for part in self.plugin.split("_"))


def names_of(text: str, kind: str | None) -> Names:
    """Return the names of a package.

    Parameters
    ----------
    text : str
        Name of the plugin; hyphens are allowed.
    kind : str or None
        Kind in which the name must be unused; None if the plugins of the package have other names.

    Raises
    ------
    MLPKitError
        The name cannot be used. The message has the reason and advice.
    """
    names = Names(text.replace("-", "_"))
    problem = _invalid(names, text) or (_taken(names, kind) if kind else None)
    if problem:
        reason, advice = problem
        raise MLPKitError(f"{shortened(text, 100)!r} cannot be the name of a plugin: {reason}", help=advice)
    return names


def _invalid(names: Names, text: str) -> tuple[str, str] | None:
    name = names.plugin
    if not NAME.fullmatch(name):
        return (
            "a name has lower-case letters, digits and underscores, begins with a letter and has at most 100 characters",
            "use a name such as soft_step",
        )
    if name.startswith("mlpkit_"):
        bare = name.removeprefix("mlpkit_")
        return "the package is named mlpkit-NAME automatically", f"leave mlpkit out: {bare}" if bare else "use a name such as soft_step"
    if name.endswith("_") or "__" in name:
        return "it has an underscore at its end or two in a row", "put letters or digits between underscores"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or keyword.iskeyword(names.cls):
        return "it is a keyword of Python", f"use another name, such as {name}_plugin"
    if name in sys.stdlib_module_names:
        return f"Python has a module {name}", f"use another name, such as {name}_plugin"
    if names.cls in USED:
        return f"its class would be {names.cls}, which is a class or a type of mlpkit", f"use another name, such as my_{name}"
    return None


def _taken(names: Names, kind: str) -> tuple[str, str] | None:
    registry = REGISTRIES[kind]
    if names.plugin in registry.builtins or names.plugin in registry.aliases:
        return f"it is the name of a built-in of the {kind}, which takes precedence", f"use another name, such as my_{names.plugin}"
    return None
