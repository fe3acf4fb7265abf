"""Names of a new package: distribution, module and class from the name of a plugin, and why a name cannot be taken."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass

from mlpkit import plugin
from mlpkit.errors import MLPKitError
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.registry import NAME
from mlpkit.text.shown import shortened

USED = {*plugin.__all__, "Callable", "ClassVar", "Field", "Literal"}  # what the templates import


@dataclass(frozen=True)
class Names:
    """The names that follow from that of a plugin, such as ``my_act``.

    Attributes
    ----------
    plugin : str
    """

    plugin: str

    @property
    def distribution(self) -> str:
        """``mlpkit-my-act``."""
        return f"mlpkit-{self.plugin.replace('_', '-')}"

    @property
    def module(self) -> str:
        """``mlpkit_my_act``."""
        return f"mlpkit_{self.plugin}"

    @property
    def cls(self) -> str:
        """``MyAct``."""
        return "".join(part[:1].upper() + part[1:] for part in self.plugin.split("_"))


def names_of(text: str, kind: str | None) -> Names:
    """The names of a package.

    Parameters
    ----------
    text : str
        The plugin's name; with hyphens, too.
    kind : str or None
        The kind of which the name must be free; None when the package's plugins have names of their own.

    Raises
    ------
    MLPKitError
        It cannot be taken; the error says why, and what to do.
    """
    names = Names(text.replace("-", "_"))
    refusal = _refusal(names, text) or (_taken(names, kind) if kind else None)
    if refusal:
        reason, advice = refusal
        raise MLPKitError(f"{shortened(text, 100)!r} cannot be the name of a plugin: {reason}", help=advice)
    return names


def _refusal(names: Names, text: str) -> tuple[str, str] | None:
    name = names.plugin
    if not NAME.fullmatch(name):
        return "it is not made of small letters, digits and underscores, from a letter on, 100 at most", "give one such as soft_step"
    if name.startswith("mlpkit_"):
        bare = name.removeprefix("mlpkit_")
        return "the package is called mlpkit-NAME by itself", f"leave mlpkit out: {bare}" if bare else "give one such as soft_step"
    if name.endswith("_") or "__" in name:
        return "an underscore stands at its end, or beside another", "put letters or digits between underscores"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or keyword.iskeyword(names.cls):
        return "Python has it as a keyword", f"give another, such as {name}_plugin"
    if name in sys.stdlib_module_names:
        return f"Python has a module {name}", f"give another, such as {name}_plugin"
    if names.cls in USED:
        return f"its class would be {names.cls}, which is a contract or a type of mlpkit", f"give another, such as my_{name}"
    return None


def _taken(names: Names, kind: str) -> tuple[str, str] | None:
    registry = REGISTRIES[kind]
    if names.plugin in registry.builtins or names.plugin in registry.aliases:
        return f"it is that of a built-in of the {kind}, which it would always mean", f"give another, such as my_{names.plugin}"
    return None
