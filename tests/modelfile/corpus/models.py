"""Well-formed files whose model is none: specs, plugins, preprocessing, states and probes that do not hold, or that name code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpkit.errors import AmbiguousPlugin, Corrupt, MissingPlugin, ModelFileError, TensorMismatch
from mlpkit.modelfile.rules import Rule

from .case import LOADING, VERIFYING, Case
from .forger import WEIGHT, Forger, ensemble, forged, resumable

AMBIGUOUS = "twice_installed"  # an activation of two distributions, which the tests pretend to have


def spec_with(change: Callable[[dict[str, Any]], object]) -> Callable[[], bytes]:
    """A file with another spec."""

    def edit(forger: Forger) -> None:
        spec = forger.spec()
        change(spec)
        forger.put_spec(json.dumps(spec).encode())

    return forged(edit)


def activation_is(value: Any) -> Callable[[], bytes]:
    return spec_with(lambda spec: spec["network"]["layers"][0].update(activation=value))


def spec_says(**changes: Any) -> Callable[[], bytes]:
    return spec_with(lambda spec: spec.update(changes))


def plugin_is(**changes: Any) -> Callable[[], bytes]:
    """A file whose first plugin, an activation, comes from elsewhere."""
    return forged(lambda forger: forger.manifest["plugins"][0].update(changes))


def inputs_say(**changes: Any) -> Callable[[], bytes]:
    return forged(lambda forger: forger.manifest["preprocessing"]["inputs"].update(changes))


def target_says(**changes: Any) -> Callable[[], bytes]:
    return forged(lambda forger: forger.manifest["preprocessing"]["target"].update(changes))


def array_is(path: str, array: np.ndarray) -> Callable[[], bytes]:
    return forged(lambda forger: forger.put(path, array))


def dtype_is(dtype: str) -> Callable[[], bytes]:
    return array_is(WEIGHT, np.zeros((4, 3), dtype))


def without_probe_inputs(forger: Forger) -> None:
    del forger.file["probe/inputs"]
    forger.manifest["objects"].remove(forger.entry("probe/inputs"))


def training_is(value: Any) -> Callable[[], bytes]:
    return forged(lambda forger: forger.manifest.update(training=value))


def run_says(*, cut: bool = False, **changes: Any) -> Callable[[], bytes]:
    """The file of a run that can go on, with other values of where it stands, or without the last row of its history."""

    def build() -> bytes:
        forger = Forger(resumable())
        forger.manifest["training"].update(changes)
        for name in forger.manifest["history"] if cut else ():
            forger.put(f"history/{name}", forger.file[f"history/{name}"][:-1])
        return forger.signed()

    return build


def ensemble_with(change: Callable[[Forger], object]) -> Callable[[], bytes]:
    """The file of an ensemble of two members with a change."""

    def build() -> bytes:
        forger = Forger(ensemble())
        change(forger)
        return forger.signed()

    return build


def ensemble_says(**changes: Any) -> Callable[[], bytes]:
    def change(forger: Forger) -> None:
        spec = forger.spec()
        spec["ensemble"].update(changes)
        forger.put_spec(json.dumps(spec).encode())

    return ensemble_with(change)


def without_member(forger: Forger) -> None:
    for entry in [entry for entry in forger.manifest["objects"] if entry["path"].startswith("/tensors/members.1.")]:
        del forger.file[entry["path"]]
        forger.manifest["objects"].remove(entry)


def no_ensemble_in_spec(forger: Forger) -> None:
    spec = forger.spec()
    del spec["ensemble"]
    forger.put_spec(json.dumps(spec).encode())


def members_are(*numbers: float) -> Callable[[], bytes]:
    return ensemble_with(lambda forger: forger.put("history/member", np.array(numbers, float)))


def missing(name: str) -> Case:
    """A file whose first layer has an activation of this name, which is no plugin."""
    return Case(activation_is(name), MissingPlugin, None, "unknown activation", LOADING)


SPEC = ModelFileError, Rule.SPEC, "the spec in it is not valid", LOADING
UNFIT = ModelFileError, Rule.STATE, "does not fit its history", LOADING
PREPROCESSING = ModelFileError, Rule.PREPROCESSING, ".", LOADING
FOUR = {"name": "a", "kind": "number", "treatment": "standardize", "width": 1, "categories": []}
CASES = {
    # names of code, which is never imported, found or called
    "activation that is a function": missing("os:system"),
    "activation that is a module at hand": missing("bait:Baited"),
    "activation that is a path": missing("os.system"),
    "activation that is a lambda": missing("lambda z, out: __import__('os').system('touch executed')"),
    "activation that is an expression": missing("__import__('os').system('touch executed')"),
    "activation that is a dunder name": missing("__class__"),
    "activation that is a file": missing("../../code.py"),
    "type that is a function": Case(activation_is({"type": "os:system", "command": "touch executed"}), MissingPlugin, None, ".", LOADING),
    "loss that is a function": Case(spec_says(loss="builtins:eval"), MissingPlugin, None, "unknown loss", LOADING),
    "optimizer that is a function": Case(spec_says(optimizer={"type": "subprocess:run"}), MissingPlugin, None, "optimizer", LOADING),
    "dunder key in the spec": Case(spec_says(__class__="os:system"), *SPEC),
    "dunder key in a layer": Case(spec_with(lambda spec: spec["network"]["layers"][0].update(__init__="x")), *SPEC),
    "dunder option of a plugin": Case(activation_is({"type": "tanh", "__class__": "os:system"}), *SPEC),
    "code in a plugin's target": Case(
        plugin_is(name="baited", distribution=None, target="bait:Baited"), MissingPlugin, None, "'baited', which is not installed", LOADING
    ),
    "kind of plugin that is a module": Case(plugin_is(kind="os"), ModelFileError, Rule.SPEC, "kind 'os'", LOADING),
    # plugins that cannot be used
    "missing plugin": Case(
        plugin_is(name="far-away:baited", distribution="far-away", version="1.0"), MissingPlugin, None, "far-away:baited", LOADING
    ),
    "plugin of another distribution": Case(plugin_is(name="tanh", distribution="far-away"), MissingPlugin, None, "'tanh'", LOADING),
    "plugin of two distributions": Case(plugin_is(name=AMBIGUOUS), AmbiguousPlugin, None, "2 installed activations", LOADING),
    # specs
    "spec without a network": Case(spec_with(lambda spec: spec.pop("network")), *SPEC),
    "network without layers": Case(spec_with(lambda spec: spec["network"].update(layers=[])), *SPEC),
    "network without inputs": Case(
        spec_with(lambda spec: spec["network"].pop("inputs")), ModelFileError, Rule.TENSORS, "widths|inputs", LOADING
    ),
    "layers that are a text": Case(spec_with(lambda spec: spec["network"].update(layers="many")), *SPEC),
    "seed that is a text": Case(spec_says(seed="1000"), *SPEC),
    "dtype that is a module": Case(spec_says(dtype="os"), *SPEC),
    "other units": Case(
        spec_with(lambda spec: spec["network"]["layers"][0].update(units=5)), TensorMismatch, Rule.TENSORS, "layers.0", LOADING
    ),
    "one layer more": Case(
        spec_with(lambda spec: spec["network"]["layers"].append(spec["network"]["layers"][1])),
        TensorMismatch,
        Rule.TENSORS,
        "layers.2",
        LOADING,
    ),
    "tensor of another precision": Case(dtype_is("f8"), TensorMismatch, Rule.TENSORS, "is float64, but the spec has float32", LOADING),
    "tensor of integers": Case(dtype_is("i4"), TensorMismatch, Rule.TENSORS, "is int32, but the spec has float32", LOADING),
    "tensor that no layer needs": Case(array_is("tensors/layers.0/more", np.zeros(1, "f4")), TensorMismatch, Rule.TENSORS, "none", LOADING),
    # ensembles
    "ensemble without its second member": Case(
        ensemble_with(without_member), TensorMismatch, Rule.TENSORS, "spec has 4 layers|members.1.* is missing", LOADING
    ),
    "member of another shape": Case(
        ensemble_with(lambda f: f.put("tensors/members.1.layers.0/weight", np.zeros((4, 2), "f4"))),
        TensorMismatch,
        Rule.TENSORS,
        "members.1.layers.0.weight is .4, 2.",
        LOADING,
    ),
    "member of another precision": Case(
        ensemble_with(lambda f: f.put("tensors/members.1.layers.0/weight", np.zeros((4, 3)))),
        TensorMismatch,
        Rule.TENSORS,
        "is float64, but the spec has float32",
        LOADING,
    ),
    "tensor of a member that there is not": Case(
        ensemble_with(lambda f: f.put("tensors/members.2.layers.0/weight", np.zeros((4, 3), "f4"))),
        TensorMismatch,
        Rule.TENSORS,
        "members.2.layers.0.weight is .*none",
        LOADING,
    ),
    "ensemble of 100 members in the spec": Case(ensemble_says(members=100), TensorMismatch, Rule.TENSORS, "spec has 200 layers", LOADING),
    "ensemble of 10^9 members in the spec": Case(
        ensemble_says(members=10**9), TensorMismatch, Rule.TENSORS, "spec has 2000000000 layers", LOADING
    ),
    "ensemble of one member": Case(ensemble_says(members=1), *SPEC),
    "ensemble of members that are a text": Case(ensemble_says(members="2"), *SPEC),
    "folds that are code": Case(ensemble_says(folds="os:system"), *SPEC),
    "ensemble that is not required": Case(
        ensemble_with(lambda f: f.manifest.update(required_features=[])), ModelFileError, Rule.ENSEMBLE, "does not require", LOADING
    ),
    "feature without an ensemble": Case(
        forged(lambda f: f.manifest.update(required_features=["ensemble"])), ModelFileError, Rule.ENSEMBLE, "but has none", LOADING
    ),
    "tensors of members without an ensemble": Case(
        ensemble_with(no_ensemble_in_spec), TensorMismatch, Rule.TENSORS, "layers.0.bias is missing", LOADING
    ),
    "history of a third member": Case(members_are(0, 0, 2), ModelFileError, Rule.ENSEMBLE, "the numbers 0 to 1", LOADING),
    "history out of order": Case(members_are(1, 0, 0), ModelFileError, Rule.ENSEMBLE, "in order", LOADING),
    "history of half a member": Case(members_are(0, 0.5, 1), ModelFileError, Rule.ENSEMBLE, "the numbers 0 to 1", LOADING),
    "history of no member": Case(members_are(0, 0, np.nan), ModelFileError, Rule.ENSEMBLE, "the numbers 0 to 1", LOADING),
    "states of three members": Case(
        ensemble_with(lambda f: f.manifest["training"]["members"].append(None)), ModelFileError, Rule.STATE, "2 members", LOADING
    ),
    "states of members that are none": Case(
        ensemble_with(lambda f: f.manifest["training"].update(members="both")), ModelFileError, Rule.STATE, "2 members", LOADING
    ),
    "state of a member that is no run": Case(
        ensemble_with(lambda f: f.manifest["training"]["members"][1].update(step="9")), ModelFileError, Rule.STATE, "step", LOADING
    ),
    "probe of one member": Case(
        ensemble_with(lambda f: f.put("probe/outputs", np.zeros((4, 2), "f4"))), Corrupt, Rule.PROBE, "does not fit its network", LOADING
    ),
    # preprocessing
    "inputs that are none": Case(forged(lambda f: f.manifest["preprocessing"].update(inputs=[])), *PREPROCESSING),
    "inputs without columns": Case(inputs_say(columns=None), *PREPROCESSING),
    "column of another kind": Case(inputs_say(columns=[{**FOUR, "kind": "os"}] * 4), *PREPROCESSING),
    "column of 10^9 values": Case(inputs_say(columns=[{**FOUR, "width": 10**9}]), *PREPROCESSING),
    "column below no values": Case(inputs_say(columns=[{**FOUR, "width": -4}]), *PREPROCESSING),
    "three columns": Case(inputs_say(columns=[FOUR] * 3), *PREPROCESSING),
    "scale of one number": Case(array_is("preprocess/inputs/scale", np.zeros(1)), *PREPROCESSING),
    "gaps outside the columns": Case(array_is("preprocess/inputs/gaps", np.array([10**9])), *PREPROCESSING),
    "target that is none": Case(forged(lambda f: f.manifest["preprocessing"].update(target="x")), *PREPROCESSING),
    "target of another form": Case(target_says(form="os:system"), *PREPROCESSING),
    "target of three classes": Case(target_says(classes=["x", "y", "z"]), *PREPROCESSING),
    "labels of a type that is code": Case(target_says(label_type="os.system"), *PREPROCESSING),
    "labels of a type that does not fit the task": Case(target_says(label_type=""), *PREPROCESSING),
    "numbers as classes of truths": Case(target_says(classes=[5, 7], label_type="bool"), *PREPROCESSING),
    "fractions as classes of integers": Case(target_says(classes=[5.5, 7.5], label_type="int64"), *PREPROCESSING),
    "truths as classes of integers": Case(target_says(classes=[False, True], label_type="int64"), *PREPROCESSING),
    "integers of 64 bits as classes of floats": Case(target_says(classes=[2**62 + 1, 0], label_type="float64"), *PREPROCESSING),
    "class with NUL at its end": Case(target_says(classes=["a\0", "b"]), *PREPROCESSING),
    "one class twice": Case(target_says(classes=["a", "a"]), *PREPROCESSING),
    "gaps that are NaN": Case(array_is("preprocess/inputs/gaps", np.array([np.nan])), *PREPROCESSING),
    "gaps that are floats": Case(array_is("preprocess/inputs/gaps", np.array([1e300])), *PREPROCESSING),
    "gaps of 64 bits without a sign": Case(array_is("preprocess/inputs/gaps", np.array([2**63], "u8")), *PREPROCESSING),
    "center of integers": Case(array_is("preprocess/inputs/center", np.zeros(4, "i8")), *PREPROCESSING),
    "center that is infinite": Case(array_is("preprocess/inputs/center", np.full(4, np.inf)), *PREPROCESSING),
    # what a run left, and the probe
    "state that is none": Case(training_is({}), ModelFileError, Rule.STATE, "training state in it is not valid", LOADING),
    "state without its arrays": Case(training_is({"epoch": 1, "step": 1, "done": 0}), ModelFileError, Rule.STATE, "not valid", LOADING),
    "state after more epochs than the history has": Case(run_says(done=1000), *UNFIT),
    "history that was cut": Case(run_says(cut=True), *UNFIT),
    "history without a loss": Case(
        forged(
            lambda f: (
                f.manifest["history"].remove("loss")
                or f.manifest["objects"].remove(f.entry("history/loss"))
                or f.file.__delitem__("history/loss")
            )
        ),
        ModelFileError,
        Rule.HISTORY,
        "loss",
        LOADING,
    ),
    "epoch that is infinite": Case(array_is("history/epoch", np.full(2, np.inf)), ModelFileError, Rule.HISTORY, "epoch", LOADING),
    "epoch that is no whole number": Case(array_is("history/epoch", np.full(2, 1.5)), ModelFileError, Rule.HISTORY, "epoch", LOADING),
    "epoch 0": Case(array_is("history/epoch", np.zeros(2)), ModelFileError, Rule.HISTORY, "epoch", LOADING),
    "epoch that is NaN": Case(array_is("history/epoch", np.full(2, np.nan)), ModelFileError, Rule.HISTORY, "epoch", LOADING),
    "probe of another width": Case(
        array_is("probe/inputs", np.zeros((4, 9), "f4")), Corrupt, Rule.PROBE, "does not fit its network", LOADING
    ),
    "probe without inputs": Case(forged(without_probe_inputs), Corrupt, Rule.PROBE, "does not fit its network", LOADING),
    "probe with other outputs": Case(
        array_is("probe/outputs", np.zeros((4, 2), "f4")), Corrupt, Rule.PROBE, "answers its probe otherwise", VERIFYING
    ),
    "probe with outputs that are NaN": Case(
        array_is("probe/outputs", np.full((4, 2), np.nan, "f4")), Corrupt, Rule.PROBE, "answers its probe otherwise", VERIFYING
    ),
}
