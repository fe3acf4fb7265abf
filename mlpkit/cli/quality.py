"""Sizes of the model that `mlpkit init` proposes: a preset, and what differs from it for a table with so many rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import typer

from mlpkit.cli.column_roles import FEW_ROWS

if TYPE_CHECKING:
    from mlpkit.cli.proposed_rows import ProposedRows

Quality = Literal["fast", "good", "best"]

SIZES = (  # most rows; members of good; epochs and batch size, or those of the preset
    (20_000, 5, None, None),
    (200_000, 2, 64, 512),
    (None, 2, 24, 1024),
)
BEST = 16  # members of best, as in its presets
FEW: dict[str, Any] = {"epochs": 500, "batch_size": None}  # training with too few rows to hold some out


def members_of(quality: Quality, rows: int) -> int:
    """Return the number of networks for a table with so many rows."""
    if quality == "fast" or rows < FEW_ROWS:
        return 1
    return _size(rows)[0] if quality == "good" else BEST


def network_keys(
    quality: Quality, rows: int, classes: list[Any] | None, proposed: ProposedRows, time_budget: float | None = None
) -> dict[str, Any]:
    """Return the keys of a spec for network, loss, optimizer, training and metrics: a preset, and what differs from it.

    Parameters
    ----------
    quality : {"fast", "good", "best"}
    rows : int
    classes : list or None
        Labels of the target; None for numbers.
    proposed : ProposedRows
        Number of members, and rows for validation.
    time_budget : float, optional
        Seconds after which training ends.
    """
    task = "numbers" if classes is None else "binary" if len(classes) == 2 else "classes"
    metrics = ["rmse", "r2"] if classes is None else ["accuracy", "log_loss"]
    budget = {} if time_budget is None else {"time_budget": time_budget}
    if rows < FEW_ROWS:
        keys = _small(task)
        return {**keys, "training": {**keys["training"], **budget}, "metrics": metrics}
    from mlpkit.spec.presets import PRESETS, newest

    name = newest(f"{quality}-{task}")
    preset = PRESETS[name]
    _, epochs, batch_size = _size(rows)
    training: dict[str, Any] = {key: value for key, value in (("epochs", epochs), ("batch_size", batch_size)) if value is not None}
    training |= {} if len(proposed.validation) else {"early_stopping": None, "keep_residuals": False}
    training = {key: value for key, value in training.items() if value != preset["training"][key]} | budget
    same = proposed.members == preset.get("ensemble", {"members": 1})["members"]
    ensemble = {} if same else {"ensemble": {"members": proposed.members}}
    return {"preset": name, **ensemble, **({"training": training} if training else {}), "metrics": metrics}


def few_rows_note(rows: int) -> str:
    """Return a line about the model for fewer than 20 rows."""
    why = f"fewer than {FEW_ROWS} rows ({rows}): one small network, which trains on all of them; --quality needs more rows"
    return f"{why}, and no score is one of new rows"


def _size(rows: int) -> tuple[int, int | None, int | None]:
    """Return the members of good, and epochs and batch size if they are not those of the preset."""
    return next(row[1:] for row in SIZES if row[0] is None or rows < row[0])


def seconds_of(time: str | None) -> float | None:
    """Return the seconds of a text such as "60s", "5m", "2h" or "90". Raise BadParameter for another one."""
    if time is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", time.strip())
    seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not 0 < seconds < 1e9:
        raise typer.BadParameter(f"{time!r} is no time, such as 60s, 5m or 2h", param_hint="--time-budget")
    return seconds


def _small(task: str) -> dict[str, Any]:
    """Return the keys of a network for fewer than 20 rows, all of which are for training."""
    activation, loss = {
        "numbers": ("linear", "mean_squared_error"),
        "binary": ("sigmoid", "binary_crossentropy"),
        "classes": ("softmax", "categorical_crossentropy"),
    }[task]
    return {
        "network": {"layers": [{"units": 8, "activation": "tanh"}, {"activation": activation, "bias_initializer": "prior"}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": dict(FEW),
    }
