"""Invalid manifests, JSON and headers with valid digests: each is refused with the error of its kind."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mlpkit.errors import (
    Corrupt,
    ModelFileError,
    NonFinite,
    NotAModelFile,
    ResourceLimit,
    TensorMismatch,
    UnsupportedFeature,
    UnsupportedVersion,
)
from mlpkit.model.inspection import inspect
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.constants import SPEC_SCHEMA
from mlpkit.modelfile.reader import read
from mlpkit.text import json_text

WEIGHT = "tensors/layers.0/weight"


def depth_bomb(forger):
    forger.put_spec(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def many_keys(forger):
    forger.put_spec(b'{"a":[' + b"0," * 400_001 + b"0]}")


def with_nan(forger):
    forger.put(WEIGHT, np.full((4, 3), np.nan, np.float32))


def listed(**changes):
    """Change what the manifest says of the weight."""
    return lambda forger: forger.entry(WEIGHT).update(changes)


def said(**changes):
    """Change what the manifest says."""
    return lambda forger: forger.manifest.update(changes)


def header(name, value):
    """Change an attribute of the root."""

    def change(forger):
        forger.file.attrs.pop(name, None)
        if value is not None:
            forger.file.attrs[name] = value

    return change


def spec_is(text):
    return lambda forger: forger.put_spec(text)


def manifest_is(text):
    return lambda forger: setattr(forger, "text", text)


def weight_is(make):
    return lambda forger: forger.replace(WEIGHT, make)


LIES = {
    "long JSON": (spec_is(b'{"a":"' + b"a" * 2**24 + b'"}'), ResourceLimit, "16777216"),
    "long manifest": (manifest_is(b" " * (2**24 + 1)), ResourceLimit, "16777216"),
    "deep JSON": (depth_bomb, Corrupt, "nested too deep"),
    "rather deep JSON": (spec_is(b'{"a":' + b"[" * 65 + b"]" * 65 + b"}"), Corrupt, "nested deeper than 64"),
    "many keys": (many_keys, ResourceLimit, "more than 400000 values"),
    "5,000 digits": (spec_is(b'{"a":' + b"9" * 5000 + b"}"), Corrupt, "strict JSON"),
    "65 bits": (spec_is(b'{"a":18446744073709551616}'), Corrupt, "64 bits"),
    # JSON that is not strict
    "key twice": (spec_is(b'{"a":1,"a":2}'), Corrupt, "written twice"),
    "key twice among colons": (spec_is(b'{"a":":","a":"::","b:":[{"a":":"}]}'), Corrupt, "written twice"),
    "key twice and escaped": (spec_is(b'{"a":1,"\\u0061":2}'), Corrupt, "written twice"),
    "65 bits and an escape": (spec_is(b'{"a":18446744073709551616,"b":"\\u003a"}'), Corrupt, "64 bits"),
    "deep JSON with an escape": (spec_is(b'{"\\u0061":' + b"[" * 65 + b"]" * 65 + b"}"), Corrupt, "nested deeper than 64"),
    "NaN in JSON": (spec_is(b'{"a":NaN}'), Corrupt, "NaN"),
    "Infinity in JSON": (spec_is(b'{"a":-Infinity}'), Corrupt, "Infinity"),
    "1e999 in JSON": (spec_is(b'{"a":1e999}'), Corrupt, "1e999 is too large"),
    "not UTF-8": (spec_is(b'{"a":"\xff"}'), Corrupt, "strict JSON"),
    "half a surrogate pair": (spec_is(b'{"a":"\\ud800"}'), Corrupt, "surrogate"),
    "byte-order mark": (spec_is(b"\xef\xbb\xbf{}"), Corrupt, "byte-order mark"),
    "NUL": (spec_is(b'{"a":"\x00"}'), Corrupt, "strict JSON"),
    "list as the spec": (spec_is(b"[1]"), Corrupt, "not a JSON object"),
    "empty spec": (spec_is(b""), Corrupt, "strict JSON"),
    "pickle as the spec": (spec_is(pickle.dumps(os.getcwd)), Corrupt, "strict JSON"),
    # the header and the manifest
    "no version": (header("format_major", None), Corrupt, "attributes of its root"),
    "version as text": (header("format_major", np.bytes_("1")), Corrupt, "attributes of its root"),
    "version of another size": (header("format_minor", np.uint64(0)), Corrupt, "attributes of its root"),
    "version as an array": (header("format_minor", np.zeros(1, np.uint32)), Corrupt, "attributes of its root"),
    "64 MiB attribute": (header("format_minor", np.zeros(2**24, np.uint32)), NotAModelFile, "not an mlpkit model"),
    "no digest": (lambda f: f.file.attrs.__delitem__("manifest_sha256") or f.file.__delitem__("manifest"), Corrupt, "attributes"),
    "one attribute more": (header("more", 1), Corrupt, "attributes of its root"),
    "version 2": (header("format_major", np.uint32(2)), UnsupportedVersion, "version 2, .* reads version 1"),
    "version 999": (header("format_major", np.uint32(999)), UnsupportedVersion, "version 999"),
    "version 0": (header("format_major", np.uint32(0)), UnsupportedVersion, "version 0"),
    "two versions": (header("format_minor", np.uint32(5)), Corrupt, "another format or version"),
    "newer spec": (said(spec_schema=SPEC_SCHEMA + 1), UnsupportedVersion, f"schema version {SPEC_SCHEMA + 1}"),
    "unknown feature": (said(required_features=["quantized"]), UnsupportedFeature, "'quantized'"),
    "features that are no list": (said(required_features="all"), Corrupt, "required_features"),
    "no manifest": (lambda f: f.file.__delitem__("manifest"), Corrupt, "no /manifest"),
    "manifest is a group": (lambda f: f.replace("manifest", lambda h, p: h.create_group(p)), Corrupt, "no /manifest"),
    "manifest is no JSON": (manifest_is(b"{"), Corrupt, "the manifest is not strict JSON"),
    "manifest without keys": (manifest_is(b"{}"), Corrupt, "manifest is not valid"),
    "number for text": (said(producer={"mlpkit": 1}), Corrupt, "producer.mlpkit"),
    "truth for a number": (listed(bytes=True), Corrupt, "objects"),
    "plugin without a name": (said(plugins=[{"kind": "losses"}]), Corrupt, "plugins.0.name"),
    # arrays that are not those that are listed
    "missing": (lambda f: f.file.__delitem__(WEIGHT), TensorMismatch, "weight is missing"),
    "extra": (lambda f: f.file.create_dataset("tensors/layers.0/more", data=np.zeros(1)), TensorMismatch, "does not list it"),
    "renamed": (lambda f: f.file.move(WEIGHT, "tensors/layers.0/wait"), TensorMismatch, "wait .*does not list it"),
    "dataset as a group": (weight_is(lambda file, path: file.create_group(path)), TensorMismatch, "is missing"),
    "other shape": (listed(shape=[3, 4]), TensorMismatch, r"\(4, 3\), but its manifest declares <f4 \(3, 4\)"),
    "other dtype": (listed(dtype="int32"), TensorMismatch, "<f4 .* manifest declares <i4"),
    "digest in capitals": (listed(sha256="A" * 64), Corrupt, "sha256"),
    "other size": (listed(bytes=47), Corrupt, "47 bytes"),
    "negative shape": (listed(shape=[-4, -3]), Corrupt, "shape"),
    "shape of large integers": (listed(shape=[2**62, 2**62]), Corrupt, "bytes"),
    "unknown dtype": (listed(dtype="float128"), Corrupt, "not a known dtype"),
    "dtype of objects": (listed(dtype="object"), Corrupt, "not a known dtype"),
    "role of another folder": (listed(role="history"), Corrupt, "cannot be the path"),
    "path out of the file": (listed(path="/tensors/../x"), Corrupt, "cannot be the path"),
    "tensor too deep": (lambda f: f.put("tensors/a/b/c", np.zeros(1)), Corrupt, "cannot be the path"),
    "listed twice": (lambda f: f.manifest["objects"].append(f.entry(WEIGHT)), Corrupt, "listed twice"),
    "spec not listed": (lambda f: f.manifest["objects"].remove(f.entry("spec")), Corrupt, "spec is not listed"),
    "column not listed": (said(history=["epoch"]), Corrupt, "columns of the history"),
    "column of another length": (lambda f: f.put("history/loss", np.zeros(7)), TensorMismatch, "equal length"),
    "column of another dtype": (lambda f: f.put("history/loss", np.zeros(2, np.float32)), TensorMismatch, "float64"),
}


def test_the_forger_makes_valid_files(forge, contents, same):
    same(read(forge(lambda forger: forger.put(WEIGHT, contents.tensors["layers.0.weight"]))), contents)


@pytest.mark.parametrize(("change", "error", "message"), LIES.values(), ids=LIES)
def test_a_lie_is_refused(change, error, message, forge):
    path = forge(change)
    for function in (read, inspect):
        with pytest.raises(ModelFileError, match=message) as caught:
            function(path)
        assert type(caught.value) is error
        assert caught.value.message.startswith(f"{path}: ")


ONLY_READ = {
    "NaN weight": (with_nan, NonFinite, "layers.0/weight holds NaN"),
    "infinite weight": (lambda f: f.put(WEIGHT, np.full((4, 3), np.inf)), NonFinite, "infinity"),
    "other digest": (listed(sha256="0" * 64), Corrupt, "layers.0/weight differs from what was saved"),
    "bool of 2": (lambda f: f.put("preprocess/inputs/present", np.full(3, 2, np.uint8), dtype="bool"), Corrupt, "0 and 1"),
    "unknown role with another digest": (lambda f: f.put("future/x", np.zeros(2), sha256="0" * 64), Corrupt, "SHA-256"),
}


@pytest.mark.parametrize(("change", "error", "message"), ONLY_READ.values(), ids=ONLY_READ)
def test_numbers_that_are_not_right_are_refused_by_read(change, error, message, forge):
    with pytest.raises(error, match=message):
        read(forge(change))


def test_a_file_without_required_features_of_a_later_minor_version_is_read(forge, contents, same):
    def change(forger):
        header("format_minor", np.uint32(7))(forger)
        forger.manifest |= {"format_minor": 7, "probe": {"rows": []}}
        forger.manifest["plugins"][0]["schema_hash"] = "abc"
        forger.put("future/m", np.zeros(4))

    path = forge(change)
    found = read(path)
    assert found.plugins[0].pop("schema_hash") == "abc"
    same(found, contents)
    assert inspect(path)["container"] == "1.7"


@pytest.fixture
def parsed(monkeypatch):
    """The JSON texts that are parsed, once for each time."""
    texts, parse = [], json_text.parse
    monkeypatch.setattr(json_text, "parse", lambda text, *given, **options: texts.append(text) or parse(text, *given, **options))
    return texts


@pytest.mark.parametrize("name", ["1.0-xor", "1.4-xor", "1.4-snake", "1.4-state"])
def test_each_json_text_of_a_model_file_is_parsed_once(name, parsed):
    inspect(Path(__file__).parent / "golden" / f"{name}.h5")
    assert len(parsed) == len(set(parsed)) == 2  # manifest and spec


VALID = [
    b'{"target":"mlpkit.activations:ReLU"}',
    b'{":":{"a:b":[":",{"::":":"}]},"c":-9223372036854775808}',
    b'{"\\u003a":"\\u003a\\ud83d\\ude00:","a":":"}',
    b'{"\\\\":":","\\"":"\\":"}',
]


@pytest.mark.parametrize("text", VALID)
def test_colons_in_keys_and_texts_do_not_cost_a_second_parse(text, parsed):
    assert strict_json.decode(text, "the manifest") == json.loads(text)
    assert len(parsed) == 1
