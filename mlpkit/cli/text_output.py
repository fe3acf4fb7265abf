"""Results of a command as text or JSON, in a file or on stdout."""

from __future__ import annotations

from typing import Any

from mlpkit.cli.console import Console
from mlpkit.cli.output_files import write_json, written
from mlpkit.text.shown import one_line

TEXTS = {".json": "JSON", ".txt": "text"}  # suffixes of the files


def write_result(console: Console, output: str, text: str, values: dict[str, Any], *, as_json: bool, force: bool) -> None:
    """Write a result as text or as JSON; "-" is stdout."""
    if output == "-":
        if as_json:
            console.json(values)
        else:
            console.out(text)
        return
    if as_json:
        write_json(output, values)
    else:
        with written(output, replace=force) as stream:
            stream.write(f"{text}\n".encode())
    console.say(one_line(f"saved {output}"))
