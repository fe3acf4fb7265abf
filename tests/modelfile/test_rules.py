"""The rules that errors quote are those that models/FORMAT.md sets in bold, by number and by word."""

import re
from pathlib import Path

import mlpkit
from mlpkit.modelfile import dense
from mlpkit.modelfile.compat import CURRENT
from mlpkit.modelfile.layout import (
    LONG_SIGN_BYTES,
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    MAX_JSON_SIGNS,
    MAX_JSON_SIGNS_OF_LONG,
    MAX_OBJECTS,
    MAX_RANK,
    SPEC_SCHEMA,
)
from mlpkit.modelfile.metadata import MAX_BYTES, MAX_MESSAGES
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES
from mlpkit.preprocessing.labels import MOST_LETTERS
from mlpkit.probe import MOST_ROWS
from mlpkit.storage import MAX_METRICS

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
    rows = dict(re.findall(r"^    \| (.+?) \| (.+?) \|$", FORMAT.split("30. **")[1], re.M))
    gib, mib = MAX_FILE_BYTES // 2**30, MAX_JSON_BYTES // 2**20
    assert rows["the file"] == f"{gib} GiB"
    json = f"{mib} MiB, nested {MAX_JSON_DEPTH} deep, with {MAX_JSON_SIGNS:,} of the signs `,` `:` `{{` and `[`"
    assert LONG_SIGN_BYTES == 4
    assert rows["`/manifest` and `/spec`, each"].startswith(f"{json}; with {MAX_JSON_SIGNS_OF_LONG:,} where there are four bytes")
    assert rows["groups and datasets"].startswith(f"{MAX_OBJECTS:,}; a path of {MAX_DEPTH} names")
    own = f"{MAX_BYTES // 2**20} MiB, with {MAX_MESSAGES:,} messages; an object header of {MAX_HEADER_BYTES // 2**20} MiB"
    assert rows["HDF5's own structures"] == f"{own}; a B-tree of {dense.MAX_DEPTH} levels above its leaves"
    assert rows["a dataset without elements"] == f"a product of 2^{MAX_FILE_BYTES.bit_length() - 1} of its other lengths"
    assert rows["metrics in the spec"] == f"{MAX_METRICS:,}"
    assert rows["classes that are texts"].startswith(f"2^{MOST_LETTERS.bit_length() - 1} letters")
    assert f"at most {MAX_RANK} dimensions" in re.sub(r"\s+", " ", FORMAT)
    assert f"a few rows (1 to {MOST_ROWS}) of encoded inputs" in re.sub(r"\s+", " ", FORMAT)
    assert f"The kinds are {', '.join(f'`{kind}`' for kind in list(REGISTRIES)[:-1])} and `{list(REGISTRIES)[-1]}`" in FORMAT
