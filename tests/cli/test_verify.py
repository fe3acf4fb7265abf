"""`mlpkit info --verify`: the verified facts, and the rule of the format that a file breaks."""

import json
import re
from pathlib import Path

import pytest

import mlpkit
from mlpkit.modelfile.reader import read
from mlpkit.modelfile.writer import write
from mlpkit.plugin import REGISTRIES

from ..sampling import one_in

GOLDEN = Path(__file__).parents[1] / "modelfile" / "golden"
OWN = """
from mlpkit import Elementwise

class Wave(Elementwise):
    def function(self, z):
        return {factor} * z

    def derivative(self, z, y):
        return {factor} + 0 * z
"""


def test_a_valid_file_is_verified(trained, run):
    done = run("info", "model.h5", "--verify")
    assert (done.code, done.err) == (0, "")
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in done.out.splitlines())
    assert list(facts) == ["structure", "digests", "numbers", "spec", "probe"]
    assert re.fullmatch(r"correct for the manifest, the spec and \d+ arrays", facts["digests"])
    assert f"{len(mlpkit.load('model.h5').network.parameters)} parameters" in facts["numbers"]
    assert facts["probe"] == "the network computes the stored check values, up to 0"
    found = json.loads(run("info", "model.h5", "--verify", "--json").out)
    assert {check["what"]: check["result"] for check in found} == facts


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "superblock": (lambda path: flip(path, 45), 12, "The checksums of the HDF5 metadata MUST be correct."),
    "end": (lambda path: path.write_bytes(path.read_bytes()[:-1]), 2, "The end of file in the superblock MUST be the length of the file."),
    "manifest": (lambda path: flip(path, path.read_bytes().index(b'"format_major"')), 19, "`manifest_sha256` MUST be the SHA-256"),
    "other format": (lambda path: path.write_bytes(b"PK\3\4" * 20), 1, "The file MUST be HDF5"),
}


@pytest.mark.parametrize(("damage", "rule", "text"), DAMAGE.values(), ids=DAMAGE)
def test_the_rule_that_a_file_breaks_is_quoted(damage, rule, text, trained, run):
    damage(trained / "model.h5")
    done = run("info", "model.h5", "--verify")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: model.h5: ")
    assert f"rule {rule} of models/FORMAT.md: {text}" in done.err
    assert "rule" not in run("info", "model.h5").err


def test_a_probe_that_is_answered_otherwise_breaks_a_rule(trained, run):
    contents = read("model.h5")
    contents.probe["outputs"][0] += 0.25
    write("model.h5", contents)
    done = run("info", "model.h5", "--verify")
    assert done.code == 2
    assert re.search(r"computes other check values than when it was saved, by 0\.\d+", done.err)
    assert "rule 25 of models/FORMAT.md" in done.err
    warned = run("predict", "model.h5", "shapes.csv")
    assert warned.code == 0
    assert "predictions differ from those at save time" in warned.err


def test_a_file_of_the_first_version_has_no_self_test(run):
    done = run("info", str(GOLDEN / "1.0-xor.h5"), "--verify")
    assert done.code == 0
    assert "not in the file" in done.out.splitlines()[-1]


def test_checks_that_need_a_missing_plugin_are_left_out_unless_code_defines_it(project, run):
    (project / "own.py").write_text(OWN.format(factor=1.0))
    try:
        assert run("train", "spec.json", "-s", "network.layers.0.activation=wave", "-c", "own.py", "-q").code == 0
    finally:
        REGISTRIES["activations"]._own.clear()
    done = run("info", "model.h5", "--verify")
    assert done.code == 0
    assert "not verified, because a plugin cannot be used" in done.out
    try:
        assert "computes the stored check values" in run("info", "model.h5", "--verify", "-c", "own.py").out
        REGISTRIES["activations"]._own.clear()
        (project / "own.py").write_text(OWN.format(factor=2.0))
        done = run("info", "model.h5", "--verify", "-c", "own.py")
        assert done.code == 3
        assert "wave by 1 relative to the largest of its outputs (own.py differs from the own.py that it was trained with" in done.err
    finally:
        REGISTRIES["activations"]._own.clear()


def changed(change):
    """The trained file with something changed in its contents, digests and all."""
    contents = read("model.h5")
    change(contents)
    write("model.h5", contents)


@pytest.mark.parametrize(
    "change",
    [
        lambda contents: contents.spec.update(seed="x"),
        lambda contents: contents.spec.pop("network"),
        lambda contents: contents.plugins[0].update(kind="wheels"),
    ],
)
def test_a_spec_that_is_not_valid_breaks_a_rule(change, trained, run):
    changed(change)
    done = run("info", "model.h5", "--verify")
    assert done.code == 2
    assert "rule 31 of models/FORMAT.md: The spec MUST be valid for its schema" in done.err


def test_texts_of_an_untrusted_file_are_shortened(trained, run):
    def change(contents):
        contents.preprocessing["target"].update(classes=["a" * 4_000_000, "b"], names=["n" * 100_000])
        column = contents.preprocessing["inputs"]["columns"][0]
        contents.preprocessing["inputs"]["columns"] = [{**column, "name": "c" * 20_000}] * 300
        contents.spec.update(name="x" * 100_000, loss={"type": "y" * 100_000})
        contents.plugins.append({**contents.plugins[0], "name": "z" * 100_000, "distribution": "d" * 100_000})

    changed(change)
    done = run("info", "model.h5")
    assert (done.code, len(done.out) < 40_000) == (0, True)
    assert re.search(r"^classes +2: a{42}\.\.\.a{15}, b$", done.out, re.M)
    assert "  and 100 more, which --json shows" in done.out


PLACES = ["inputs", "target", "inputs.columns", "target.names", "target.classes", "target.task"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", one_in(3, [None, 0, "x", [], {}, [0], [{"a": 1}], True]), ids=str)
def test_an_invalid_preprocessing_is_shown(place, value, trained, run):
    def change(contents):
        *parents, last = place.split(".")
        part = contents.preprocessing
        for name in parents:
            part = part[name]
        part[last] = value

    changed(change)
    done = run("info", "model.h5")
    assert (done.code, done.err) == (0, "")
    assert run("info", "model.h5", "--json").code == 0
    verified = run("info", "model.h5", "--verify")
    assert verified.code in (0, 2)
    assert verified.code == 0 or "rule 23 of models/FORMAT.md" in verified.err
