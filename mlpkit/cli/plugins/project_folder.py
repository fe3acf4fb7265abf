"""Folder of a package with plugins: its pyproject.toml, and a comparison with the installed package."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlpkit.errors import BrokenPlugin, MissingPlugin
from mlpkit.plugin.entry_points import entry_points
from mlpkit.plugin.environment import PLUGINS, counts, normalized
from mlpkit.text.shown import and_more, shortened

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo

ENTRY = '[project.entry-points."mlpkit.activations"] and below it NAME = "MODULE:CLASS"'
MOST_SHOWN = 10  # most differences that are shown
Points = dict[tuple[str, str], str]  # (group, name) -> target


@dataclass(frozen=True)
class Project:
    """Contents of a pyproject.toml.

    Attributes
    ----------
    folder : Path
    name : str
        Name of the distribution.
    version : str or None
        None if it is dynamic.
    points : dict or None
        Entry points for mlpkit; None if they are dynamic.
    """

    folder: Path
    name: str
    version: str | None
    points: Points | None

    @property
    def distribution(self) -> str:
        """Normalized name, as used by the registry."""
        return normalized(self.name)


def installed_plugins(folder: Path) -> list[PluginInfo]:
    """Return the plugins of the package in a folder, which must be installed from it.

    Raises
    ------
    MissingPlugin
        The folder does not exist, has no package, or the package is not installed.
    BrokenPlugin
        The pyproject.toml is not valid, or the installed package differs from the folder.
    """
    from mlpkit.plugin import plugins

    project = read_project(folder)
    differences = list(_differences(project))
    if differences:
        shown = "; ".join(shortened(difference) for difference in differences[:MOST_SHOWN])
        message = f"the installed {project.name} differs from the folder {folder}: {shown}{and_more(len(differences), MOST_SHOWN)}"
        raise BrokenPlugin(message, help=f"reinstall: {_install(folder)}")
    if not counts(project.distribution):
        raise MissingPlugin(f"{PLUGINS} excludes {project.name}", help=f"unset {PLUGINS} or add {project.distribution} to it")
    found = [info for info in plugins() if info.distribution == project.distribution]
    if not found:
        raise BrokenPlugin(f"{folder}/pyproject.toml declares no mlpkit plugin", help=f"add {ENTRY}")
    return found


def read_project(folder: Path) -> Project:
    """Return the contents of a folder's pyproject.toml. Errors are those of `installed_plugins`."""
    file = folder / "pyproject.toml"
    if not folder.is_dir():
        raise MissingPlugin(f"there is no folder {folder}", help="give a plugin's name, a .py file, or the folder of a package")
    if not file.is_file():
        raise MissingPlugin(f"{folder} has no pyproject.toml", help="create a package with 'mlpkit plugins new NAME'")
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenPlugin(f"{file} is not valid TOML: {error}", help="correct the file") from error
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise BrokenPlugin(f"{file} has no name in [project]", help='add [project] and below it name = "mlpkit-NAME"')
    dynamic: list[Any] = listed if isinstance(listed := project.get("dynamic"), list) else []
    points = None if "entry-points" in dynamic else _declared(file, project.get("entry-points", {}))
    version = project.get("version")
    return Project(folder, project["name"], version if isinstance(version, str) and "version" not in dynamic else None, points)


def _declared(file: Path, declared: Any) -> Points:
    """Return the entry points for mlpkit that a pyproject.toml declares."""
    from mlpkit.plugin import REGISTRIES

    points: Points = {}
    for group, entries in declared.items() if isinstance(declared, dict) else ():
        kind = group.removeprefix("mlpkit.")
        if kind == group:
            continue
        if kind not in REGISTRIES:
            groups = ", ".join(f"mlpkit.{kind}" for kind in REGISTRIES)
            raise BrokenPlugin(f"{file}: mlpkit has no entry point group {group!r}", help=f"use one of: {groups}")
        if not isinstance(entries, dict) or not all(isinstance(target, str) for target in entries.values()):
            raise BrokenPlugin(f"{file}: the entry points {group!r} are not strings by name", help=f"write {ENTRY}")
        points |= {(group, name): target for name, target in entries.items()}
    if not points:
        raise BrokenPlugin(f"{file} declares no mlpkit plugin", help=f"add {ENTRY}")
    return points


def _install(folder: Path) -> str:
    return f"pip install -e {shlex.quote(str(folder))}"


def _differences(project: Project) -> Iterator[str]:
    """Yield the differences between the installed package and the folder, in words."""
    try:
        installed = metadata.distribution(project.name)
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise MissingPlugin(f"{shortened(project.name, 100)} is not installed", help=f"install it: {_install(project.folder)}") from error
    version = installed.version or "unknown"
    if project.version is not None and _plain(project.version) != _plain(version):
        yield f"version {version} is installed, but the folder has {project.version}"
    if project.points is not None:
        yield from _other_points(project.points, project.distribution)
    yield from _other_files(project.folder, installed)


def _plain(version: str) -> str:
    """Return a version normalized by PEP 440: 1.0-Alpha.1 becomes 1.0a1."""
    text = re.sub(r"[-_.]?([a-z]+)[-_.]?", r"\1", version.strip().lower().removeprefix("v"))
    text = re.sub(r"alpha", "a", re.sub(r"beta", "b", re.sub(r"(?<![a-z])(c|preview|pre)(?![a-z])", "rc", text)))
    return re.sub(r"([a-z])(?!\w)", r"\g<1>0", re.sub(r"(?<![a-z])(rev|r)(?![a-z])", "post", text))


def _other_points(declared: Points, distribution: str) -> Iterator[str]:
    here = {(point.group, point.name): _squeezed(point.target) for point in entry_points() if point.distribution == distribution}
    for key in sorted(declared.keys() | here.keys()):
        wanted, found = declared.get(key), here.get(key)
        if wanted is None:
            yield f"the entry point {key[1]} of {key[0]} is installed, but the folder no longer declares it"
        elif found is None:
            yield f"the entry point {key[1]} of {key[0]} is not installed"
        elif _squeezed(wanted) != found:
            yield f"the entry point {key[1]} of {key[0]} is installed as {found}, but the folder declares {wanted}"


def _squeezed(target: str) -> str:
    return re.sub(r"\s+", "", target)


def _other_files(folder: Path, installed: metadata.Distribution) -> Iterator[str]:
    """Yield files that differ from the folder's, or the folder of an editable install if it is another one."""
    editable = _editable(installed)
    if editable is not None:
        if editable.resolve() != folder.resolve():
            yield f"it is an editable install of {editable}"
        return
    copies = [Path(str(file)) for file in installed.files or () if file.suffix in (".py", ".pyi") and ".." not in file.parts]
    root = next((root for root in (folder, folder / "src") if any((root / copy).is_file() for copy in copies)), None)
    if root is None:
        return  # built with another layout, or without a list of files
    for copy in copies:
        if not (root / copy).is_file():
            yield f"{copy} is installed, but no longer in the folder"
        elif not _same(root / copy, Path(str(installed.locate_file(copy)))):
            yield f"{copy} is installed with other contents"
    for package in sorted({copy.parts[0] for copy in copies if len(copy.parts) > 1}):
        for path in sorted((root / package).rglob("*.py")):
            if path.relative_to(root) not in copies:
                yield f"{path.relative_to(root)} is not installed"


def _editable(installed: metadata.Distribution) -> Path | None:
    """Return the folder of an editable install, or None for another install."""
    try:
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
        return Path(url2pathname(urlsplit(origin["url"]).path)) if origin["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
