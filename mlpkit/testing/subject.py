"""Plugin object to check, from an object, a class or a name, and information about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from mlpkit.errors import AmbiguousPlugin, BrokenPlugin, MissingPlugin, PluginError
from mlpkit.plugin import REGISTRIES, Plugin, example_options
from mlpkit.plugin.base import reason
from mlpkit.plugin.registry import PluginInfo, snake_case


def as_plugin(plugin: Plugin | type[Plugin] | str, kind: str | None = None) -> Plugin:
    """Return the object to check: the given one, or one with default options from a class or a name.

    Raises
    ------
    PluginError
        It is not a plugin, its name is unknown or ambiguous, or it has options without a default.
    """
    if kind is not None and kind not in REGISTRIES:
        raise ValueError(f"unknown kind of plugin {kind!r}; one of {', '.join(REGISTRIES)}")
    if isinstance(plugin, str):
        plugin = _named(plugin, kind)
    found = plugin if isinstance(plugin, Plugin) else _made(plugin)
    if getattr(found, "kind", None) not in REGISTRIES:
        raise BrokenPlugin(
            f"{type(found).__name__} is not of a known kind of plugin", help="derive it from mlpkit.Elementwise or another contract"
        )
    if kind not in (None, found.kind):
        raise PluginError(f"{type(found).__name__} belongs to the {found.kind}, not to the {kind}", help="omit kind")
    return found


def _named(name: str, kind: str | None) -> type[Plugin]:
    if kind is not None:
        cls: type[Plugin] = REGISTRIES[kind].get(name)
        return cls
    kinds = list(_kinds_with(name))
    if len(kinds) > 1:
        help = f"specify the kind: {' or '.join(f'kind={kind!r}' for kind in kinds)}; or give the class"
        raise AmbiguousPlugin(f"{name!r} is a name of several kinds: {' and '.join(kinds)}", help=help)
    if kinds:
        return _named(name, kinds[0])
    names = sorted({info.name for registry in REGISTRIES.values() for info in registry.installed()})
    near = difflib.get_close_matches(name[:100], names, n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise MissingPlugin(f"no plugin of any kind is called {name[:100]!r}{hint}", help="mlpkit plugins list shows what is installed")


def _kinds_with(name: str) -> Iterator[str]:
    for kind, registry in REGISTRIES.items():
        try:
            registry.find(name)
        except AmbiguousPlugin:
            yield kind
        except MissingPlugin:
            continue
        else:
            yield kind


def _made(cls: Any) -> Plugin:
    """Return an object with default options."""
    if not (isinstance(cls, type) and issubclass(cls, Plugin)):
        raise PluginError(f"{cls!r} is not a plugin", help="give an object, a class or the name of one")
    options = example_options(cls)
    required = [name for name, field in cls.model_fields.items() if field.is_required() and name not in options]
    if required:
        example = ", ".join(f"{name}=..." for name in required)
        message = f"{cls.__name__} has options without a default: {', '.join(required)}"
        raise PluginError(message, help=f"give an object: {cls.__name__}({example})")
    try:
        return cls(**options)
    except TypeError as error:  # an abstract class
        raise BrokenPlugin(f"{cls.__name__} cannot be used: {error}", help="define the missing methods") from error
    except (Exception, SystemExit) as error:
        own = "__init__" in vars(cls)
        help = "write no __init__: declare each option in the class, such as beta: float = 1.0" if own else "correct the defaults"
        raise BrokenPlugin(f"{cls.__name__} does not accept its own defaults: {_said(error)}", help=help) from error


def _said(error: BaseException) -> str:
    """Return the message of an exception on one line, with the options that an error of Pydantic refers to."""
    if not isinstance(error, ValidationError) or error.errors()[0]["type"] == "frozen_instance":
        return reason(error)
    return "; ".join(": ".join([".".join(map(str, problem["loc"])), problem["msg"]]) for problem in error.errors())


def info_of(plugin: Plugin) -> PluginInfo:
    """Return the origin of a plugin, also for a name that its registry rejects."""
    cls = type(plugin)
    try:
        return REGISTRIES[plugin.kind].info(cls)
    except PluginError:
        return PluginInfo(plugin.kind, snake_case(cls.__name__), None, None, f"{cls.__module__}:{cls.__qualname__}")


def options_of(plugin: Plugin) -> dict[str, Any]:
    """Return the options as JSON values, or as strings if they are not valid JSON, which another check reports."""
    try:
        return plugin.model_dump(mode="json")
    except Exception:
        return {name: repr(value) for name, value in plugin}
