"""Files whose manifest lies, with digests that fit, and arrays that are not those it lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from mlpkit.errors import Corrupt, NonFinite, TensorMismatch, UnsupportedFeature, UnsupportedVersion
from mlpkit.modelfile.constants import SPEC_SCHEMA
from mlpkit.modelfile.rules import Rule

from .case import READING, Case
from .forger import WEIGHT, Forger, forged
from .structure import attributes


def said(**changes: Any) -> Callable[[], bytes]:
    """A file whose manifest says something else."""
    return forged(lambda forger: forger.manifest.update(changes))


def unsaid(key: str) -> Callable[[], bytes]:
    return forged(lambda forger: forger.manifest.pop(key))


def listed(**changes: Any) -> Callable[[], bytes]:
    """A file whose manifest says something else of the weight."""
    return forged(lambda forger: forger.entry(WEIGHT).update(changes))


def unlisted(key: str) -> Callable[[], bytes]:
    return forged(lambda forger: forger.entry(WEIGHT).pop(key))


def stored(path: str, array: np.ndarray, **changes: Any) -> Callable[[], bytes]:
    """A file with another array at a path, listed as it is but for changes."""
    return forged(lambda forger: forger.put(path, array, **changes))


def same_twice(forger: Forger) -> None:
    forger.manifest["objects"].append(forger.entry(WEIGHT))


def spec_unlisted(forger: Forger) -> None:
    forger.manifest["objects"].remove(forger.entry("spec"))


def without_training(forger: Forger) -> None:
    forger.manifest["training"] = None
    forger.put("state/optimizer/m", np.zeros(4))


def manifest_listed(forger: Forger) -> None:
    forger.manifest["objects"].append({**forger.entry("spec"), "path": "/manifest", "role": "future"})


def other_digest(forger: Forger) -> None:
    forger.file.attrs["manifest_sha256"] = np.bytes_("0" * 64)
    forger.signs = False


def group_instead(file: h5py.File, path: str) -> None:
    file.create_group(path)


MISSING, LISTED = (TensorMismatch, Rule.LISTED), (Corrupt, Rule.LISTED)
ENTRY, KEYS = (Corrupt, Rule.ENTRIES), (Corrupt, Rule.MANIFEST)
ROLE = Corrupt, Rule.ROLES, "cannot be the path"
NAME = Corrupt, Rule.TENSOR_NAMES, "cannot be the path of a tensor"
FINITE = NonFinite, Rule.FINITE
VERSIONS = {
    "two minor versions": Case(attributes(format_minor=np.uint32(5)), Corrupt, Rule.MINOR, "another format or version"),
    "two major versions": Case(said(format_major=2), Corrupt, Rule.MINOR, "another format or version"),
    "another format in the manifest": Case(said(format="others"), Corrupt, Rule.MINOR, "another format or version"),
    "newer spec": Case(said(spec_schema=SPEC_SCHEMA + 1), UnsupportedVersion, Rule.FEATURES, f"schema version {SPEC_SCHEMA + 1}"),
    "spec of version 999": Case(said(spec_schema=999), UnsupportedVersion, Rule.FEATURES, "schema version 999"),
    "spec of version 0": Case(said(spec_schema=0), Corrupt, Rule.TENSORS, "."),
    "older spec that is none": Case(
        forged(lambda f: (f.put_spec(b"{}"), f.manifest.update(spec_schema=1))), Corrupt, Rule.TENSORS, "version 1"
    ),
    "unknown feature": Case(said(required_features=["quantized"]), UnsupportedFeature, Rule.FEATURES, "'quantized'"),
    "unknown features": Case(said(required_features=["a", "b"] * 1000), UnsupportedFeature, Rule.FEATURES, "'a'"),
    "features that are no list": Case(said(required_features="all"), *KEYS, "required_features"),
    "features that are no texts": Case(said(required_features=[1]), *KEYS, "required_features"),
    "version that is a text": Case(said(format_major="1"), *KEYS, "format_major"),
    "version that is true": Case(said(format_minor=True), *KEYS, "format_minor"),
    "version below 0": Case(said(spec_schema=-1), *KEYS, "spec_schema"),
}
KEYS_AND_TYPES = {
    "manifest without objects": Case(unsaid("objects"), *KEYS, "objects"),
    "manifest without a history": Case(unsaid("history"), *KEYS, "history"),
    "manifest without a producer": Case(unsaid("producer"), *KEYS, "producer"),
    "producer of numbers": Case(said(producer={"mlpkit": 1}), *KEYS, "producer.mlpkit"),
    "plugin without a name": Case(said(plugins=[{"kind": "losses"}]), *KEYS, "plugins.0.name"),
    "preprocessing that is a list": Case(said(preprocessing=[]), *KEYS, "preprocessing"),
    "training that is a text": Case(said(training="on"), *KEYS, "training"),
    "objects that are an object": Case(said(objects={}), *KEYS, "objects"),
    "object that is null": Case(said(objects=[None]), *ENTRY, "objects"),
    "entry without a digest": Case(unlisted("sha256"), *ENTRY, "sha256"),
    "entry without a shape": Case(unlisted("shape"), *ENTRY, "shape"),
    "truth for a number": Case(listed(bytes=True), *ENTRY, "objects"),
    "float for a number": Case(listed(bytes=48.0), *ENTRY, "objects"),
    "digest in capitals": Case(listed(sha256="A" * 64), *ENTRY, "sha256"),
    "digest with a line end": Case(listed(sha256="a" * 64 + "\n"), *ENTRY, "sha256"),
    "digest of another algorithm": Case(listed(sha256="a" * 128), *ENTRY, "sha256"),
    "other number of bytes": Case(listed(bytes=47), *ENTRY, "47 bytes"),
    "negative shape": Case(listed(shape=[-4, -3]), *ENTRY, "shape"),
    "shape of large integers": Case(listed(shape=[2**62, 2**62]), *ENTRY, "bytes"),
    "shape of 10,000 dimensions": Case(listed(shape=[2] * 10_000), *ENTRY, "bytes"),
    "unknown dtype": Case(listed(dtype="float128"), *ENTRY, "not a known dtype"),
    "dtype of objects": Case(listed(dtype="object"), *ENTRY, "not a known dtype"),
    "role of another folder": Case(listed(role="history"), *ROLE),
    "role of the spec": Case(listed(role="spec"), *ROLE),
    "another role for the spec": Case(forged(lambda f: f.entry("spec").update(role="future")), *ROLE),
    "manifest among the objects": Case(forged(manifest_listed), *ROLE),
    "path out of the file": Case(listed(path="/tensors/../x"), *ROLE),
    "path without a start": Case(listed(path="tensors/a/b"), *ROLE),
    "empty path": Case(listed(path=""), *ROLE),
    "path with NUL": Case(listed(path="/tensors/a\0/b"), *ROLE),
    "path with a line end": Case(listed(path="/tensors/a/b\n"), *ROLE),
    "path of 100,000 names": Case(listed(path="/a" * 100_000), *ROLE),
    "tensor without a layer": Case(stored("tensors/a", np.zeros(1)), *NAME),
    "tensor too deep": Case(stored("tensors/a/b/c", np.zeros(1)), *NAME),
    "tensor with a dot": Case(stored("tensors/a/b.c", np.zeros(1)), *NAME),
}
LISTS = {
    "missing tensor": Case(forged(lambda f: f.file.__delitem__(WEIGHT)), *MISSING, "weight is missing"),
    "extra tensor": Case(forged(lambda f: f.file.create_dataset("tensors/layers.0/more", data=np.zeros(1))), *MISSING, "does not list it"),
    "extra array elsewhere": Case(forged(lambda f: f.file.create_dataset("more", data=np.zeros(1))), *MISSING, "does not list it"),
    "renamed tensor": Case(forged(lambda f: f.file.move(WEIGHT, "tensors/layers.0/wait")), *MISSING, "wait .*does not list it"),
    "group instead of a tensor": Case(forged(lambda f: f.replace(WEIGHT, group_instead)), *MISSING, "is missing"),
    "other shape": Case(listed(shape=[3, 4]), *MISSING, r"\(4, 3\), but its manifest declares <f4 \(3, 4\)"),
    "other dtype": Case(listed(dtype="int32"), *MISSING, "<f4 .* manifest declares <i4"),
    "listed twice": Case(forged(same_twice), *LISTED, "listed twice"),
    "spec not listed": Case(forged(spec_unlisted), *LISTED, "spec is not listed"),
    "nothing listed": Case(said(objects=[]), *LISTED, "spec is not listed"),
    "column not listed": Case(said(history=["epoch"]), Corrupt, Rule.HISTORY, "columns of the history"),
    "column listed twice": Case(forged(lambda f: f.manifest["history"].append("loss")), Corrupt, Rule.HISTORY, "columns of the history"),
    "column of another length": Case(stored("history/loss", np.zeros(7)), TensorMismatch, Rule.HISTORY, "equal length"),
    "column of another dtype": Case(stored("history/loss", np.zeros(2, "f4")), TensorMismatch, Rule.HISTORY, "float64"),
    "column of two dimensions": Case(stored("history/loss", np.zeros((2, 1))), TensorMismatch, Rule.HISTORY, "float64"),
    "state without a run": Case(forged(without_training), Corrupt, Rule.STATE, "state of a run"),
}
NUMBERS = {
    "other digest of the spec": Case(
        forged(lambda f: f.entry("spec").update(sha256="0" * 64)), Corrupt, Rule.DIGESTS, "/spec differs from what was saved"
    ),
    "other digest of a column": Case(stored("history/loss", np.zeros(2), sha256="0" * 64), Corrupt, Rule.DIGESTS, "SHA-256"),
    "other digest of the manifest": Case(forged(other_digest), Corrupt, Rule.DIGESTS, "/manifest differs from what was saved"),
    "other digest of a tensor": Case(
        listed(sha256="0" * 64), Corrupt, Rule.DIGESTS, "layers.0/weight differs from what was saved", READING
    ),
    "other digest of an unknown role": Case(stored("future/x", np.zeros(2), sha256="0" * 64), Corrupt, Rule.DIGESTS, "SHA-256", READING),
    "NaN in a tensor": Case(stored(WEIGHT, np.full((4, 3), np.nan, "f4")), *FINITE, "layers.0/weight holds NaN", READING),
    "infinity in a tensor": Case(stored(WEIGHT, np.full((4, 3), -np.inf, "f4")), *FINITE, "infinity", READING),
    "truth of 2": Case(stored("future/flags", np.full(3, 2, np.uint8), dtype="bool"), *ENTRY, "0 and 1", READING),
}
CASES = {**VERSIONS, **KEYS_AND_TYPES, **LISTS, **NUMBERS}
