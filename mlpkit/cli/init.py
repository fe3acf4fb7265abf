"""`mlpkit init`: a first spec that can be trained without changes."""

from __future__ import annotations

import json as jsontext
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.draft import XOR, XOR_DATA, Draft, draft
from mlpkit.cli.drafted_target import AskedTask
from mlpkit.cli.options import Force
from mlpkit.cli.output_files import SPECS, check_ending, check_output, write_json, written
from mlpkit.cli.quality import Quality, seconds_of
from mlpkit.cli.roles_table import roles_text
from mlpkit.cli.schema import spec_schema
from mlpkit.text.shown import counted, one_line, shortened

SCHEMA = "mlpkit.schema.json"


def init(
    console: Console,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="CSV, TSV, NPZ, NPY or HDF5. Without DATA the example XOR is written.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("-t", "--target", metavar="COLUMN", help="Column to predict; the last one by default.")
    ] = None,
    task: Annotated[
        AskedTask | None, typer.Option("--task", help="What to predict, a class or a number; by the values of the target by default.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="First metric, and the one of early stopping; see 'plugins list'."),
    ] = None,
    quality: Annotated[
        Quality | None,
        typer.Option("--quality", help="Size of the model: fast, good (the default) or best, which takes several times as long."),
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option("--time-budget", metavar="TIME", help="Time after which training ends, such as 60s, 5m or 2h.")
    ] = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Spec to write; '-' is stdout.")] = "spec.json",
    force: Force = False,
) -> None:
    """Write a spec for a table, and the JSON Schema of specs beside it.

    A table says what each column becomes, and why: a number (also one with a unit, such as $1,234.50 or 12 kg), a boolean, a date, or
    categories, as codes are. Columns that cannot be used, such as ids and constant columns, are left out. The validation rows are whole
    groups if a column of ids repeats, the latest rows if the rows are in order of a date, and else drawn at random; each member of an
    ensemble, which good and best have, holds out others. If a class is rare, the metrics fit that; the rarer of two becomes the positive
    class, with a decision threshold. Fewer than 20 rows get one small network and no validation rows.
    """
    check_output(output, force=force, reads=[data])
    check_ending(output, SPECS, "a spec")
    folder = Path(output).parent if output != "-" else Path()
    if data is None:
        given = {"--target": target, "--task": task, "--metric": metric, "--quality": quality, "--time-budget": time_budget}
        for hint, value in given.items():
            if value is not None:
                raise typer.BadParameter(f"{hint} needs DATA", param_hint=hint)
        spec = XOR
        _write_xor(console, folder / XOR["data"]["path"], force)
    else:
        options = {"task": task, "metric": metric, "quality": quality or "good", "time_budget": seconds_of(time_budget)}
        spec = _drafted(console, data, target, folder, options)
    if output == "-":
        console.json(spec)
        return
    write_json(str(folder / SCHEMA), spec_schema())
    write_json(output, {"$schema": f"./{SCHEMA}", **spec})
    console.say(one_line(f"saved {output} and {folder / SCHEMA}; next: mlpkit train {shlex.quote(output)}"))


def _drafted(console: Console, data: str, target: str | None, folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the spec for a data file, and report the decisions."""
    from mlpkit.data.dialect_detection import read_sniffed

    if data == "-":
        raise typer.BadParameter("the data must be a file, because the spec names its path", param_hint="DATA")
    table, written = read_sniffed(data)
    if written:
        console.say(f"read {one_line(data)} with {', '.join(f'{key} {jsontext.dumps(value)}' for key, value in written.items())}")
    named = [name for name in table.names if name not in table.unnamed] or table.names
    chosen = named[-1] if target is None else target
    found = draft(table, chosen, _path_from(folder, data), Path(data).stem, written, **options)
    console.say(f"target {one_line(chosen)}{' (the last column)' if target is None else ''}: {found.target}")
    inputs = len(found.columns) - len(found.ignored)
    console.say(f"{counted(table.rows, 'row')}, {counted(inputs, 'input column')}")
    for line in _found_text(found):
        console.say(one_line(line))
    return found.spec


def _found_text(found: Draft) -> Iterator[str]:
    """Yield the findings, one per line: the columns, the rows and texts that count as missing, the split and a rare class."""
    yield from roles_text(found.columns)
    if found.untargeted:
        yield f'left out {counted(found.untargeted, "row")} without a target: data.missing_target is "drop"'
    for mark, name in found.marks.items():
        yield f"counted as missing: {mark!r}, as in {shortened(name, 60)}; it is in data.missing"
    yield from found.notes


def _path_from(folder: Path, data: str) -> str:
    """Return the path of the data relative to the spec's folder."""
    try:
        return Path(os.path.relpath(data, folder)).as_posix()
    except ValueError:  # another drive
        return Path(data).absolute().as_posix()


def _write_xor(console: Console, path: Path, force: bool) -> None:
    """Write the data of the example, unless the file already has them."""
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == XOR_DATA:
        return
    check_output(str(path), force=force)
    with written(str(path)) as stream:
        stream.write(XOR_DATA.encode())
    console.say(one_line(f"saved {path}: the example XOR"))
