"""`mlpkit check`: all errors of a spec, and the shapes that follow from its data."""

from __future__ import annotations

import glob
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import exit_code
from mlpkit.cli.model_facts import facts, facts_text
from mlpkit.cli.options import Code, Data, Json, check_one_stdin, load_code, with_code
from mlpkit.cli.spec_file import SpecFile
from mlpkit.errors import MLPKitError
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.spec import Spec


def check(
    console: Console,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="JSON file of the spec; '-' is stdin.")],
    data: Data = None,
    fill: Annotated[bool, typer.Option("--fill", help="Print the spec with every default written out.")] = False,
    code: Code = None,
    json: Json = False,
) -> None:
    """Check a spec and report all errors, each with its line and column.

    If the data can be read, they are checked against the spec, and shapes and parameters are shown.
    """
    from mlpkit.training.preflight import engine_of

    check_one_stdin(spec, data)
    load_code(code)
    try:
        file = SpecFile(spec)
        with file.places():
            if searched := _searched(file):
                console.out(f"{one_line(file.file)} is valid at all ends of its search: {searched}")
                console.say(one_line(f"next: {with_code(f'mlpkit search {shlex.quote(spec)}', code)}"))
                return
            parsed = file.read()
            engine_of(parsed)
            known = _with_data(console, parsed, data)
    except MLPKitError as error:
        if not json:
            raise
        console.json({"valid": False, "problems": [asdict(problem) for problem in error.problems]})
        raise typer.Exit(exit_code(error)) from error
    if fill:
        console.json(parsed.to_dict())
    elif json:
        console.json({"valid": True, "spec": parsed.to_dict(), **known})
    else:
        console.out("\n".join([f"{one_line(file.file)} is valid", *([facts_text(known)] if known else [])]))
    console.say(one_line(f"next: {with_code(f'mlpkit train {shlex.quote(spec)}', code)}"))


def _searched(file: SpecFile) -> str:
    """Return the values that a spec leaves to a search, after checking it at all of their ends; empty if it has none."""
    if '"search"' not in file.text:
        return ""
    from mlpkit.text import json_text
    from mlpkit.tuning.search import check_space
    from mlpkit.tuning.space import Space, has_search

    value = json_text.parse(file.text, file.file)
    if not has_search(value):
        return ""
    space = Space.of(value)
    check_space(space, file.folder)
    return "; ".join(one_line(f"{dimension.name}: {dimension.described}") for dimension in space.dimensions)


def _with_data(console: Console, spec: Spec, data: str | None) -> dict[str, Any]:
    """Return the facts about a spec with its data; empty if it names no data, or the file does not exist."""
    path = spec.data.path
    if data is None and path is None:
        return {}
    if data is None and path is not None and (absent := _absent(spec, path)):
        console.warn(f"the data were not checked: {absent} does not exist")
        return {}
    from mlpkit.model.model import Model
    from mlpkit.preprocessing.prepare import prepare

    prepared = prepare(spec, data)
    return facts(Model.for_data(spec, prepared), prepared)


def _absent(spec: Spec, paths: str | tuple[str, ...]) -> str:
    """Return the first path of data that does not exist, and is no glob; an empty text if there is none."""
    for path in [paths] if isinstance(paths, str) else paths:
        if path == "-" or not (spec.resolve_path(path).exists() or glob.has_magic(path)):
            return path
    return ""
