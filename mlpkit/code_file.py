"""Plugins of the user's own, with no packaging: classes passed in Python, or all that a Python file defines."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from mlpkit.errors import BrokenPlugin
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.registry import PluginInfo


def register(*plugins: type[Plugin]) -> list[PluginInfo]:
    """Make plugin classes known by their names in snake_case, for specs and model files read from now on.

    Raises
    ------
    BrokenPlugin
        A class breaks its contract, or has the name of a built-in.
    """
    return [REGISTRIES[plugin.kind].info(plugin) for plugin in plugins]


def register_file(path: str | Path) -> list[PluginInfo]:
    """Run a Python file and make every plugin class that it defines known.

    Raises
    ------
    BrokenPlugin
        The file cannot be read or run, defines no plugin, or one that breaks its contract.
    """
    path = Path(path)
    if not path.is_file():
        raise BrokenPlugin(f"there is no file {path}", help="give the path of a .py file that defines plugin classes")
    name = f"mlpkit_code_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{path} is not a Python file", help="give the path of a .py file that defines plugin classes")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be pickled and its annotations resolved
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BrokenPlugin(f"{path} does not run: {type(error).__name__}: {error}", help="correct the file") from error
    return register(*_plugins(path, name, vars(module).values()))


def _plugins(path: Path, module: str, values: Iterable[object]) -> list[type[Plugin]]:
    classes = [value for value in values if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module]
    plugins = [cls for cls in classes if not inspect.isabstract(cls)]
    unfinished = [cls for cls in classes if cls not in plugins and not any(issubclass(plugin, cls) for plugin in plugins)]
    if unfinished:
        missing = "; ".join(f"{cls.__name__} does not define {', '.join(sorted(cls.__abstractmethods__))}" for cls in unfinished)
        raise BrokenPlugin(f"{path}: {missing}", help="define what is missing")
    if not plugins:
        raise BrokenPlugin(f"{path} defines no plugin", help="derive a class from mlpkit.Elementwise or another contract")
    return plugins
