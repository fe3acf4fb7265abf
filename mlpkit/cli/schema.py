"""`mlpkit schema`: the JSON Schema of a spec, which editors use for completion and checks, and the reference in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, load_code
from mlpkit.cli.output_files import SPECS, check_ending, check_output, write_json, written
from mlpkit.text.shown import one_line

MARKDOWN = {".md": "Markdown"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(
    console: Console,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="File to write; '-' is stdout.")] = "-",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference of all keys and built-in plugins instead.")] = False,
    code: Code = None,
) -> None:
    """Print the JSON Schema of a spec, with every installed plugin and its options.

    Editors complete and check a spec whose "$schema" names the file.
    """
    check_output(output)
    check_ending(output, MARKDOWN if markdown else SPECS, "the reference" if markdown else "a schema")
    load_code(code)
    if markdown:
        _reference(console, output)
        return
    if output == "-":
        console.json(spec_schema())
        return
    write_json(output, spec_schema())
    console.say(one_line(f'saved {output}; add "$schema": "./{Path(output).name}" to a spec in the same folder'))


def _reference(console: Console, output: str) -> None:
    from mlpkit.spec.markdown_reference import spec_reference

    if output == "-":
        console.out(spec_reference().rstrip("\n"))
        return
    with written(output) as stream:
        stream.write(spec_reference().encode())
    console.say(one_line(f"saved {output}"))


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec."""
    from mlpkit.plugin.json_schema import with_definitions
    from mlpkit.spec import Spec

    found = with_definitions(Spec.model_json_schema)
    layers = found["$defs"]["NetworkSpec"].pop("required")
    whole = {"required": found.pop("required"), "properties": {"network": {"required": layers}}}
    preset = {"required": ["preset"], "properties": {"preset": {"type": "string"}}}  # has what the others require
    return {"$schema": DIALECT, **found, "anyOf": [whole, preset]}
