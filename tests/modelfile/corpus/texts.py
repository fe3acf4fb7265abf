"""Files whose spec or manifest is not strict JSON, or is a bomb."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable

import numpy as np

from mlpkit.errors import Corrupt, ResourceLimit
from mlpkit.modelfile.rules import Rule

from .case import Case
from .forger import Forger, forged


def spec_is(text: bytes) -> Callable[[], bytes]:
    return forged(lambda forger: forger.put_spec(text))


def manifest_is(text: bytes) -> Callable[[], bytes]:
    return forged(lambda forger: setattr(forger, "text", text))


def many_keys() -> bytes:
    keys = ",".join(f'"{number}":0' for number in range(1_100_000))
    return spec_is(f'{{{keys},"0":0}}'.encode())()


def filled(piece: bytes) -> Callable[[], bytes]:
    """A file whose spec is a list of 15 MB of one piece over and over."""
    return spec_is(b'{"a":[' + piece * (15 * 10**6 // len(piece)) + b"0]}")


def spec_as(view: Callable[[np.ndarray], np.ndarray]) -> Callable[[], bytes]:
    """A file with the very bytes of a valid spec, but of another type or shape."""

    def change(forger: Forger) -> None:
        text = json.dumps(forger.spec()).encode()
        forger.put("spec", view(np.frombuffer(text + b" " * (-len(text) % 8), np.uint8)))

    return forged(change)


def no_manifest(forger: Forger) -> None:
    del forger.file["manifest"]
    forger.signs = False


def manifest_is_a_group(forger: Forger) -> None:
    no_manifest(forger)
    forger.file.create_group("manifest")


def numbers_for_manifest(forger: Forger) -> None:
    no_manifest(forger)
    forger.file["manifest"] = np.zeros(2)


JSON = Corrupt, Rule.JSON
LIMIT = ResourceLimit, Rule.LIMITS
CASES = {
    "long spec": Case(spec_is(b'{"a":"' + b"a" * 2**24 + b'"}'), *LIMIT, "16777216"),
    "long manifest": Case(manifest_is(b" " * (2**24 + 1)), *LIMIT, "16777216"),
    "JSON 100,000 deep": Case(spec_is(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), *JSON, "nested too deep"),
    "objects 100,000 deep": Case(spec_is(b'{"a":' * 100_000 + b"0" + b"}" * 100_000), *JSON, "nested too deep"),
    "JSON without an end, 100,000 deep": Case(spec_is(b"[" * 100_000), *JSON, "nested too deep|not valid JSON"),
    "JSON 66 deep": Case(spec_is(b'{"a":' + b"[" * 65 + b"]" * 65 + b"}"), *JSON, "nested deeper than 64"),
    "manifest 100,000 deep": Case(manifest_is(b'{"metadata":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), *JSON, "nested too deep"),
    "many keys": Case(many_keys, *LIMIT, "more than 2000000 values"),
    "400,001 short values": Case(spec_is(b'{"a":[' + b"0," * 400_001 + b"0]}"), *LIMIT, "more than 400000 values"),
    "5 million lists": Case(filled(b"[],"), *LIMIT, "."),
    "5 million objects": Case(filled(b"{},"), *LIMIT, "."),
    "objects of one key": Case(filled(b'{"a":0},'), *LIMIT, "."),
    "integer of 5,000 digits": Case(spec_is(b'{"a":' + b"9" * 5000 + b"}"), *JSON, "digits|64 bits"),
    "integer of a million digits": Case(spec_is(b'{"a":' + b"9" * 10**6 + b"}"), *JSON, "digits|64 bits"),
    "3,000 integers of 4,000 digits": Case(spec_is(b'{"a":[' + (b"9" * 4000 + b",") * 3000 + b"0]}"), *JSON, "64 bits"),
    "integer of 65 bits": Case(spec_is(b'{"a":18446744073709551616}'), *JSON, "64 bits"),
    "negative integer of 65 bits": Case(spec_is(b'{"a":-9223372036854775809}'), *JSON, "64 bits"),
    "key twice": Case(spec_is(b'{"a":1,"a":2}'), *JSON, "written twice"),
    "key twice, once escaped": Case(spec_is(b'{"a":1,"\\u0061":2}'), *JSON, "written twice"),
    "key twice in the manifest": Case(manifest_is(b'{"objects":[],"objects":[]}'), *JSON, "written twice"),
    "NaN": Case(spec_is(b'{"a":NaN}'), *JSON, "NaN"),
    "NaN in the manifest": Case(manifest_is(b'{"metadata":{"a":NaN}}'), *JSON, "NaN"),
    "Infinity": Case(spec_is(b'{"a":-Infinity}'), *JSON, "Infinity"),
    "1e999": Case(spec_is(b'{"a":1e999}'), *JSON, "1e999"),
    "number with 10,000 zeros": Case(spec_is(b'{"a":1' + b"0" * 10_000 + b".0}"), *JSON, "too large"),
    "text that is not UTF-8": Case(spec_is(b'{"a":"\xff"}'), *JSON, "strict JSON"),
    "surrogates in UTF-8": Case(spec_is(b'{"a":"\xed\xa0\x80"}'), *JSON, "strict JSON"),
    "letter written too long": Case(spec_is(b'{"a":"\xc0\xaf"}'), *JSON, "strict JSON"),
    "half of a surrogate pair": Case(spec_is(b'{"a":"\\ud800"}'), *JSON, "surrogate"),
    "half of a surrogate pair as a key": Case(spec_is(b'{"a":[{"\\udfff":0}]}'), *JSON, "surrogate"),
    "byte-order mark": Case(spec_is(b"\xef\xbb\xbf{}"), *JSON, "byte-order mark"),
    "UTF-16": Case(spec_is('{"a":1}'.encode("utf-16")), *JSON, "strict JSON"),
    "NUL in a text": Case(spec_is(b'{"a":"\x00"}'), *JSON, "strict JSON"),
    "NUL behind the end": Case(spec_is(b"{}\0"), *JSON, "strict JSON"),
    "two values": Case(spec_is(b"{}{}"), *JSON, "strict JSON"),
    "comment": Case(spec_is(b"{} // more"), *JSON, "strict JSON"),
    "list as the spec": Case(spec_is(b"[1]"), Corrupt, Rule.TEXT, "not a JSON object"),
    "null as the manifest": Case(manifest_is(b"null"), Corrupt, Rule.TEXT, "not a JSON object"),
    "empty spec": Case(spec_is(b""), *JSON, "strict JSON"),
    "empty manifest": Case(manifest_is(b""), *JSON, "strict JSON"),
    "pickle as the spec": Case(spec_is(pickle.dumps(os.getcwd)), *JSON, "strict JSON"),
    "manifest is no JSON": Case(manifest_is(b"{"), *JSON, "the manifest is not strict JSON"),
    "spec of numbers": Case(spec_as(lambda text: text.view("<f8")), Corrupt, Rule.TEXT, "spec"),
    "spec of two dimensions": Case(spec_as(lambda text: text.reshape(-1, 8)), Corrupt, Rule.TEXT, "spec"),
    "spec of signed integers": Case(spec_as(lambda text: text.view(np.int8)), Corrupt, Rule.TEXT, "spec"),
    "spec of truths": Case(forged(lambda f: f.entry("spec").update(dtype="bool")), Corrupt, Rule.TEXT, "spec"),
    "manifest of numbers": Case(forged(numbers_for_manifest), Corrupt, Rule.TEXT, "no /manifest"),
    "no manifest": Case(forged(no_manifest), Corrupt, Rule.TEXT, "no /manifest"),
    "manifest is a group": Case(forged(manifest_is_a_group), Corrupt, Rule.TEXT, "no /manifest"),
}
