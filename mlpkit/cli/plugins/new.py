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


def new_plugin(
    console: Console,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The plugin's name in a spec, such as soft_step; with --from, the package's.")
    ],
    group: Annotated[
        Group | None, typer.Option("-g", "--group", help="What it is to be; an activation when left out.", show_default=False)
    ] = None,
    code: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="A Python file of yours with plugins, which becomes the package's code.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write it; mlpkit-NAME when left out.")
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace the files in a folder that exists.")] = False,
) -> None:
    """Write a package with a plugin: code, tests of its contract, and an example that trains. Of a file of yours, with --from."""
    from mlpkit.scaffold import new_package

    if code is not None and group is not None:
        raise typer.BadParameter("the file says itself what its plugins are: leave --group out", param_hint="--from")
    source, folder = (None if path is None else Path(path) for path in (code, output))
    try:
        package = new_package(name, group.value if group else "activations", code=source, folder=folder, force=force)
    except OSError as error:
        where = output or f"mlpkit-{name}"
        raise OutputError(f"cannot write {where}: {error.strerror or error}", help="check the path and its permissions") from error
    console.say(_said(package, source))


def _said(package: Package, source: Path | None) -> str:
    """Return what was written, and the next commands."""
    lines = [f"saved {package.folder}: {', '.join(f'{plugin.name} ({plugin.kind})' for plugin in package.plugins)}"]
    untested = [plugin.cls for plugin in package.plugins if plugin.call is None]
    if untested:
        lines.append(f"write the options that have no default into its tests: {', '.join(untested)}")
    twins = [plugin.name for plugin in package.plugins if _has_a_twin(plugin, package)]
    if twins:
        lines.append(f"another package has {', '.join(twins)} too: with both installed a spec says {package.distribution}:{twins[0]}")
    if source is not None:
        option = f"--code {shlex.quote(str(source))}"
        lines.append(f"specs and models that were trained with {option} need it no more once the package is installed")
    lines += _imports_to_see_to(package, source)
    lines += ["next:", f"  pip install -e {shlex.quote(f'{package.folder}[test]')}", f"  pytest {shlex.quote(str(package.folder))}"]
    if package.example:
        lines.append(f"  mlpkit train {shlex.quote(str(package.folder / 'example' / 'spec.json'))}")
    return "\n".join(map(one_line, lines))


def _imports_to_see_to(package: Package, source: Path | None) -> list[str]:
    """Return what the file imports that the author has to see to."""
    lines = []
    if beside := package.imports.beside:
        place, example = package.folder / package.module, f"from {package.module}.{beside[0]} import ..."
        lines.append(f"{source} imports from beside it: copy {', '.join(beside)} into {place}, and write there: {example}")
    if unknown := package.imports.unknown:
        lines.append(f"write what brings {', '.join(unknown)} into the dependencies of {package.folder / 'pyproject.toml'}")
    return lines


def _has_a_twin(plugin: Own, package: Package) -> bool:
    """Return whether another installed package has a plugin of that kind and name."""
    from mlpkit.plugin import plugins

    return any(info.name == plugin.name and info.distribution not in (None, package.distribution) for info in plugins(plugin.kind))
