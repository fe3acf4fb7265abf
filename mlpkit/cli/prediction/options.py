"""Options: what `mlpkit predict` reads and writes for each row, as JSON values that a worker process gets too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlpkit.cli.predictions import Columns, Format

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.model.model import Model

WITHOUT_EFFECT = ("allow_large", "code")  # on the bytes; of code it is the contents that matter


@dataclass(frozen=True)
class Options:
    """Options of `mlpkit predict`, as its help describes them."""

    format: str = Format.csv.value
    proba: bool = False
    parts: bool = False
    threshold: float | None = None
    interval: float | None = None
    spread: bool = False
    on_unseen: str = "warn"
    keep_columns: bool = False
    batch_size: int = 8192
    engine: str | None = None
    allow_surrogate: bool = False
    allow_large: bool = False
    code: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise BadParameter for options that contradict each other."""
        if self.format == Format.npy and self.keep_columns:
            raise typer.BadParameter("npy does not go with --keep-columns", param_hint="--format")
        if self.proba and self.parts:
            raise typer.BadParameter("--proba is for classes, and --parts for numbers: use one of them", param_hint="--parts")
        if self.threshold is not None and (self.proba or self.parts):
            raise typer.BadParameter("it decides between classes, and does not go with --proba or --parts", param_hint="--threshold")
        if self.interval is not None and (self.proba or self.parts or self.threshold is not None):
            raise typer.BadParameter("it does not go with --proba, --parts or --threshold", param_hint="--interval")
        if self.spread and (self.proba or self.parts or self.interval is not None):
            raise typer.BadParameter("it does not go with --proba, --parts or --interval", param_hint="--spread")
        for name, value in (("--threshold", self.threshold), ("--interval", self.interval)):
            if value is not None and not 0 < value < 1:
                raise typer.BadParameter(f"{value:g} is not between 0 and 1", param_hint=name)

    def predict(self, model: Model, table: Table) -> Columns:
        """Return the columns that the options ask for."""
        from mlpkit.model import named_predictions as of

        predict: Callable[..., Columns]
        if self.interval is not None:
            predict = partial(of.intervals, level=self.interval)
        elif self.spread:
            predict = partial(of.spread, threshold=self.threshold)
        else:
            predict = of.probabilities if self.proba else of.parts if self.parts else partial(of.predictions, threshold=self.threshold)
        return predict(model, table, on_unseen=self.on_unseen)

    def to_dict(self) -> dict[str, Any]:
        """Return all options as JSON values."""
        return asdict(self)

    @property
    def facts(self) -> dict[str, Any]:
        """Options other than the default that the bytes of the output depend on, with digests of the files of code."""
        found = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) != each.default}
        found = {name: value for name, value in found.items() if name not in WITHOUT_EFFECT}
        if self.code:
            found["code"] = [hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest() for path in self.code]
        return found
