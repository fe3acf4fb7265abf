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

TRAINABLE = ("activations", "losses", "optimizers")  # the kinds that an example is made of for a file of one's own


@dataclass(frozen=True)
class Package:
    """A package that was written.

    Attributes
    ----------
    folder : Path
    distribution, module : str
    plugins : tuple of Own
        What it declares.
    example : bool
        Whether there is an example that trains.
    imports : Imports
        What a file of one's own imports. What stands beside it is not in the package.
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
    """Write a package folder that can be installed and tested as it is.

    Parameters
    ----------
    name : str
        The plugin's name, after which distribution, module and class are named.
    kind : str
        What the plugin is; without meaning when `code` is given.
    code : Path, optional
        A file of one's own, which becomes the module unchanged; it is run, to find its plugins. The package depends on the
        installed distributions that it imports; modules beside it are not copied.
    folder : Path, optional
        Where to write; ``mlpkit-NAME`` in the working folder when left out.
    force : bool
        Whether to write into a folder that exists: files of the same names are replaced, others stay.

    Raises
    ------
    MLPKitError
        The name cannot be taken, or the folder exists.
    BrokenPlugin
        `code` does not run, or defines no plugin.
    OSError
        It cannot be written; nothing is left of it.
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
        raise MLPKitError(f"the folder {target} exists", help="give another with --output, or --force to replace the files in it")
    if not target.absolute().parent.is_dir():
        raise MLPKitError(f"there is no folder {target.parent} to write {target.name} into", help="make it first")


def _from_template(names: Names, kind: str) -> tuple[dict[str, bytes], list[Own], Imports]:
    """The files of an example plugin of a kind."""
    words = {"name": names.plugin, "cls": names.cls, "module": names.module}
    texts = {
        f"{names.module}/__init__.py": filled(f"{kind}/plugin.py.in", words),
        f"tests/test_{names.plugin}.py": filled(f"{kind}/test.py.in", words),
        **example(kind, names.plugin),
    }
    plugins = [Own(kind, names.plugin, names.cls, f"{names.cls}()")]
    return _with_the_rest(names, plugins, {name: text.encode() for name, text in texts.items()}), plugins, Imports()


def _from_code(names: Names, code: Path) -> tuple[dict[str, bytes], list[Own], Imports]:
    """The files around a file of the user's own."""
    plugins = plugins_of(code)
    ready = [plugin for kind in TRAINABLE for plugin in plugins if plugin.bare and plugin.kind == kind]
    files = next((found for plugin in ready if (found := example_that_trains(plugin.kind, plugin.name))), {})
    calls = "".join(f"    {plugin.call},\n" if plugin.call else _left_out(plugin) for plugin in plugins)
    words = {"distribution": names.distribution, "imports": _imports(names.module, plugins), "plugins": calls}
    files[f"tests/test_{names.plugin}.py"] = filled("own/test.py.in", words)
    raw = {name: text.encode() for name, text in files.items()} | {f"{names.module}/__init__.py": code.read_bytes()}
    imports = imports_of(code)
    return _with_the_rest(names, plugins, raw, imports.requirements), plugins, imports


def _imports(module: str, plugins: Sequence[Own]) -> str:
    """The import of the classes that are tested."""
    classes = sorted({plugin.cls for plugin in plugins if plugin.call}, key=lambda cls: (not cls.isupper(), cls))
    if not classes:
        return f"import {module}  # noqa: F401"
    line, lines = ", ".join(classes), "".join(f"    {cls},\n" for cls in classes)
    return f"from {module} import " + (line if len(module) + len(line) < 74 else f"(\n{lines})")


def _left_out(plugin: Own) -> str:
    return f"    # {plugin.cls}(...): give what has no default a value, import it, and it is tested too\n"


def _with_the_rest(names: Names, plugins: Sequence[Own], files: dict[str, bytes], requirements: Sequence[str] = ()) -> dict[str, bytes]:
    """The files that every package has, beside its own."""
    said = ", ".join(f"{plugin.name} ({singular(plugin.kind)})" for plugin in plugins)
    train = "mlpkit train example/spec.json   an example that trains with it\n" if "example/spec.json" in files else ""
    words = {
        "distribution": names.distribution,
        "module": names.module,
        "name": names.plugin,
        "dependencies": ", ".join(map(json.dumps, [f"mlpkit>={__version__}", "numpy>=2.0", *requirements])),
        "description": f"A plugin for mlpkit: {said}." if len(plugins) == 1 else f"Plugins for mlpkit: {said}.",
        "entry_points": _entry_points(names.module, plugins),
        "usage": "\n".join(_usage(plugin) for plugin in plugins),
        "first": plugins[0].name,
        "train": train,
    }
    common = {name: filled(f"{name}.in", words).encode() for name in ("pyproject.toml", "README.md", "LICENSE")}
    return {**common, f"{names.module}/py.typed": b"", **files}


def _usage(plugin: Own) -> str:
    where = {"initializers": "weight_initializer", "schedules": "learning_rate"}.get(plugin.kind, singular(plugin.kind))
    value = f'["{plugin.name}"]' if plugin.kind == "metrics" else f'"{plugin.name}"'
    return f'"{"metrics" if plugin.kind == "metrics" else where}": {value}'


def _entry_points(module: str, plugins: Sequence[Own]) -> str:
    text = ""
    for kind in dict.fromkeys(plugin.kind for plugin in plugins):
        lines = "".join(f'{plugin.name} = "{module}:{plugin.cls}"\n' for plugin in plugins if plugin.kind == kind)
        text += f'[project.entry-points."mlpkit.{kind}"]\n{lines}\n'
    return text
