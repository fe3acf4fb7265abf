"""Sizes of the model that `mlpkit init` proposes: a preset, and what differs from it for a table with so many rows."""

from __future__ import annotations

import re
from typing import Any, Literal

import typer

from mlpkit.cli.column_roles import FEW_ROWS

Quality = Literal["fast", "good", "best"]

MEMBERS = {"fast": 1, "good": 4, "best": 16}  # of the presets
SIZES = (  # most rows; members of good; epochs and batch size, or those of the preset
    (1_000, 8, None, None),
    (20_000, 4, None, None),
    (200_000, 2, 64, 512),
    (None, 2, 24, 1024),
)
FEW: dict[str, Any] = {"epochs": 500, "batch_size": None}  # training with too few rows to hold some out


def network_keys(quality: Quality, rows: int, classes: list[Any] | None, time_budget: float | None = None) -> dict[str, Any]:
    """Return the keys of a spec for network, loss, optimizer, training and metrics: a preset, and what differs from it.

    Parameters
    ----------
    quality : {"fast", "good", "best"}
    rows : int
    classes : list or None
        Labels of the target; None for numbers.
    time_budget : float, optional
        Seconds after which training ends.
    """
    task = "numbers" if classes is None else "binary" if len(classes) == 2 else "classes"
    metrics = ["rmse", "r2"] if classes is None else ["accuracy", "log_loss"]
    if rows < FEW_ROWS:
        return {**_small(task), "metrics": metrics}
    members, epochs, batch_size = next(row[1:] for row in SIZES if row[0] is None or rows < row[0])
    keys: dict[str, Any] = {"preset": f"{quality}-{task}-1"}
    if quality == "good" and members != MEMBERS["good"]:
        keys["ensemble"] = {"members": members}
    training: dict[str, Any] = {} if epochs is None else {"epochs": epochs, "batch_size": batch_size}
    training |= {} if time_budget is None else {"time_budget": time_budget}
    return {**keys, **({"training": training} if training else {}), "metrics": metrics}


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
        "network": {"layers": [{"units": 8, "activation": "relu"}, {"activation": activation, "bias_initializer": "prior"}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": FEW,
    }
