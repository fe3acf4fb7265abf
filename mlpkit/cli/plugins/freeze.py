"""`mlpkit plugins freeze`: the requirements of a model."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Json


def freeze_plugins(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    json: Json = False,
) -> None:
    """Print the lines of a requirements file that a model needs. Its plugins need not be installed."""
    from mlpkit.provenance.requirements import requirements

    found = requirements(model)
    if json:
        lines = [f"{name}=={version}" for name, version in found.packages]
        console.json({"requirements": lines, "code": [dataclasses.asdict(own) for own in found.code]})
        return
    console.out(str(found))
    if any(name != "mlpkit" for name, _ in found.packages):
        console.say("these names come from the model file: install them only if you trust it")
