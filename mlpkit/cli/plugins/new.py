"""`mlpkit plugins new`: a package with a plugin, ready to install and to test."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.plugins.names import Group
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.scaffold import Own, Package

COPIED = {  # kinds without a template
    Group.exchanges: "an exchange: copy the package mlpkit-mpi",
    Group.kernels: "kernels: copy the package mlpkit-fused",
    Group.engines: "an engine: copy the package mlpkit-fused",
}


def new_plugin(
    console: Console,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the plugin in a spec, such as soft_step; with --from, the name of the package.")
    ],
    group: Annotated[
        Group | None, typer.Option("-g", "--group", help="Kind of plugin; activations by default.", show_default=False)
    ] = None,
    code: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="Python file with your plugins, which becomes the package's code.")
    ] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FOLDER", help="Folder to write; mlpkit-NAME by default.")] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace the files in an existing folder.")] = False,
) -> None:
    """Write a package with a plugin: code, contract tests and an example that trains. With --from, package your own file."""
    from mlpkit.scaffold import new_package

    if code is not None and group is not None:
        raise typer.BadParameter("the kinds of the plugins follow from the file: leave --group out", param_hint="--from")
    if group in COPIED:
        raise typer.BadParameter(f"there is no template of {COPIED[group]}", param_hint="--group")
    source, folder = (None if path is None else Path(path) for path in (code, output))
    try:
        package = new_package(name, group.value if group else "activations", code=source, folder=folder, force=force)
    except OSError as error:
        where = output or f"mlpkit-{name}"
        raise OutputError(f"cannot write {where}: {error.strerror or error}", help="check the path and its permissions") from error
    console.say(_summary(package, source))


def _summary(package: Package, source: Path | None) -> str:
    """Return the written package and the next commands."""
    lines = [f"saved {package.folder}: {', '.join(f'{plugin.name} ({plugin.kind})' for plugin in package.plugins)}"]
    untested = [plugin.cls for plugin in package.plugins if plugin.call is None]
    if untested:
        lines.append(f"add the options without a default to its tests: {', '.join(untested)}")
    duplicates = [plugin.name for plugin in package.plugins if _is_duplicate(plugin, package)]
    if duplicates:
        lines.append(f"another package has {', '.join(duplicates)} too: if both are installed, use {package.distribution}:{duplicates[0]}")
    if source is not None:
        option = f"--code {shlex.quote(str(source))}"
        lines.append(f"once the package is installed, specs and models that used {option} no longer need it")
    lines += _import_instructions(package, source)
    lines += ["next:", f"  pip install -e {shlex.quote(f'{package.folder}[test]')}", f"  pytest {shlex.quote(str(package.folder))}"]
    if package.example:
        lines.append(f"  mlpkit train {shlex.quote(str(package.folder / 'example' / 'spec.json'))}")
    return "\n".join(map(one_line, lines))


def _import_instructions(package: Package, source: Path | None) -> list[str]:
    """Return instructions for imports that the author has to handle."""
    lines = []
    if beside := package.imports.beside:
        place, example = package.folder / package.module, f"from {package.module}.{beside[0]} import ..."
        lines.append(f"{source} imports modules from its folder: copy {', '.join(beside)} to {place}, and import with: {example}")
    if unknown := package.imports.unknown:
        lines.append(f"add the package that provides {', '.join(unknown)} to the dependencies in {package.folder / 'pyproject.toml'}")
    return lines


def _is_duplicate(plugin: Own, package: Package) -> bool:
    """Return True if another installed package has a plugin of the same kind and name."""
    from mlpkit.plugin import plugins

    return any(info.name == plugin.name and info.distribution not in (None, package.distribution) for info in plugins(plugin.kind))
