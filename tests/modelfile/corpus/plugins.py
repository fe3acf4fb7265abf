"""Cases of a file's records of plugins: code, check values and lookup table of an activation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import mlpkit
from mlpkit.errors import Corrupt, ModelFileError
from mlpkit.modelfile.rules import Rule

from .case import LOADING, Case
from .forger import Forger, saved

TABLE = "surrogate/0"
BROKEN = Corrupt, Rule.PLUGINS, "."
PROBE = Corrupt, Rule.PLUGINS, "the check values of the plugin", LOADING


@cache
def outside() -> bytes:
    """A model with an activation that mlpkit does not bring, whose table is in the file."""
    x = np.linspace(-1.0, 1.0, 12)[:, None]
    layers = [{"units": 3, "activation": {"type": "mlpkit-snake:snake", "a": 2.0}}, {"units": 1}]
    spec: dict[str, Any] = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2}}
    return saved(mlpkit.train(spec, x, np.sin(x[:, 0])))


def forged(change: Callable[[Forger], None]) -> Callable[[], bytes]:
    def build() -> bytes:
        forger = Forger(outside())
        change(forger)
        return forger.signed()

    return build


def snake(forger: Forger) -> dict[str, Any]:
    found: dict[str, Any] = next(record for record in forger.manifest["plugins"] if record["name"] == "mlpkit-snake:snake")
    return found


def says(**changes: Any) -> Callable[[], bytes]:
    return forged(lambda forger: snake(forger).update(changes))


def table_says(**changes: Any) -> Callable[[], bytes]:
    return forged(lambda forger: snake(forger)["surrogate"].update(changes))


def probe_says(**changes: Any) -> Callable[[], bytes]:
    return forged(lambda forger: snake(forger)["probe"].update(changes))


def table_is(array: np.ndarray) -> Callable[[], bytes]:
    return forged(lambda forger: forger.put(TABLE, array))


def without_table(forger: Forger) -> None:
    del forger.file[TABLE]
    forger.manifest["objects"].remove(forger.entry(TABLE))


CASES = {
    "code without a digest": Case(says(code={"name": "own.py"}), *BROKEN),
    "code with a digest of other letters": Case(says(code={"name": "own.py", "sha256": "G" * 64}), *BROKEN),
    "code that is a text": Case(says(code="own.py"), *BROKEN),
    "probe that is a list": Case(says(probe=[1.0]), *BROKEN),
    "probe of texts": Case(probe_says(outputs=["1"] * 17), *BROKEN),
    "probe of 2,000 numbers": Case(probe_says(outputs=[0.5] * 2000), *BROKEN),
    "probe of five numbers": Case(probe_says(outputs=[0.5] * 5), *PROBE),
    "probe without outputs": Case(says(probe={"inputs": [0.5] * 17}), *PROBE),
    "probe with targets": Case(probe_says(targets=[0.5] * 17), *PROBE),
    "probe asked for what is not finite": Case(probe_says(inputs=[None] * 17), *PROBE),
    "table that is a text": Case(says(surrogate="0"), *BROKEN),
    "table of another output": Case(table_says(output="any"), *BROKEN),
    "table of no width": Case(table_says(start=1.0, stop=1.0), *BROKEN),
    "table from right to left": Case(table_says(start=2.0, stop=1.0), *BROKEN),
    "table with a negative error": Case(table_says(error=-1.0), *BROKEN),
    "table for one score": Case(table_says(trained=[1.0]), *BROKEN),
    "table that is a path": Case(table_says(array="../tensors/layers.0/weight"), *BROKEN),
    "table of another plugin": Case(table_says(array="1"), *BROKEN),
    "table that is not there": Case(forged(without_table), *BROKEN),
    "table of nobody": Case(forged(lambda forger: forger.put("surrogate/1", np.zeros((2, 5)))), *BROKEN),
    "table of one point": Case(table_is(np.zeros((2, 1))), *BROKEN),
    "table without derivatives": Case(table_is(np.zeros((1, 9))), *BROKEN),
    "table of one dimension": Case(table_is(np.zeros(9)), *BROKEN),
    "table of single precision": Case(table_is(np.zeros((2, 9), "f4")), *BROKEN),
    "table with NaN": Case(table_is(np.full((2, 9), np.nan)), ModelFileError, Rule.PLUGINS, "holds NaN", LOADING),
}
