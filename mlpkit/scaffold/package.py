"""A new package: its files, from the templates in `mlpkit/scaffold/templates`, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpkit.errors import MLPKitError
from mlpkit.files.atomic import save_folder
from mlpkit.plugin.registry import singular
from mlpkit.scaffold.example import example, example_that_trains
from mlpkit.scaffold.imports import Imports, imports_of
from mlpkit.scaffold.names import Names, names_of
from mlpkit.scaffold.templates import filled
from mlpkit.scaffold.user_code import Own, plugins_of
from mlpkit.version import __version__

_KEYS = {"initializers": "weight_initializer", "schedules": "learning_rate", "readers": "format", "metrics": "metrics"}  # of a spec
TRAINABLE = ("activations", "losses", "optimizers")  # kinds for which an example is created from a user's file


@dataclass(frozen=True)
class Package:
    """Package that was written.

    Attributes
    ----------
    folder : Path
    distribution, module : str
    plugins : tuple of Own
        Plugins that the package declares.
    example : bool
        True if there is an example that trains.
    imports : Imports
        Imports of a user's file. Modules beside the file are not copied into the package.
    """

    folder: Path
    distribution: str
    module: str
    plugins: tuple[Own, ...]
    example: bool
    imports: Imports


def new_package(
    name: str, kind: str = "activations", *, code: Path | None = None, folder: Path | None = None, force: bool = False
) -> Package:
    """Write the folder of a package that can be installed and tested without changes.

    Parameters
    ----------
    name : str
        Name of the plugin, from which distribution, module and class are named.
    kind : str
        Kind of the plugin; ignored if `code` is given.
    code : Path, optional
        Python file of the user, which becomes the module unchanged. It is executed to find its plugins. The package depends on the
        installed distributions that the file imports; modules beside it are not copied.
    folder : Path, optional
        Folder to write; by default ``mlpkit-NAME`` in the working directory.
    force : bool
        True to write into an existing folder: files of the same names are replaced, others are kept.

    Raises
    ------
    MLPKitError
        The name cannot be used, or the folder exists.
    BrokenPlugin
        `code` cannot be run, or defines no plugin.
    OSError
        The folder cannot be written; no partial package is left.
    """
    names = names_of(name, None if code else kind)
    target = Path(names.distribution) if folder is None else folder
    _check_folder(target, force)
    files, plugins, imports = _from_template(names, kind) if code is None else _from_code(names, code)
    save_folder(target, files)
    return Package(target, names.distribution, names.module, tuple(plugins), "example/spec.json" in files, imports)


def _check_folder(target: Path, force: bool) -> None:
    if os.path.lexists(target) and not target.is_dir():
        raise MLPKitError(f"{target} is a file, not a folder", help="give another folder with --output")
    if target.exists() and not force:
        raise MLPKitError(f"the folder {target} exists", help="give another folder with --output, or use --force to replace its files")
    if not target.absolute().parent.is_dir():
        raise MLPKitError(f"there is no folder {target.parent} to write {target.name} into", help="create the folder first")


def _from_template(names: Names, kind: str) -> tuple[dict[str, bytes], list[Own], Imports]:
    """Return the files of an example plugin of a kind."""
    words = {"name": names.plugin, "cls": names.cls, "module": names.module}
    texts = {
        f"{names.module}/__init__.py": filled(f"{kind}/plugin.py.in", words),
        f"tests/test_{names.plugin}.py": filled(f"{kind}/test.py.in", words),
        **example(kind, names.plugin),
    }
    plugins = [Own(kind, names.plugin, names.cls, f"{names.cls}()")]
    return _with_common_files(names, plugins, {name: text.encode() for name, text in texts.items()}), plugins, Imports()


def _from_code(names: Names, code: Path) -> tuple[dict[str, bytes], list[Own], Imports]:
    """Return the files around a user's file."""
    plugins = plugins_of(code)
    ready = [plugin for kind in TRAINABLE for plugin in plugins if plugin.bare and plugin.kind == kind]
    files = next((found for plugin in ready if (found := example_that_trains(plugin.kind, plugin.name))), {})
    calls = "".join(f"    {plugin.call},\n" if plugin.call else _left_out(plugin) for plugin in plugins)
    words = {"distribution": names.distribution, "imports": _imports(names.module, plugins), "plugins": calls}
    files[f"tests/test_{names.plugin}.py"] = filled("own/test.py.in", words)
    raw = {name: text.encode() for name, text in files.items()} | {f"{names.module}/__init__.py": code.read_bytes()}
    imports = imports_of(code)
    return _with_common_files(names, plugins, raw, imports.requirements), plugins, imports


def _imports(module: str, plugins: Sequence[Own]) -> str:
    """Return the import statement of the tested classes."""
    classes = sorted({plugin.cls for plugin in plugins if plugin.call}, key=lambda cls: (not cls.isupper(), cls))
    if not classes:
        return f"import {module}  # noqa: F401"
    line, lines = ", ".join(classes), "".join(f"    {cls},\n" for cls in classes)
    return f"from {module} import " + (line if len(module) + len(line) < 74 else f"(\n{lines})")


def _left_out(plugin: Own) -> str:
    return f"    # {plugin.cls}(...): to test it, import it and set its options without a default\n"


def _with_common_files(names: Names, plugins: Sequence[Own], files: dict[str, bytes], requirements: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the files with those that every package has."""
    names_and_kinds = ", ".join(f"{plugin.name} ({singular(plugin.kind)})" for plugin in plugins)
    train = "mlpkit train example/spec.json   train the example\n" if "example/spec.json" in files else ""
    words = {
        "distribution": names.distribution,
        "module": names.module,
        "name": names.plugin,
        "dependencies": ", ".join(map(json.dumps, [f"mlpkit>={__version__}", "numpy>=2.0", *requirements])),
        "description": f"A plugin for mlpkit: {names_and_kinds}." if len(plugins) == 1 else f"Plugins for mlpkit: {names_and_kinds}.",
        "entry_points": _entry_points(names.module, plugins),
        "usage": "\n".join(_usage(plugin) for plugin in plugins),
        "first": plugins[0].name,
        "train": train,
    }
    common = {name: filled(f"{name}.in", words).encode() for name in ("pyproject.toml", "README.md", "LICENSE")}
    return {**common, f"{names.module}/py.typed": b"", **files}


def _usage(plugin: Own) -> str:
    value = f'["{plugin.name}"]' if plugin.kind == "metrics" else f'"{plugin.name}"'
    return f'"{_KEYS.get(plugin.kind, singular(plugin.kind))}": {value}'


def _entry_points(module: str, plugins: Sequence[Own]) -> str:
    text = ""
    for kind in dict.fromkeys(plugin.kind for plugin in plugins):
        lines = "".join(f'{plugin.name} = "{module}:{plugin.cls}"\n' for plugin in plugins if plugin.kind == kind)
        text += f'[project.entry-points."mlpkit.{kind}"]\n{lines}\n'
    return text
