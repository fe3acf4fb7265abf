"""The folder of a package with plugins: what its pyproject.toml says, and whether that is what is installed."""

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
MOST_SHOWN = 10  # differences
Points = dict[tuple[str, str], str]  # (group, name) -> target


@dataclass(frozen=True)
class Project:
    """The contents of a pyproject.toml.

    Attributes
    ----------
    folder : Path
    name : str
        The distribution.
    version : str or None
        None when it is dynamic.
    points : dict or None
        Its entry points for mlpkit; None when they are dynamic.
    """

    folder: Path
    name: str
    version: str | None
    points: Points | None

    @property
    def distribution(self) -> str:
        """The name as the registry has it."""
        return normalized(self.name)


def installed_plugins(folder: Path) -> list[PluginInfo]:
    """The plugins of the package in a folder, which is installed as the folder is.

    Raises
    ------
    MissingPlugin
        There is no such folder or package in it, or it is not installed.
    BrokenPlugin
        Its pyproject.toml is not valid, or something else is installed than what the folder has.
    """
    from mlpkit.plugin import plugins

    project = read_project(folder)
    differences = list(_differences(project))
    if differences:
        told = "; ".join(shortened(difference) for difference in differences[:MOST_SHOWN])
        message = f"the installed {project.name} is not that of the folder {folder}: {told}{and_more(len(differences), MOST_SHOWN)}"
        raise BrokenPlugin(message, help=f"reinstall: {_install(folder)}")
    if not counts(project.distribution):
        raise MissingPlugin(f"{PLUGINS} shuts out {project.name}", help=f"unset {PLUGINS} or add {project.distribution} to it")
    found = [info for info in plugins() if info.distribution == project.distribution]
    if not found:
        raise BrokenPlugin(f"{folder}/pyproject.toml declares no plugin of mlpkit", help=f"write {ENTRY}")
    return found


def read_project(folder: Path) -> Project:
    """Return what the pyproject.toml of a folder says; errors as `installed_plugins`."""
    file = folder / "pyproject.toml"
    if not folder.is_dir():
        raise MissingPlugin(f"there is no folder {folder}", help="give a plugin's name, a .py file, or the folder of a package")
    if not file.is_file():
        raise MissingPlugin(f"{folder} has no pyproject.toml", help="'mlpkit plugins new NAME' writes a package")
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenPlugin(f"{file} is not TOML: {error}", help="correct it") from error
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise BrokenPlugin(f"{file} has no name in [project]", help='write [project] and below it name = "mlpkit-NAME"')
    dynamic: list[Any] = told if isinstance(told := project.get("dynamic"), list) else []
    points = None if "entry-points" in dynamic else _declared(file, project.get("entry-points", {}))
    version = project.get("version")
    return Project(folder, project["name"], version if isinstance(version, str) and "version" not in dynamic else None, points)


def _declared(file: Path, declared: Any) -> Points:
    """The entry points for mlpkit that a pyproject.toml declares."""
    from mlpkit.plugin import REGISTRIES

    points: Points = {}
    for group, entries in declared.items() if isinstance(declared, dict) else ():
        kind = group.removeprefix("mlpkit.")
        if kind == group:
            continue
        if kind not in REGISTRIES:
            groups = ", ".join(f"mlpkit.{kind}" for kind in REGISTRIES)
            raise BrokenPlugin(f"{file}: mlpkit has no entry points {group!r}", help=f"one of: {groups}")
        if not isinstance(entries, dict) or not all(isinstance(target, str) for target in entries.values()):
            raise BrokenPlugin(f"{file}: the entry points {group!r} are not names with texts", help=f"write {ENTRY}")
        points |= {(group, name): target for name, target in entries.items()}
    if not points:
        raise BrokenPlugin(f"{file} declares no plugin of mlpkit", help=f"write {ENTRY}")
    return points


def _install(folder: Path) -> str:
    return f"pip install -e {shlex.quote(str(folder))}"


def _differences(project: Project) -> Iterator[str]:
    """In what the installed package differs from the folder, in words."""
    try:
        installed = metadata.distribution(project.name)
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise MissingPlugin(f"{shortened(project.name, 100)} is not installed", help=f"install it: {_install(project.folder)}") from error
    version = installed.version or "unknown"
    if project.version is not None and _plain(project.version) != _plain(version):
        yield f"version {version} is installed, the folder has {project.version}"
    if project.points is not None:
        yield from _other_points(project.points, project.distribution)
    yield from _other_files(project.folder, installed)


def _plain(version: str) -> str:
    """A version as PEP 440 has it: 1.0-Alpha.1 is 1.0a1."""
    text = re.sub(r"[-_.]?([a-z]+)[-_.]?", r"\1", version.strip().lower().removeprefix("v"))
    text = re.sub(r"alpha", "a", re.sub(r"beta", "b", re.sub(r"(?<![a-z])(c|preview|pre)(?![a-z])", "rc", text)))
    return re.sub(r"([a-z])(?!\w)", r"\g<1>0", re.sub(r"(?<![a-z])(rev|r)(?![a-z])", "post", text))


def _other_points(declared: Points, distribution: str) -> Iterator[str]:
    here = {(point.group, point.name): _squeezed(point.target) for point in entry_points() if point.distribution == distribution}
    for key in sorted(declared.keys() | here.keys()):
        told, found = declared.get(key), here.get(key)
        if told is None:
            yield f"the entry point {key[1]} of {key[0]} is installed, the folder has it no more"
        elif found is None:
            yield f"the entry point {key[1]} of {key[0]} is not installed"
        elif _squeezed(told) != found:
            yield f"the entry point {key[1]} of {key[0]} is installed as {found}, the folder has {told}"


def _squeezed(target: str) -> str:
    return re.sub(r"\s+", "", target)


def _other_files(folder: Path, installed: metadata.Distribution) -> Iterator[str]:
    """Files that differ from those of the folder; of an editable install, the folder that it is of."""
    place = _editable(installed)
    if place is not None:
        if place.resolve() != folder.resolve():
            yield f"it is that of {place}"
        return
    copies = [Path(str(file)) for file in installed.files or () if file.suffix in (".py", ".pyi") and ".." not in file.parts]
    root = next((root for root in (folder, folder / "src") if any((root / copy).is_file() for copy in copies)), None)
    if root is None:
        return  # it is built in a way of its own, or has no list of its files
    for copy in copies:
        if not (root / copy).is_file():
            yield f"{copy} is installed, the folder has it no more"
        elif not _same(root / copy, Path(str(installed.locate_file(copy)))):
            yield f"{copy} is installed with another text"
    for package in sorted({copy.parts[0] for copy in copies if len(copy.parts) > 1}):
        for path in sorted((root / package).rglob("*.py")):
            if path.relative_to(root) not in copies:
                yield f"{path.relative_to(root)} is not installed"


def _editable(installed: metadata.Distribution) -> Path | None:
    """The folder that an editable install is of; None of another install."""
    try:
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
        return Path(url2pathname(urlsplit(origin["url"]).path)) if origin["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
