"""Registry of the plugins of one kind: from names to classes.

It reads the metadata of installed distributions (entry points) and imports a plugin only when its name is used, so that a broken
plugin affects nothing else. It is independent of the contracts, because fields of a contract are looked up by name too, such
as the learning-rate schedule of an optimizer.
"""

from __future__ import annotations

import importlib
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlpkit.errors import AmbiguousPlugin, BrokenPlugin, MissingPlugin
from mlpkit.plugin import entry_points as installed
from mlpkit.plugin.builtin_names import CLASSES
from mlpkit.plugin.class_checks import check_class
from mlpkit.plugin.environment import PLUGINS, STRICT, counts, strict
from mlpkit.plugin.source_file import SourceFile, source_of
from mlpkit.plugin.suggestions import installation, suggestion
from mlpkit.text.shown import first_few, shortened

NAME = re.compile(r"^[a-z][a-z0-9_]{0,99}$")  # at most 100 characters, for names in model files
BUILTIN = "mlpkit"
MOST_NAMED = 10  # plugins in the message about an unknown one
T = TypeVar("T")


@dataclass(frozen=True)
class PluginInfo:
    """Information about a plugin that is known without importing it.

    Attributes
    ----------
    kind : str
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics", "readers", "exchanges", "kernels" or "engines".
    name : str
        Name in a spec.
    distribution, version : str or None
        Distribution that provides the plugin; None for a user's class.
    target : str
        Location of the class: ``module:Class``.
    code : SourceFile or None
        Source file of a user's class.
    """

    kind: str
    name: str
    distribution: str | None
    version: str | None
    target: str
    code: SourceFile | None = None

    @property
    def full_name(self) -> str:
        """Unambiguous name, such as ``mlpkit-snake:snake``; for built-ins, the name alone, for users' classes, as by `own_name`."""
        if self.distribution is None:
            return own_name(self.kind, self.name)
        return self.name if self.distribution == BUILTIN else f"{self.distribution}:{self.name}"

    @property
    def singular(self) -> str:
        """Kind of the plugin in the singular, such as "activation" or "loss"."""
        return singular(self.kind)

    @property
    def source(self) -> str:
        """Distribution and version, or location of a user's class, for messages."""
        return f"{self.distribution} {self.version}" if self.distribution else f"your own class {self.target}"

    @property
    def described(self) -> str:
        """Kind, name and origin of the plugin, as the subject of a sentence."""
        entry = f" (entry point {self.target or 'without a target'})" if self.distribution else ""
        return f"the {self.singular} {self.name!r} of {self.source}{entry}"


