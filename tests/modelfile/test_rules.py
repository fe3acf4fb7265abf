"""The rules that errors quote are those that models/FORMAT.md sets in bold, by number and by word."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import mlpkit
from mlpkit.data.column_types import Kind
from mlpkit.model.serialization import MAX_METRICS
from mlpkit.modelfile.constants import (
    LONG_SIGN_BYTES,
    MAJOR,
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    MAX_JSON_SIGNS,
    MAX_JSON_SIGNS_OF_LONG,
    MAX_OBJECTS,
    MAX_RANK,
    MINOR,
    SPEC_SCHEMA,
)
from mlpkit.modelfile.hdf5 import dense, header
from mlpkit.modelfile.hdf5.attributes import NOT_SHARED
from mlpkit.modelfile.hdf5.header import read_header
from mlpkit.modelfile.hdf5.metadata import MAX_BYTES, MAX_MESSAGES, Metadata
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.hdf5.structure import WINDOW
from mlpkit.modelfile.hdf5.superblock import read_superblock
from mlpkit.modelfile.manifest import MOST_PROBED
from mlpkit.modelfile.rules import Rule
from mlpkit.plugin import REGISTRIES, Task
from mlpkit.plugin.since import marked
from mlpkit.preprocessing.json_state import ColumnState, InputState, TargetState
from mlpkit.preprocessing.labels import MOST_LETTERS
from mlpkit.preprocessing.labels import TYPES as CLASS_TYPES
from mlpkit.preprocessing.target import LABEL_TYPES
from mlpkit.preprocessing.task import Form
from mlpkit.provenance.network_probe import MOST_ROWS
from mlpkit.spec import Data, Layer, NetworkSpec, Preprocessing, Training
from mlpkit.training.history import FIXED

from .corpus.forger import valid

FORMAT, SPEC, VIEWER = (
    (Path(__file__).parents[2] / "models" / name).read_text(encoding="utf-8") for name in ("FORMAT.md", "SPEC.md", "viewer.html")
)


def test_every_rule_is_written_in_the_same_words():
    found = {int(number): re.sub(r"\s+", " ", text) for number, text in re.findall(r"^(\d+)\. \*\*(.*?)\*\*", FORMAT, re.M | re.S)}
    assert found == {rule.value: rule.text for rule in Rule}


def test_every_error_of_the_reader_names_a_rule():
    """But for those that are not about the bytes of a file: a path that cannot be read, a folder."""
    sources = [path for path in Path(mlpkit.__file__).parent.joinpath("modelfile").rglob("*.py") if path.stem not in ("atomic", "writer")]
    raised = [call for path in sources for call in re.findall(r"raise \w+\((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*\)", path.read_text())]
    errors = [call for call in raised if re.match(r"raise (Corrupt|Unsafe|ResourceLimit|Unsupported\w+|TensorMismatch|NonFinite)\(", call)]
    assert len(errors) > 50
    assert [call for call in errors if "rule=" not in call] == []


def test_versions_and_limits_are_those_of_the_reader():
    assert FORMAT.startswith(f"# The model file, container version {MAJOR}.{MINOR}\n")
    assert f"the version of the spec's schema, from 1 to {SPEC_SCHEMA}:" in FORMAT
    assert f" SPEC_SCHEMA = {SPEC_SCHEMA};" in VIEWER
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
    assert f"No list has more than {MOST_PROBED:,} numbers" in re.sub(r"\s+", " ", FORMAT)
    assert f"at most {MAX_RANK} dimensions" in re.sub(r"\s+", " ", FORMAT)
    assert f"a few rows (1 to {MOST_ROWS}) of encoded inputs" in re.sub(r"\s+", " ", FORMAT)
    kinds = [kind for kind in REGISTRIES if kind != "readers" and not REGISTRIES[kind].base.of_a_run]  # which no model needs
    assert f"The kinds are {', '.join(f'`{kind}`' for kind in kinds[:-1])} and `{kinds[-1]}`" in FORMAT


def test_the_words_of_a_fitted_preprocessing_are_those_of_the_reader():
    rule = FORMAT.split("23. **")[1].split("## History")[0]
    treatments = get_args(get_type_hints(ColumnState)["treatment"])
    words = [*get_args(Kind), *treatments, *get_args(Task), *get_args(Form), *CLASS_TYPES, *LABEL_TYPES["multilabel"]]
    assert [word for word in words if f"`{word}`" not in rule] == []
    named = [f"inputs.{name}" for name in InputState.model_fields] + [f"target.{name}" for name in TargetState.model_fields]
    assert [name for name in named if f"`{name}`" not in rule] == []
    assert [name for name in ColumnState.model_fields if f"`{name}`" not in rule] == []


def test_the_columns_of_a_history_are_those_of_the_reader():
    assert f"mlpkit writes `{FIXED[0]}` (from 1), {', '.join(f'`{name}`' for name in FIXED[1:])} and" in re.sub(r"\s+", " ", FORMAT)


def test_the_flags_of_messages_are_those_that_are_written():
    """Every file that mlpkit writes has flag 4 on the attribute info of its root, and none on an attribute."""
    text = re.sub(r"\s+", " ", FORMAT)
    assert "The flags of a message are 0 or 1 (constant), those of the root's attributes 0, and those of its attribute info 0 or 4" in text
    metadata = Metadata(Source(valid()))
    root = read_superblock(metadata)
    found = read_header(metadata, root, "the root", metadata.source.window(root, WINDOW))
    flags = {message.type: message.flags for message in found}
    assert (flags[header.ATTRIBUTE], flags[header.ATTRIBUTE_INFO]) == (0, NOT_SHARED)


def later_in(text):
    """The names of a table's rows that are marked with a later schema."""
    rows = re.findall(r"^\| `([^`]+)` \| (?!`\w+` \|).*since schema (\d)\. \|$", text, re.M | re.I)
    return {name for name, schema in rows if int(schema) > 3}


def test_additions_of_each_schema_are_marked_in_the_reference():
    """Every key, value and built-in plugin that is marked as later names its schema in SPEC.md, to which rule 29 refers."""
    assert "[SPEC.md](SPEC.md) marks each of them with the schema that added it" in re.sub(r"\s+", " ", FORMAT)
    keys, *sections = re.split(r"^### (?=[A-Z]\w+$)", SPEC, flags=re.M)
    for section in sections:  # of the built-ins of each kind
        kind = section.split("\n")[0].lower()
        for name in REGISTRIES[kind].builtins if kind != "readers" else ():
            assert (getattr(REGISTRIES[kind].get(name), "since", 3) > 3) == (name in later_in(section)), (kind, name)
    assert len(sections) == len([kind for kind in REGISTRIES if not REGISTRIES[kind].base.of_a_run])
    later = later_in(keys)
    parts = {"data.": Data, "preprocessing.": Preprocessing, "training.": Training, "network.layers[].": Layer, "network.": NetworkSpec}
    marks = [f"{prefix}{name}" for prefix, part in parts.items() for name in marked(part)]
    assert len(marks) > 10
    assert [key for key in marks if key not in later] == []
