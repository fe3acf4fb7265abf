"""Registry: from a name to a plugin class, for one kind of plugin.

It reads the metadata of installed distributions (entry points) and imports a plugin only when its name is asked for,
so one broken plugin breaks nothing but itself. It stands above the contracts in `plugin/`, since a contract's own
fields are looked up by name too (an optimizer's learning-rate schedule).
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
from mlpkit.plugin.class_checks import check_class
from mlpkit.plugin.environment import PLUGINS, STRICT, counts, strict
from mlpkit.plugin.source_file import SourceFile, source_of
from mlpkit.plugin.suggestions import installation, suggestion
from mlpkit.text.shown import shortened

NAME = re.compile(r"^[a-z][a-z0-9_]{0,99}$")  # short enough for a name in a model file
BUILTIN = "mlpkit"
T = TypeVar("T")


@dataclass(frozen=True)
class PluginInfo:
    """The facts of a plugin that are known without importing it.

    Attributes
    ----------
    kind : str
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics" or "readers".
    name : str
        The name that a spec uses.
    distribution, version : str or None
        The installed distribution it comes from; None for a class of the user's own.
    target : str
        Where the class is: ``module:Class``.
    code : SourceFile or None
        The file that defines a class of the user's own.
    """

    kind: str
    name: str
    distribution: str | None
    version: str | None
    target: str
    code: SourceFile | None = None

    @property
    def full_name(self) -> str:
        """The name that stays unambiguous: ``mlpkit-snake:snake``; built-in and own plugins keep the bare one."""
        bare = self.distribution in (None, BUILTIN)
        return self.name if bare else f"{self.distribution}:{self.name}"

    @property
    def singular(self) -> str:
        """One of its kind: "activation", "loss"."""
        return singular(self.kind)

    @property
    def source(self) -> str:
        """Distribution and version, as a person would say it."""
        return f"{self.distribution} {self.version}" if self.distribution else f"your own class {self.target}"

    @property
    def described(self) -> str:
        """Return what it is and where it is from, as the subject of a sentence."""
        entry = f" (entry point {self.target or 'without a target'})" if self.distribution else ""
        return f"the {self.singular} {self.name!r} of {self.source}{entry}"


class Registry(Generic[T]):
    """The plugins of one kind.

    Parameters
    ----------
    kind : str
        The kind, which is also the entry-point group after ``mlpkit.``.
    base : type
        The contract: every plugin of this kind derives from it.
    builtins : mapping of str to str
        Name to ``module:Class`` for what mlpkit brings.
    aliases : mapping of str to str
        Other names of built-ins; specs are stored with the canonical name.
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

    # -- what is there, by metadata alone

    def installed(self) -> tuple[PluginInfo, ...]:
        """Every plugin of this kind, built-ins first; nothing is imported."""
        builtins = [self._builtin_info(name) for name in self.builtins]
        own = [self._own_info(name) for name in self._own]
        return (*builtins, *own, *self._found())

    def own(self) -> tuple[type[T], ...]:
        """The classes of the user's own."""
        return tuple(self._own.values())

    def refresh(self) -> None:
        """Look again at what is installed."""
        self._infos = None
        self._loaded.clear()

    def _found(self) -> list[PluginInfo]:
        """The plugins of other distributions, read once."""
        if self._infos is None:
            found = sorted((info for info in self._declared() if counts(info.distribution or "")), key=lambda info: info.full_name)
            if strict():
                self._refuse_doubtful(found)
            self._infos = found
        return self._infos

    def _declared(self) -> list[PluginInfo]:
        """All that other distributions declare, those that do not count included."""
        points = [point for point in installed.entry_points() if point.group == self.group and point.distribution != BUILTIN]
        return [PluginInfo(self.kind, point.name, point.distribution, point.version, point.target) for point in points]

    def _refuse_doubtful(self, found: list[PluginInfo]) -> None:
        """Raise for the first plugin whose bare name is no name, or means another one."""
        for info in found:
            doubles = [other.full_name for other in found if other.name == info.name]
            if info.name in self.builtins or info.name in self.aliases:
                problem = "its name is that of a built-in, which the bare name always means"
            elif len(doubles) > 1:
                problem = f"the name is that of {' and of '.join(doubles)}"
            elif not NAME.match(info.name):
                problem = f"its name must match {NAME.pattern}"
            else:
                continue
            help = f"uninstall one of them, or unset {STRICT}, which makes an error of it"
            raise BrokenPlugin(f"{info.described}: {problem}", help=help)

    def _builtin_info(self, name: str) -> PluginInfo:
        from mlpkit.version import __version__

        return PluginInfo(self.kind, name, BUILTIN, __version__, self.builtins[name])

    def _own_info(self, name: str) -> PluginInfo:
        cls = self._own[name]
        return PluginInfo(self.kind, name, None, None, f"{cls.__module__}:{cls.__qualname__}", self._sources.get(name))

    # -- from a name to its class

    def find(self, name: str) -> PluginInfo:
        """Return what a name means, without importing it.

        Parameters
        ----------
        name : str
            A bare name, an alias, or a full name (``distribution:name``).

        Raises
        ------
        MissingPlugin
            No plugin has this name; the error lists the nearest and the installed ones.
        AmbiguousPlugin
            Several distributions have it; the error shows the full names to choose from.
        """
        name = name.removeprefix(f"{BUILTIN}:")
        name = self.aliases.get(name, name)
        if name in self.builtins:
            return self._builtin_info(name)
        if name in self._own:
            return self._own_info(name)
        matches = list({info.full_name: info for info in self._found() if name in (info.name, info.full_name)}.values())
        if not matches:
            raise self._missing(name)
        if len(matches) > 1:
            names = " or ".join(repr(info.full_name) for info in matches)
            raise AmbiguousPlugin(
                f"{name!r} is the name of {len(matches)} installed {self.kind}",
                help=f"write the full name: {names}",
            )
        return matches[0]

    def get(self, name: str) -> type[T]:
        """The class of a name, imported now if it was not yet.

        Raises
        ------
        MissingPlugin, AmbiguousPlugin
            As `find`.
        BrokenPlugin
            It does not import, or is no plugin of this kind.
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
            help = f"reinstall or update {info.distribution}, or tell its author, whom 'mlpkit plugins check {info.full_name}' helps"
            raise BrokenPlugin(message, help=help) from error

    def _missing(self, name: str) -> MissingPlugin:
        shut_out = {info.distribution for info in self._declared() if name in (info.name, info.full_name)}
        if shut_out:
            help = f"unset {PLUGINS} or add {shortened(', '.join(map(str, sorted(shut_out, key=str))), 100)} to it"
            return MissingPlugin(f"{PLUGINS} excludes the {singular(self.kind)} {shortened(name, 100)!r}", help=help)
        name = shortened(name, 100)  # what is longer than any name is near to none, and slow to compare
        here = [info.name for info in self.installed()]
        hint, advice = suggestion(snake_case(name), {*here, *self.aliases}), installation(self.kind, name, snake_case(name))
        known = ", ".join(shortened(name, 100) for name in here)
        help = f"{advice}installed: {known}; one of your own: --code FILE, or pass its class"
        return MissingPlugin(f"unknown {singular(self.kind)} {name!r}{hint}", help=help)

    # -- from a class to its name

    def info(self, cls: type[T]) -> PluginInfo:
        """Return where a class comes from. One that no distribution brings is added under its own name.

        Raises
        ------
        BrokenPlugin
            The class breaks the contract, or its name is that of a built-in.
        """
        if isinstance(stands_for := vars(cls).get("stands_for"), PluginInfo):  # it takes the place of a plugin that is missing
            return stands_for
        target = f"{cls.__module__}:{cls.__qualname__}"
        for name, builtin in self.builtins.items():
            if builtin == target:
                return self._builtin_info(name)
        for info in self._found():
            if installed.imported(info.target) is cls:
                return info
        return self.add(cls)

    def add(self, cls: type[T]) -> PluginInfo:
        """Make a class of the user's own known by its name in snake_case, with no packaging.

        Raises
        ------
        BrokenPlugin
            The class breaks the contract, or its name is that of a built-in or of another class of yours.
        """
        name = snake_case(cls.__name__)
        if self._own.get(name) is cls:
            return self._own_info(name)
        try:
            check_class(cls, self.base)
            if not NAME.match(name):
                raise TypeError(f"its name would be {name!r}, which must match {NAME.pattern}")
            if name in self.builtins or name in self.aliases:
                raise TypeError(f"{name!r} is the name of a built-in: give the class another name")
            if name in self._own and self._own_info(name).target != f"{cls.__module__}:{cls.__qualname__}":
                raise TypeError(f"{name!r} already means your {self._own_info(name).target}: give the class another name")
        except TypeError as error:
            raise BrokenPlugin(f"{cls.__name__} cannot be one of the {self.kind}: {error}") from error
        self._own[name], self._sources[name] = cls, source_of(cls)
        return self._own_info(name)


def singular(kind: str) -> str:
    """One of a kind: "activation", "loss"."""
    return "loss" if kind == "losses" else kind.removesuffix("s")


def snake_case(name: str) -> str:
    """``LeakyReLU`` -> ``leaky_relu``: the plugin name of a class."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name.replace("ReLU", "Relu"))
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
