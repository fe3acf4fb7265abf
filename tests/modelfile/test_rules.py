"""The rules that errors quote are those that models/FORMAT.md sets in bold, by number and by word."""

import re
from pathlib import Path

import mlpkit
from mlpkit.modelfile.compat import CURRENT
from mlpkit.modelfile.layout import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    MAX_JSON_SIGNS,
    MAX_OBJECTS,
    MAX_RANK,
    SPEC_SCHEMA,
)
from mlpkit.modelfile.metadata import MAX_BYTES, MAX_MESSAGES
from mlpkit.modelfile.rules import Rule

FORMAT = (Path(__file__).parents[2] / "models" / "FORMAT.md").read_text(encoding="utf-8")


def test_every_rule_is_written_in_the_same_words():
    found = {int(number): re.sub(r"\s+", " ", text) for number, text in re.findall(r"^(\d+)\. \*\*(.*?)\*\*", FORMAT, re.M | re.S)}
    assert found == {rule.value: rule.text for rule in Rule}


def test_every_error_of_the_reader_names_a_rule():
    """But for those that are not about the bytes of a file: a path that cannot be read, a folder."""
    sources = [
        path for path in Path(mlpkit.__file__).parent.joinpath("modelfile").glob("*.py") if path.stem not in ("atomic", "writer", "compat")
    ]
    raised = [call for path in sources for call in re.findall(r"raise \w+\((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*\)", path.read_text())]
    errors = [call for call in raised if re.match(r"raise (Corrupt|Unsafe|ResourceLimit|Unsupported\w+|TensorMismatch|NonFinite)\(", call)]
    assert len(errors) > 50
    assert [call for call in errors if "rule=" not in call] == []


def test_versions_and_limits_are_those_of_the_reader():
    assert FORMAT.startswith(f"# The model file, container version {CURRENT}\n")
    assert f"the version of the spec's schema: {SPEC_SCHEMA}," in FORMAT
    gib, mib = MAX_FILE_BYTES // 2**30, MAX_JSON_BYTES // 2**20
    limits = re.sub(r"\s+", " ", FORMAT)
    json = f"JSON of {mib} MiB or nested {MAX_JSON_DEPTH} deep, or with more than {MAX_JSON_SIGNS:,} of the signs"
    assert f"A file of {gib} GiB; {json}" in limits
    assert f"{MAX_OBJECTS:,} groups and datasets" in limits
    assert f"an object header of {MAX_HEADER_BYTES // 2**20} MiB; {MAX_BYTES // 2**20} MiB of HDF5's own structures" in limits
    assert f"in them {MAX_MESSAGES:,} messages; a path of {MAX_DEPTH} names" in limits
    assert f"at most {MAX_RANK} dimensions" in limits