class Registry(Generic[T]):
    """Plugins of one kind.

    Parameters
    ----------
    kind : str
        Kind of plugin; the entry-point group is ``mlpkit.`` followed by it.
    base : type
        Contract from which every plugin of this kind derives.
    builtins : mapping of str to str
        Names and locations (``module:Class``) of the built-ins.
    aliases : mapping of str to str
        Other names of built-ins. Specs are stored with the canonical name. A user's class of the name has precedence.
    """

    def __init__(self, kind: str, base: type[T], builtins: Mapping[str, str], aliases: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = f"mlpkit.{kind}"
        self.base = base
        self.builtins = dict(builtins)
        self.aliases = dict(aliases)
        self._own: dict[str, type[T]] = {}
        self._sources: dict[str, SourceFile | None] = {}
        self._loaded: dict[str, type[T]] = {}
        self._infos: list[PluginInfo] | None = None

    # -- installed plugins, from metadata alone

    def installed(self) -> tuple[PluginInfo, ...]:
        """Return every plugin of this kind, built-ins first, without importing them."""
        builtins = [self._builtin_info(name) for name in self.builtins]
        own = [self._own_info(name) for name in self._own]
        return (*builtins, *own, *self._found())

    def own(self) -> tuple[type[T], ...]:
        """Return the users' classes."""
        return tuple(self._own.values())

    def refresh(self) -> None:
        """Discard cached information about installed plugins."""
        self._infos = None
        self._loaded.clear()

    def _found(self) -> list[PluginInfo]:
        """Return third-party plugins that are enabled, read once."""
        if self._infos is None:
            found = sorted((info for info in self._declared() if counts(info.distribution or "")), key=lambda info: info.full_name)
            if strict():
                self._refuse_doubtful(found)
            self._infos = found
        return self._infos

    def _declared(self) -> list[PluginInfo]:
        """Return all third-party plugins, including disabled ones."""
        points = [point for point in installed.entry_points() if point.group == self.group and point.distribution != BUILTIN]
        return [PluginInfo(self.kind, point.name, point.distribution, point.version, point.target) for point in points]

    def _refuse_doubtful(self, found: list[PluginInfo]) -> None:
        """Raise BrokenPlugin for the first plugin with an invalid or ambiguous name."""
        for info in found:
            doubles = [other.full_name for other in found if other.name == info.name]
            if info.name in self.builtins or info.name in self.aliases:
                problem = "its name is that of a built-in, which has precedence"
            elif len(doubles) > 1:
                problem = f"the name is shared by {' and '.join(doubles)}"
            elif not NAME.match(info.name):
                problem = f"its name must match {NAME.pattern}"
            else:
                continue
            help = f"uninstall one of them, or unset {STRICT}, which makes this an error"
            raise BrokenPlugin(f"{info.described}: {problem}", help=help)

    def _builtin_info(self, name: str) -> PluginInfo:
        from mlpkit.version import __version__

        return PluginInfo(self.kind, name, BUILTIN, __version__, self.builtins[name])

    def _own_info(self, name: str) -> PluginInfo:
        cls = self._own[name]
        return PluginInfo(self.kind, name, None, None, f"{cls.__module__}:{cls.__qualname__}", self._sources.get(name))

    # -- from a name to its class

    def find(self, name: str) -> PluginInfo:
        """Return information about the plugin of a name, without importing it.

        Parameters
        ----------
        name : str
            A bare name, an alias, or a full name (``distribution:name``); ``:name`` for one that is not a built-in.

        Raises
        ------
        MissingPlugin
            No plugin has this name; the message lists similar names and the installed plugins.
        AmbiguousPlugin
            Several distributions have it; the message lists the full names to choose from.
        """
        bare = name.removeprefix(f"{BUILTIN}:")
        builtin, own = self.aliases.get(bare, bare), bare.removeprefix(":")
        if builtin in self.builtins and (bare in self.builtins or bare != name or bare not in self._own):
            return self._builtin_info(builtin)
        if own in self._own:
            return self._own_info(own)
        matches = list({info.full_name: info for info in self._found() if own in (info.name, info.full_name)}.values())
        if not matches:
            raise self._missing(bare)
        if len(matches) > 1:
            names = " or ".join(repr(info.full_name) for info in matches)
            raise AmbiguousPlugin(
                f"{name!r} is the name of {len(matches)} installed {self.kind}",
                help=f"write the full name: {names}",
            )
        return matches[0]

    def get(self, name: str) -> type[T]:
        """Return the class of a name; import it at first use.

        Raises
        ------
        MissingPlugin, AmbiguousPlugin
            Same as for `find`.
        BrokenPlugin
            The plugin cannot be imported, or is not a plugin of this kind.
        """
        info = self.find(name)
        if info.distribution is None:
            return self._own[info.name]
        if info.full_name not in self._loaded:
            self._loaded[info.full_name] = self._load(info)
        return self._loaded[info.full_name]

    def _load(self, info: PluginInfo) -> type[T]:
        try:
            if not NAME.match(info.name):
                raise ValueError(f"the name {info.name!r} must match {NAME.pattern}")
            module, attribute = installed.parts(info.target)
            if not module or not attribute:
                raise ValueError("an entry point is name = 'module:Class'")
            loaded: Any = operator.attrgetter(attribute)(importlib.import_module(module))
            check_class(loaded, self.base)
            checked: type[T] = loaded
            return checked
        except (Exception, SystemExit) as error:
            message = f"{info.described} is broken: {type(error).__name__}: {error}"
            help = f"reinstall or update {info.distribution}, or report the output of 'mlpkit plugins check {info.full_name}' to its author"
            raise BrokenPlugin(message, help=help) from error

    def _missing(self, name: str) -> MissingPlugin:
        shut_out = {info.distribution for info in self._declared() if name in (info.name, info.full_name)}
        if shut_out:
            help = f"unset {PLUGINS} or add {shortened(', '.join(map(str, sorted(shut_out, key=str))), 100)} to it"
            return MissingPlugin(f"{PLUGINS} excludes the {singular(self.kind)} {shortened(name, 100)!r}", help=help)
        name = shortened(name, 100)  # longer texts are similar to no name, and slow to compare
        here = [info.name for info in self.installed()]
        hint, advice = suggestion(snake_case(name), {*here, *self.aliases}), installation(self.kind, name, snake_case(name))
        more = f" ('mlpkit plugins list -g {self.kind}' shows all)" if len(here) > MOST_NAMED else ""
        help = f"{advice}installed: {first_few(here, MOST_NAMED) or 'none'}{more}{getattr(self.base, 'if_missing', '')}"
        return MissingPlugin(f"unknown {singular(self.kind)} {name!r}{hint}", help=help)

    # -- from a class to its name

    def info(self, cls: type[T]) -> PluginInfo:
        """Return information about a class. A class that no distribution provides is registered under its own name.

        Raises
        ------
        BrokenPlugin
            As for `add`.
        """
        if isinstance(replaced_plugin := vars(cls).get("replaced_plugin"), PluginInfo):  # a placeholder for a missing plugin
            return replaced_plugin
        for name, builtin in self.builtins.items():
            package, _, attribute = builtin.partition(":")
            if cls.__qualname__ == attribute and f"{cls.__module__}.".startswith(f"{package}."):
                return self._builtin_info(name)
        for info in self._found():
            if installed.imported(info.target) is cls:
                return info
        return self.add(cls)

    def add(self, cls: type[T]) -> PluginInfo:
        """Register a user's class under its name in snake_case.

        Raises
        ------
        BrokenPlugin
            The class does not fulfil its contract, or has the name of another user's class or of a built-in without `since`.
        """
        name = snake_case(cls.__name__)
        if self._own.get(name) is cls:
            return self._own_info(name)
        try:
            check_class(cls, self.base)
            if not NAME.match(name):
                raise TypeError(f"its name would be {name!r}, which must match {NAME.pattern}")
            if name in self.builtins and not hasattr(self.get(name), "since"):
                raise TypeError(f"{name!r} is the name of a built-in: give the class another name")
            if name in self._own and self._own_info(name).target != f"{cls.__module__}:{cls.__qualname__}":
                raise TypeError(f"{name!r} is already the name of your {self._own_info(name).target}: give the class another name")
        except TypeError as error:
            raise BrokenPlugin(f"{cls.__name__} cannot be one of the {self.kind}: {error}") from error
        self._own[name], self._sources[name] = cls, source_of(cls)
        return self._own_info(name)


def own_name(kind: str, name: str) -> str:
    """Return the full name of a user's class: ``:gelu`` if a built-in has the name, else the name alone."""
    return f":{name}" if name in CLASSES.get(kind, ()) else name


def singular(kind: str) -> str:
    """Return the name of a kind in the singular, such as "activation" or "loss"."""
    return "loss" if kind == "losses" else kind.removesuffix("s")


def snake_case(name: str) -> str:
    """Return the plugin name of a class: ``LeakyReLU`` -> ``leaky_relu``."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name.replace("ReLU", "Relu"))
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
