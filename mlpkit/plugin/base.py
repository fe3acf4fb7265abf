"""Plugin: a frozen Pydantic model that is both the options and the behaviour.

A field is an option, with its default, its limits, its documentation and its JSON Schema, written once. A field that
is annotated with a contract (`activation: Activation`) takes a plugin's name, a mapping with `type` and options, a
class or an object.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.errors import BrokenPlugin, PluginError
from mlpkit.plugin import entry_points
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.registry import BUILTIN, PluginInfo, Registry
from mlpkit.text.limits import check_keys, whole_numbers

REGISTRIES: dict[str, Registry[Any]] = {}  # by kind; filled where the contracts are
_stand_ins: ContextVar[Mapping[tuple[str, str], type[Plugin]]] = ContextVar("stand_ins", default=MappingProxyType({}))


def to_entry(plugin: Plugin) -> str | dict[str, Any]:
    """A plugin as a spec writes it: its name, or a mapping with ``type`` and every option."""
    return entry(REGISTRIES[plugin.kind].info(type(plugin)).full_name, plugin.model_dump(mode="json"))


def entry(name: str, options: Mapping[str, Any]) -> str | dict[str, Any]:
    """A plugin of a full name with all its options, as a spec writes it."""
    return {"type": name, **options} if options else name


def is_outside(plugin: Plugin) -> bool:
    """Return whether mlpkit does not bring a plugin."""
    return REGISTRIES[plugin.kind].info(type(plugin)).distribution != BUILTIN


@contextmanager
def standing_in(classes: Mapping[tuple[str, str], type[Plugin]]) -> Iterator[None]:
    """A context in which these names, by kind and full name, mean other classes than those that are installed."""
    token = _stand_ins.set(classes)
    try:
        yield
    finally:
        _stand_ins.reset(token)


def resolve(contract: type[Plugin], value: Any) -> Any:
    """The plugin object that `value` stands for: an object, a class, a name, or a mapping with ``type`` and options."""
    registry = REGISTRIES[contract.kind]
    try:
        if isinstance(value, contract):
            registry.info(type(value))
            return value
        if isinstance(value, type) and issubclass(value, contract):
            value = registry.info(value).full_name
        name, options = _name_and_options(registry, value)
        plugin = _stand_ins.get().get((contract.kind, name)) or registry.get(name)
    except PluginError as error:
        raise PydanticCustomError("plugin", "{message}", {"message": error.message, "error": error}) from error
    try:
        return plugin.model_validate(options)
    except Exception as error:
        if isinstance(error, ValidationError) and not _sets_itself(error):
            raise PydanticCustomError("plugin_options", "wrong options", {"plugin": plugin, "error": error}) from error
        message = f"{registry.info(plugin).described} fails when its options are checked: {reason(error)}"
        broken = BrokenPlugin(message, help="a check of options raises ValueError: correct the plugin, or tell its author")
        raise PydanticCustomError("plugin", "{message}", {"message": broken.message, "error": broken}) from error


RAISED = (Exception, SystemExit)  # what the code of a plugin may raise that ends no more than the plugin's part


def reason(error: BaseException) -> str:
    """Return what an exception of a plugin says, in a line; of one that sets an attribute, what to do instead."""
    if isinstance(error, ValidationError) and _sets_itself(error):
        name = ".".join(map(str, error.errors()[0]["loc"]))
        return (
            f"it sets self.{name}, but a plugin never changes: its fields are the options, without an __init__, "
            "and what an optimizer keeps is named in the class variable state"
        )
    return f"{type(error).__name__}: {error}"


def _sets_itself(error: ValidationError) -> bool:
    return {problem["type"] for problem in error.errors()} == {"frozen_instance"}


def _name_and_options(registry: Registry[Any], value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping):
        options = dict(value)
        name = options.pop("type", None)
        if isinstance(name, str):
            return name, options
    raise PydanticCustomError(
        "plugin_entry",
        'write the name of one of the {kind}, or {"type": NAME, ...} with its options',
        {"kind": registry.kind},
    )


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, (list, tuple)) else value


class Plugin(BaseModel, ABC):
    """Base of all plugins: frozen options, checked when the object is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)

    kind: ClassVar[str]
    without_effect: ClassVar[tuple[str, ...]] = ()  # options that change no number, such as the size of a block: see mlpkit.testing

    @classmethod
    def check_definition(cls) -> None:
        """Raise TypeError for a class that does not define what its contract needs; warn of an earlier form that still works."""

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, options: Any) -> Any:
        """JSON has no tuples, and an option must not be mutable; and 1e3 is an integer there."""
        check_keys(options, cls.model_fields)
        if not isinstance(options, dict):
            return options
        return whole_numbers({name: _as_tuple(value) for name, value in options.items()}, cls.model_fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A contract as a field takes whatever names one of its plugins; a plugin itself is an ordinary model."""
        if "kind" not in cls.__dict__:
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            lambda value: resolve(cls, value),
            serialization=core_schema.plain_serializer_function_ser_schema(to_entry),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """A contract as a field: every installed plugin, by name or with its options."""
        if "kind" not in cls.__dict__:
            return dict(handler(schema))
        return entries_schema(REGISTRIES[cls.kind])


def declares(plugin: Plugin, promise: str, *methods: str) -> bool:
    """Return True if every class that defines one of these methods of a plugin declares a promise about it as true.

    A subclass that overrides one of them must declare it anew. A promise may be a class variable or a property of the object.
    """
    owners = [next(cls for cls in type(plugin).__mro__ if method in vars(cls)) for method in methods]
    return all(promise in vars(owner) and bool(getattr(plugin, promise)) for owner in owners)


def refresh_plugins() -> None:
    """Look again at what is installed and at MLPKIT_PLUGINS: after an installation in a session that goes on."""
    entry_points.forget()
    for registry in REGISTRIES.values():
        registry.refresh()


def plugins(kind: str | None = None) -> tuple[PluginInfo, ...]:
    """Return what is installed, from where, without importing it.

    Parameters
    ----------
    kind : str, optional
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics" or "readers"; all of them when left out.

    Returns
    -------
    tuple of PluginInfo
        Built-ins first.
    """
    if kind is not None and kind not in REGISTRIES:
        raise ValueError(f"unknown kind of plugin {kind!r}; one of {', '.join(REGISTRIES)}")
    return tuple(info for name, registry in REGISTRIES.items() if kind in (None, name) for info in registry.installed())
