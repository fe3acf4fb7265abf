"""Small files whose model would cost far more memory or time than they have bytes, or of which a million things are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpkit.errors import Corrupt, MissingPlugin, ModelFileError, ResourceLimit
from mlpkit.modelfile.rules import Rule

from .case import LOADING, Case
from .forger import Forger, forged
from .models import activation_is, spec_says, spec_with, target_says
from .texts import spec_is

LIMIT = ResourceLimit, Rule.LIMITS
SPEC = ModelFileError, Rule.SPEC
PROBE = Corrupt, Rule.PROBE, "does not fit its network, or does not have 1 to 64 rows", LOADING
KEYS = {f"unit{number}": 0 for number in range(30_000)}
MANY = [f"c{number}" for number in range(30_000)]


def probe_rows(rows: int) -> Callable[[], bytes]:
    def change(forger: Forger) -> None:
        forger.put("probe/inputs", np.zeros((rows, 4), "f4"))
        forger.put("probe/outputs", np.zeros((rows, 2), "f4"))

    return forged(change)


def wide_probe() -> bytes:
    """The probe of a network of one very wide layer: 100 rows of it take 400 times as much as its weights."""

    def change(forger: Forger) -> None:
        spec = forger.spec()
        spec["network"]["layers"][0]["units"] = 50_000
        forger.put_spec(json.dumps(spec).encode())
        forger.put("tensors/layers.0/weight", np.zeros((4, 50_000), "f4"))
        forger.put("tensors/layers.0/bias", np.zeros(50_000, "f4"))
        forger.put("tensors/layers.1/weight", np.zeros((50_000, 2), "f4"))
        forger.put("probe/inputs", np.zeros((1000, 4), "f4"))
        forger.put("probe/outputs", np.zeros((1000, 2), "f4"))

    return forged(change)()


def data_says(**changes: Any) -> Callable[[], bytes]:
    return spec_with(lambda spec: spec["data"].update(changes))


def manifest_of_columns() -> bytes:
    """More values than the names of 100,000 columns need, with four bytes for each."""
    return forged(lambda forger: forger.manifest["metadata"].update(a=[1000] * 2_100_000))()


def many_plugins(name: str) -> Callable[[], bytes]:
    def change(forger: Forger) -> None:
        first = {key: value for key, value in forger.manifest["plugins"][0].items() if key != "probe"}
        forger.manifest["plugins"] = [{**first, "name": f"{name}{number}"} for number in range(12_000)]

    return forged(change)


def epochs(count: int) -> Callable[[], bytes]:
    """A history of many epochs, of which one is no number."""

    def change(forger: Forger) -> None:
        for name in forger.manifest["history"]:
            forger.put(f"history/{name}", np.arange(1.0, count + 1))
        forger.put("history/epoch", np.append(np.arange(1.0, count), np.inf))

    return forged(change)


CASES = {
    "two classes, one of 5 million letters": Case(
        target_says(classes=["a" * 5_000_000, "b"]), *LIMIT, "2 classes, the longest of", LOADING
    ),
    "20,000 classes, one of 100,000 letters": Case(
        target_says(classes=["a" * 100_000, *map(str, range(20_000))]), *LIMIT, "20001 classes, the longest of 100000 characters", LOADING
    ),
    "probe of 65 rows": Case(probe_rows(65), *PROBE),
    "probe of 100,000 rows": Case(probe_rows(100_000), *PROBE),
    "probe without rows": Case(probe_rows(0), *PROBE),
    "probe of 1,000 rows for a wide network": Case(wide_probe, *PROBE),
    "30,000 inputs, the target one of them": Case(data_says(target=MANY, inputs=MANY), *SPEC, "the column 'c0' is an input too", LOADING),
    "30,000 inputs of one name": Case(data_says(inputs=["c"] * 30_000), *SPEC, "the column 'c' is listed twice", LOADING),
    "30,000 inputs that are no texts": Case(data_says(inputs=[0] * 30_000), *SPEC, r"data.inputs\[0\].*", LOADING),
    "30,000 unknown treatments": Case(
        spec_with(lambda spec: spec["preprocessing"].update(columns=dict.fromkeys(MANY, "bogus"))),
        *SPEC,
        "there are more problems",
        LOADING,
    ),
    "30,000 keys in a spec": Case(spec_says(**KEYS), *SPEC, "has 30,010 keys, but the known ones are", LOADING),
    "30,000 keys in a layer": Case(spec_with(lambda spec: spec["network"]["layers"][0].update(KEYS)), *SPEC, "keys", LOADING),
    "30,000 options of a plugin": Case(activation_is({"type": "tanh", **KEYS}), *SPEC, "known ones are none", LOADING),
    "activation of 5 million letters": Case(activation_is("a" * 5_000_000), MissingPlugin, None, r"'a{72}\.\.\.a{25}'", LOADING),
    "key of 5 million letters": Case(spec_says(**{"a" * 5_000_000: 0}), *SPEC, r"unknown key 'a{42}\.\.\.a{15}'", LOADING),
    "seed of 5 million letters": Case(spec_says(seed="a" * 5_000_000), *SPEC, r"seed: .*\.\.\.", LOADING),
    "1,000 metrics of long names": Case(spec_says(metrics=["accurac" + "y" * 5000] * 1000), MissingPlugin, None, "there are more", LOADING),
    "2,100,000 values of four bytes": Case(manifest_of_columns, *LIMIT, "more than 2000000 values"),
    "50,000 values below a key of 8 million letters, and half of a surrogate pair": Case(
        spec_is(b'{"' + b"a" * 8_000_000 + b'":[' + b"0," * 50_000 + b'"\\ud800"]}'), Corrupt, Rule.JSON, "surrogate"
    ),
    "30,000 escaped quotes after a number that is too large": Case(
        spec_is(b'{"a":1e999,"' + rb"\"" * 30_000), Corrupt, Rule.JSON, "1e999 is too large"
    ),
    "10 million digits in integers of 4,000 of them": Case(
        spec_is(b'{"a":[' + (b"9" * 4000 + b",") * 2500 + b"0]}"), Corrupt, Rule.JSON, "64 bits"
    ),
    "features that are 30,000 numbers": Case(
        forged(lambda forger: forger.manifest.update(required_features=[0] * 30_000)), Corrupt, Rule.MANIFEST, "required_features.0"
    ),
    "producer of 30,000 numbers": Case(forged(lambda forger: forger.manifest.update(producer=KEYS)), Corrupt, Rule.MANIFEST, "unit0"),
    "30,000 columns that are none": Case(
        forged(lambda forger: forger.manifest["preprocessing"]["inputs"].update(columns=[0] * 30_000)),
        ModelFileError,
        Rule.PREPROCESSING,
        "columns.0",
        LOADING,
    ),
    "12,000 plugins that are not here": Case(
        many_plugins("nope"), MissingPlugin, None, "'nope0', .*'nope9', which is not installed", LOADING
    ),
    "12,000 plugins of long names": Case(many_plugins("relu" + "u" * 700), MissingPlugin, None, "which is not installed", LOADING),
    "200,000 epochs, the last infinite": Case(epochs(200_000), ModelFileError, Rule.HISTORY, "positive integers", LOADING),
}
