"""Presets: parts of a spec under a name, such as "good-classes-1". A preset never changes once it is released.

A spec with a preset has the values of the preset, and its own where both have a key. It is expanded when it is read, so that a model
file and a resumed run have every value.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from mlpkit.spec.findings import Finding, Findings
from mlpkit.text.shown import first_few, shortened

Task = Literal["numbers", "binary", "classes"]


def _recipe(task: Task, epochs: int, members: int, activation: str, embeddings: float, newer: bool) -> dict[str, Any]:
    """Return the training of RealMLP for a task, with a width of 128: Holzmueller, Grinsztajn & Steinwart 2024, 2407.04491.

    `embeddings` is the factor of the learning rate of embeddings. Newer recipes limit the inputs, and keep errors for intervals.
    """
    numbers = task == "numbers"
    hidden = {"units": 128, "activation": activation, "weight_initializer": "lecun_normal", "dropout": 0.15}
    output = {"numbers": "linear", "binary": "sigmoid", "classes": "softmax"}[task]
    losses = {"numbers": "mean_squared_error", "binary": "binary_crossentropy", "classes": "categorical_crossentropy"}
    rate = {"type": "coslog4", "maximum": 0.1 if numbers else 0.01}
    factors = {"weights": "fan_in", "biases": 0.1, "embeddings": embeddings, "input_scale": 6.0}
    return {
        "preprocessing": {"numbers": {"type": "robust", "clip": "smooth"}}
        | ({"clip_inputs": True} if newer else {})
        | ({"clip_predictions": True} if numbers else {}),
        "network": {
            "embeddings": [{"type": "pbld"}, {"type": "category"}],
            "input_scale": True,
            "initialize_from_data": True,
            "layers": [hidden, hidden, {"activation": output, "weight_initializer": "lecun_normal"}],
        },
        "loss": losses[task],
        "optimizer": {"type": "adamw", "learning_rate": rate, "beta2": 0.95, "weight_decay": 0.02},
        "training": {
            "epochs": epochs,
            "batch_size": 256,
            "early_stopping": {"patience": None},
            "learning_rate_factors": factors,
            "fade_from": 0.5,
        }
        | ({"keep_residuals": True} if newer else {}),
    } | ({"ensemble": {"members": members, "folds": "rotate"}} if members > 1 else {})


TASKS: tuple[Task, ...] = ("numbers", "binary", "classes")
PRESETS: dict[str, dict[str, Any]] = {
    **{
        f"{quality}-{task}-1": _recipe(task, epochs, members, "mish" if task == "numbers" else "selu", 0.1, newer=False)
        for quality, epochs, members in (("fast", 128, 1), ("good", 256, 4), ("best", 256, 16))
        for task in TASKS
    },
    **{
        f"{quality}-{task}-2": _recipe(task, epochs, members, "silu", 1.0 if task == "numbers" else 0.1, newer=True)
        for quality, members in (("fast", 1), ("good", 5), ("best", 16))
        for task, epochs in zip(TASKS, (128 if quality == "fast" else 256, 128, 128), strict=True)
    },
}


def newest(kind: str) -> str:
    """Return the newest preset of a kind, such as "good-classes-2" for "good-classes"."""
    return max((name for name in PRESETS if name.rpartition("-")[0] == kind), key=lambda name: int(name.rpartition("-")[2]))


def expanded(spec: Any) -> Any:
    """Return the JSON of a spec with the values of its preset in place of the key `preset`.

    Objects are merged key by key; those of a plugin or of another kind of options only if the spec names the same type. Of lists and other
    values, that of the spec is kept.

    Raises
    ------
    Findings
        There is no such preset.
    """
    if not isinstance(spec, Mapping) or spec.get("preset") is None:
        return spec
    own = {key: value for key, value in spec.items() if key != "preset"}
    name = spec["preset"]
    if not isinstance(name, str) or name not in PRESETS:
        message = f"there is no preset {shortened(repr(name), 60)}"
        raise Findings([Finding(("preset",), message, f"use one of {first_few(sorted(PRESETS), 20)}, or remove it")])
    return merged(copy.deepcopy(PRESETS[name]), own)


def merged(preset: Any, own: Any) -> Any:
    """Return a value of a preset, changed by that of a spec."""
    if not isinstance(preset, dict) or not isinstance(own, Mapping) or own.get("type") != preset.get("type"):
        return own
    return {**preset, **{key: merged(preset[key], value) if key in preset else value for key, value in own.items()}}
