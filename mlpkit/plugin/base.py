"""Base class of plugins: a frozen Pydantic model that holds both the options and the behaviour.

A field is an option, whose default, limits, documentation and JSON Schema are declared once. A field annotated with a contract
(`activation: Activation`) accepts the name of a plugin, a mapping with `type` and options, a class or an object.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.errors import BrokenPlugin, PluginError, warn
from mlpkit.plugin import entry_points
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.registry import BUILTIN, PluginInfo, Registry, own_name, snake_case
from mlpkit.text.limits import check_keys, whole_numbers

REGISTRIES: dict[str, Registry[Any]] = {}  # by kind; filled by the module of the contracts
_replacements: ContextVar[Mapping[tuple[str, str], type[Plugin]] | None] = ContextVar("replacements", default=None)  # of a file


def to_entry(plugin: Plugin) -> str | dict[str, Any]:
    """Return a plugin as in a spec: its name, or a mapping with ``type`` and every option."""
    return entry(REGISTRIES[plugin.kind].info(type(plugin)).full_name, plugin.model_dump(mode="json"))


def entry(name: str, options: Mapping[str, Any]) -> str | dict[str, Any]:
    """Return a plugin with a full name and all its options as in a spec."""
    return {"type": name, **options} if options else name


def plugin_name(plugin: Plugin) -> str:
    """Return the name of a plugin object, without its distribution."""
    name: str = REGISTRIES[plugin.kind].info(type(plugin)).name
    return name


def is_third_party(plugin: Plugin) -> bool:
    """Return True for a third-party plugin or a user's class, False for a built-in."""
    return REGISTRIES[plugin.kind].info(type(plugin)).distribution != BUILTIN


@contextmanager
def use_replacements(classes: Mapping[tuple[str, str], type[Plugin]]) -> Iterator[None]:
    """Return a context in which these names, by kind and full name, refer to other classes than the installed ones."""
    token = _replacements.set(classes)
    try:
        yield
    finally:
        _replacements.reset(token)


def resolve(contract: type[Plugin], value: Any) -> Any:
    """Return the plugin object for an object, a class, a name, or a mapping with ``type`` and options."""
    registry = REGISTRIES[contract.kind]
    try:
        if isinstance(value, contract):
            registry.info(type(value))
            return value
        if isinstance(value, type) and issubclass(value, contract):
            value = registry.info(value).full_name
        name, options = _name_and_options(registry, value)
        replaced = _replacements.get()
        if replaced is None:
            _warn_of_own(registry, name)
        plugin = (replaced or {}).get((contract.kind, name)) or registry.get(name)
    except PluginError as error:
        raise PydanticCustomError("plugin", "{message}", {"message": error.message, "error": error}) from error
    try:
        return plugin.model_validate(options)
    except Exception as error:
        if isinstance(error, ValidationError) and not _sets_itself(error):
            raise PydanticCustomError("plugin_options", "wrong options", {"plugin": plugin, "error": error}) from error
        message = f"{registry.info(plugin).described} fails when its options are checked: {reason(error)}"
        broken = BrokenPlugin(
            message, help="a validator of options must raise ValueError: correct the plugin, or report this to its author"
        )
        raise PydanticCustomError("plugin", "{message}", {"message": broken.message, "error": broken}) from error


def _warn_of_own(registry: Registry[Any], name: str) -> None:
    """Warn if a name means a built-in, and a registered class of the user has it too."""
    if name in registry.builtins and any(snake_case(cls.__name__) == name for cls in registry.own()):
        message = f"{name!r} is the built-in of the {registry.kind}; your class of this name is {own_name(registry.kind, name)!r} in a spec"
        warn(UserWarning(f"{message}: write that, or 'mlpkit:{name}' for the built-in"))


RAISED = (Exception, SystemExit)  # exceptions of plugin code that are turned into errors


def reason(error: BaseException) -> str:
    """Return the message of an exception of a plugin on one line; for an assignment to an attribute, the alternative."""
    if isinstance(error, ValidationError) and _sets_itself(error):
        name = ".".join(map(str, error.errors()[0]["loc"]))
        return (
            f"it sets self.{name}, but plugins are immutable: declare options as fields, without an __init__, "
            "and list the arrays that an optimizer keeps in the class variable state"
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
    """Base class of all plugins, with frozen options that are validated when an object is created."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)

    kind: ClassVar[str]
    of_a_run: ClassVar[bool] = False  # True for a kind that is chosen for a run or found by it, and is no part of a model
    if_missing: ClassVar[str] = "; for user code: --code FILE, or pass the class"  # advice behind the names of the installed ones
    without_effect: ClassVar[tuple[str, ...]] = ()  # options that change no result, such as a block size; see mlpkit.testing

    def __str__(self) -> str:
        """Return name and options, such as ``Adam(learning_rate=0.001, ...)``."""
        return repr(self)

    @classmethod
    def check_definition(cls) -> None:
        """Raise TypeError if the class lacks definitions that its contract needs, besides abstract methods."""

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, options: Any) -> Any:
        """Convert lists to tuples, because options must be immutable, and floats such as 1e3 to integers."""
        check_keys(options, cls.model_fields)
        if not isinstance(options, dict):
            return options
        return whole_numbers({name: _as_tuple(value) for name, value in options.items()}, cls.model_fields)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Return a schema for a field: a contract accepts any reference to a plugin, a plugin itself is an ordinary model."""
        if "kind" not in cls.__dict__:
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            lambda value: resolve(cls, value),
            serialization=core_schema.plain_serializer_function_ser_schema(to_entry),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """Return a JSON Schema for a field: for a contract, all installed plugins by name or with options."""
        if "kind" not in cls.__dict__:
            return dict(handler(schema))
        return entries_schema(REGISTRIES[cls.kind])


def example_options(cls: type[Plugin]) -> dict[str, Any]:
    """Return the first example of each option that has no default and declares one: `Field(examples=["sgd"])`."""
    required = {name: field for name, field in cls.model_fields.items() if field.is_required()}
    return {name: field.examples[0] for name, field in required.items() if field.examples}


def declares(plugin: Plugin, promise: str, *methods: str) -> bool:
    """Return True if every class that defines one of these methods declares a property of them as true.

    A subclass that overrides one of the methods must declare it again. The declaration is a class variable or a property of the object.
    """
    owners = [next(cls for cls in type(plugin).__mro__ if method in vars(cls)) for method in methods]
    return all(promise in vars(owner) and bool(getattr(plugin, promise)) for owner in owners)


def refresh_plugins() -> None:
    """Read the installed distributions and MLPKIT_PLUGINS again, after an installation in a running session."""
    entry_points.forget()
    for registry in REGISTRIES.values():
        registry.refresh()


def plugins(kind: str | None = None) -> tuple[PluginInfo, ...]:
    """Return the installed plugins with their origin, without importing them.

    Parameters
    ----------
    kind : str, optional
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics", "readers", "exchanges",
        "kernels" or "engines"; default: all kinds.

    Returns
    -------
    tuple of PluginInfo
        Built-in plugins come first.
    """
    if kind is not None and kind not in REGISTRIES:
        raise ValueError(f"unknown kind of plugin {kind!r}; one of {', '.join(REGISTRIES)}")
    return tuple(info for name, registry in REGISTRIES.items() if kind in (None, name) for info in registry.installed())
