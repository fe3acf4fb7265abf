"""JSON Schema of a field for a plugin, with all installed plugins and their options, for use by editors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema

from mlpkit.errors import BrokenPlugin, PluginError
from mlpkit.plugin.environment import strict
from mlpkit.plugin.registry import PluginInfo, Registry

_open: ContextVar[frozenset[str]] = ContextVar("open", default=frozenset())  # kinds whose schema is being generated
_known: ContextVar[dict[tuple[str, frozenset[str]], dict[str, Any]]] = ContextVar("known")  # schemas by kind and open kinds


def entries_schema(registry: Registry[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a field of this kind: names, or one object per installed plugin.

    A broken plugin is left out, or raises an error with MLPKIT_STRICT_PLUGINS. Inside a plugin of the same kind, such as the optimizer
    inside a wrapper, the schema of an object contains only its name.
    """
    kinds, known = _open.get(), _known.get({})
    if (found := known.get((registry.kind, kinds))) is None:
        token = _open.set(kinds | {registry.kind})
        try:
            found = known[registry.kind, kinds] = _entries_schema(registry, inside=registry.kind in kinds)
        finally:
            _open.reset(token)
    return {"title": registry.kind, **found}


def with_definitions(schema: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a JSON Schema in which each kind of plugins stands once, among the definitions.

    Without them, the options of all schedules would be repeated for each optimizer, and for each field of optimizers.

    Parameters
    ----------
    schema : callable
        Returns the schema, as Pydantic generates it.
    """
    token = _known.set({})
    try:
        found = schema()
        definitions = _Definitions()
        found = definitions.moved(found)
        return {**found, "$defs": {**found.get("$defs", {}), **definitions.schemas}}
    finally:
        _known.reset(token)


class _Definitions:
    """Schemas of kinds of plugins, moved out of a schema. Inside a plugin of its kind it has only names."""

    def __init__(self) -> None:
        self.schemas: dict[str, dict[str, Any]] = {}

    def moved(self, part: Any) -> Any:
        """Return a part of a schema with references in place of the schemas of kinds."""
        if isinstance(part, list):
            return [self.moved(each) for each in part]
        if not isinstance(part, dict):
            return part
        kind, alternatives = part.get("title"), part.get("anyOf")
        if alternatives is None or not any(kind == known for known, _ in _known.get()):
            return {key: self.moved(each) for key, each in part.items()}
        moved = {"title": kind, "anyOf": self.moved(alternatives)}
        name = next((name for name, schema in self.schemas.items() if schema == moved), None)
        if name is None:
            whole = any("additionalProperties" in alternative for alternative in alternatives)
            base = f"{kind}" if whole else f"{kind}_by_name"
            count = sum(known.startswith(base) and not known[len(base) :].strip("_0123456789") for known in self.schemas)
            name = f"{base}_{count + 1}" if count else base
            self.schemas[name] = moved
        return {"$ref": f"#/$defs/{name}", **{key: each for key, each in part.items() if key not in ("title", "anyOf")}}


@contextmanager
def names_alone(kinds: Iterable[str]) -> Iterator[None]:
    """Return a context in which the schema of a field for a plugin of these kinds contains only names, not the options of each plugin."""
    token = _open.set(frozenset(kinds))
    try:
        yield
    finally:
        _open.reset(token)


def _entries_schema(registry: Registry[Any], inside: bool) -> dict[str, Any]:
    every: list[str] = []
    objects: list[dict[str, Any]] = []
    if inside:
        every = [name for info in registry.installed() for name in _names(registry, info)]
        return {"anyOf": [{"enum": every}, {"type": "object", "properties": {"type": {"enum": every}}, "required": ["type"]}]}
    for info in registry.installed():
        try:
            options = registry.get(info.full_name).model_json_schema()
        except PluginError:
            if strict():
                raise
            continue
        except Exception as error:  # JSON cannot represent the type of an option or of its default
            if strict():
                message = f"{info.described} has options that JSON cannot represent: {type(error).__name__}: {error}"
                raise BrokenPlugin(message, help="use numbers, strings, booleans and tuples of them") from error
            continue
        names = _names(registry, info)
        every += names
        properties = {"type": {"enum": names}, **options.get("properties", {})}
        described = {"description": options["description"]} if "description" in options else {}
        required = ["type", *options.get("required", [])]
        objects.append({"type": "object", **described, "properties": properties, "required": required, "additionalProperties": False})
    return {"anyOf": [{"enum": every}, *objects]}


def _names(registry: Registry[Any], info: PluginInfo) -> list[str]:
    """Return every name of a plugin: its own name if it is unique, its aliases and the full name."""
    names = dict.fromkeys([info.name, *registry.aliases, info.full_name, f"{info.distribution}:{info.name}"])
    return [name for name in names if _means(registry, name, info)]


def _means(registry: Registry[Any], name: str, info: PluginInfo) -> bool:
    try:
        return registry.find(name) == info
    except PluginError:
        return False


@dataclass(frozen=True)
class Words:
    """Annotation of a field that accepts some words besides its own type, for its JSON Schema."""

    words: tuple[str, ...]

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.words)}, handler(schema)]}
