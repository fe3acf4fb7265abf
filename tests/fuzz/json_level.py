"""Changes of the JSON in a file, always signed again: values of other types, huge numbers, deep nesting, repeated keys, other names."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from .mutant import CHECKSUMS, Mutant

RAW = {  # what stands for a text that is no JSON, or that Python would not write
    "@nan@": "NaN",
    "@infinity@": "-Infinity",
    "@huge float@": "1e999",
    "@huge integer@": "9" * 5000,
    "@integer@": "1" * 60,
    "@deep@": "[" * 100_000 + "]" * 100_000,
    "@nested@": '{"a":' * 70 + "1" + "}" * 70,
    "@surrogate@": r'"\ud800"',
    "@nul@": r'"a\u0000b"',
    "@octal@": "007",
    "@broken@": '"',
}
SCALARS = (None, True, False, 0, 1, -1, 2, 3, 8, 64, 10**9, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -0.0, 0.5, 1e-320, 1e308, -1e308)
WORDS = (
    *("", "a" * 1000, "relu", "softmax", "batch", "layer", "one_hot", "number", "category", "classes", "binary", "numbers", "indicators"),
    *("float16", "float64", "int64", "bool", "uint8", "multilabel", "regression", "classification", "str", "int", "float"),
    *("os:system", "os.system", "__class__", "builtins:eval", "lambda x: x", "../../etc/passwd", "/dev/zero", "http://localhost/", "é"),
    *("mlpkit:relu", "other-package:relu", "mlpkit", "/manifest", "/spec", "/tensors/layers.0/weight", "layers.0.weight", "2020-01-01"),
)
CONTAINERS = ([], {}, [[]], [None], [1, 2, 3], ["a", "a"], [0.5, None], {"type": "relu"}, {"type": "os:system"}, {"__class__": 1}, {"": 1})
VALUES = (*SCALARS, *WORDS, *CONTAINERS, *RAW)
Place = tuple[Any, Any]  # a list or dictionary, and an index or key of it


def mutate_json(mutant: Mutant, rng: Random) -> None:
    """Change one to three places of the manifest or the spec."""
    path = rng.choice(("/manifest", "/manifest", "/spec"))
    value = json.loads(mutant.golden.part(path))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = _place(value, rng)
        if place is not None:
            rng.choice(CHANGES)(*place, value, rng)
    text = _text(value, rng)
    if path == "/manifest":
        mutant.put_json(value, text, padded=rng.random() < 0.5)
    else:
        mutant.put_spec(text)
    mutant.sign(CHECKSUMS)


def _text(value: Any, rng: Random) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=rng.random() < 0.5, separators=(",", ":"))
    if "@" in text:
        for word, raw in RAW.items():
            text = text.replace(f'"{word}"', raw)
        text = text.replace("@again@", "")
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[Place]:
    """Every place below a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _place(value: Any, rng: Random) -> Place | None:
    """A place: mostly each key at the top is as likely, however much is below it."""
    if not value:
        return None
    if rng.random() < 0.1:
        return rng.choice(list(_places(value)))
    key = rng.choice(list(value))
    return rng.choice([(value, key), *_places(value[key])])


def replace(holder: Any, key: Any, value: Any, rng: Random) -> None:
    holder[key] = copy.deepcopy(rng.choice(VALUES))


def transplant(holder: Any, key: Any, value: Any, rng: Random) -> None:
    """Put a value of the file into another place."""
    source, name = rng.choice(list(_places(value)))
    holder[key] = copy.deepcopy(source[name])


def remove(holder: Any, key: Any, value: Any, rng: Random) -> None:
    del holder[key]


def rename(holder: Any, key: Any, value: Any, rng: Random) -> None:
    if isinstance(holder, dict):
        holder[rng.choice((f"{key}_", key[:-1], key.upper(), "", "é", "__proto__", *WORDS))] = holder.pop(key)


def repeat_key(holder: Any, key: Any, value: Any, rng: Random) -> None:
    """A key that stands twice in an object once the mark in it is gone."""
    if isinstance(holder, dict):
        holder[f"{key}@again@"] = rng.choice((holder[key], None))


def repeat_item(holder: Any, key: Any, value: Any, rng: Random) -> None:
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * rng.choice((1, 1, 2, 100, 1000))


def reorder(holder: Any, key: Any, value: Any, rng: Random) -> None:
    if isinstance(holder, list):
        rng.shuffle(holder)


def nudge(holder: Any, key: Any, value: Any, rng: Random) -> None:
    """A number or a text that is nearly what it was."""
    old = holder[key]
    if isinstance(old, bool):
        holder[key] = not old
    elif isinstance(old, (int, float)):
        holder[key] = rng.choice((old + 1, old - 1, -old, old * 2, old * 1e30, float(old), str(old)))
    elif isinstance(old, str) and old:
        at = rng.randrange(len(old))
        holder[key] = rng.choice((old[:at] + rng.choice("a0/.:_ é\0") + old[at + 1 :], old[:at] + old[at + 1 :], old.upper(), old + old))


CHANGES = (replace, replace, replace, transplant, remove, rename, repeat_key, repeat_item, reorder, nudge, nudge)
