"""User code: plugin classes passed in Python, or all that a Python file defines."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import PydanticSchemaGenerationError, PydanticUserError

from mlpkit.errors import BrokenPlugin
from mlpkit.files.paths import as_path
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.registry import PluginInfo

# messages of Pydantic for an option without a type, and for one of an unsupported type
UNTYPED = re.compile(r"non-annotated attribute was detected: `(?P<name>\w+) = (?P<value>[^`]*)`")
SCHEMALESS = re.compile(r"schema for <class '(?P<type>[^']+)'>")

TYPES = {"bool": "True|False", "int": r"-?\d+", "str": r"'.*'|\".*\""}

_modules: dict[str, Path] = {}  # module names of files that have been run, and the files
_helpers: dict[str, Path] = {}  # modules imported from the folders of these files, and the folders


def register(*plugins: type[Plugin]) -> list[PluginInfo]:
    """Register plugin classes by their names in snake_case, for specs and model files read afterwards.

    Raises
    ------
    BrokenPlugin
        A class does not fulfil its contract, or has the name of a built-in that has always existed.
    """
    return [REGISTRIES[plugin.kind].info(plugin) for plugin in plugins]


def register_file(path: str | Path) -> list[PluginInfo]:
    """Run a Python file and register every plugin class that it defines.

    Modules in its folder can be imported while it runs, as for a script.

    Raises
    ------
    BrokenPlugin
        The file cannot be read or run, defines no plugin, or defines one that does not fulfil its contract.
    """
    path = as_path(path, BrokenPlugin, "the file of plugins")
    if not _is_file(path):
        raise BrokenPlugin(f"there is no file {path}", help="give the path of a .py file that defines plugin classes")
    name = _module_name(path.resolve())
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise BrokenPlugin(f"{path} is not a Python file", help="give the path of a .py file that defines plugin classes")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be pickled and its annotations resolved
    try:
        with _beside(path.resolve().parent):  # without a bytecode cache, which would write a file and could be outdated
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what, help = _what_failed(error)
        raise BrokenPlugin(f"{path} does not run: {what}", help=help) from error
    return register(*_plugins(path, name, vars(module).values()))


def _module_name(path: Path) -> str:
    """Return the module name for a file; it has a number if another file in use has the same name."""
    used = {cls.__module__ for registry in REGISTRIES.values() for cls in registry.own()}
    for number in itertools.count(1):
        name = f"mlpkit_code_{path.stem}" + (f"_{number}" if number > 1 else "")
        other = _modules.get(name, path)
        if other == path or name not in used or not other.exists():
            _modules[name] = path
            break
    return name


def _is_file(path: Path) -> bool:
    """Return True if a path is an existing file; False for an invalid path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Return a context in which modules of a folder can be imported; modules of the same names from other folders are removed."""
    for name, other in list(_helpers.items()):
        if other != folder and is_beside(name.partition(".")[0], folder):
            sys.modules.pop(name, None)
            del _helpers[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        _helpers.update((name, folder) for name in set(sys.modules) - before if is_beside(name.partition(".")[0], folder))


def is_beside(module: str, folder: Path) -> bool:
    """Return True if a folder has a module or package of a name."""
    return (folder / f"{module}.py").is_file() or (folder / module / "__init__.py").is_file()


def _what_failed(error: BaseException) -> tuple[str, str]:
    """Return the message and the advice for an exception raised by a file."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"it needs the module {error.name!r}, which is not installed", "install it, or put it into the folder of the file"
    if isinstance(error, PydanticUserError) and (found := UNTYPED.search(error.message)):
        name, value = found["name"], found["value"]
        return f"the option {name!r} has no type", f"add one: {name}: {_type_of(value)} = {value}"
    if isinstance(error, PydanticSchemaGenerationError):
        found = SCHEMALESS.search(error.message)
        told = f"an option has the type {found['type']}" if found else "an option has a type"
        return (
            f"{told}, which JSON cannot represent",
            "use float, int, bool, str or a tuple of them in the class, and convert in its methods",
        )
    return f"{type(error).__name__}: {error}", "correct the file"


def _type_of(value: str) -> str:
    """Return the type of a literal; float if it is not one of the types of a spec."""
    return next((name for name, written in TYPES.items() if re.fullmatch(written, value)), "float")


def _plugins(path: Path, module: str, values: Iterable[object]) -> list[type[Plugin]]:
    classes = [value for value in values if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module]
    plugins = [cls for cls in classes if not inspect.isabstract(cls)]
    unfinished = [cls for cls in classes if cls not in plugins and not any(issubclass(plugin, cls) for plugin in plugins)]
    if unfinished:
        missing = "; ".join(f"{cls.__name__} does not define {', '.join(sorted(cls.__abstractmethods__))}" for cls in unfinished)
        raise BrokenPlugin(f"{path}: {missing}", help="define the missing methods")
    if not plugins:
        raise BrokenPlugin(f"{path} defines no plugin", help="derive a class from mlpkit.Elementwise or another contract")
    return plugins
