"""The reference of the spec: every key and option has a meaning, and every part an example that is valid."""

import json
import re

import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES
from mlpkit.spec.markdown_reference import spec_reference

REFERENCE = spec_reference()
ROWS = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in REFERENCE.splitlines() if line.startswith("| `")]
EXAMPLES = [json.loads(text) for text in re.findall(r"^```json\n(.*?)\n```$", REFERENCE, re.M | re.S)]
LEAST = {"network": {"layers": [{"units": 3}, {"units": 1}]}, "loss": "mse", "metrics": ["mae"]}


def paths(value, start=""):
    """Yield the path of every key in JSON, with [] for the entries of a list."""
    for key, inside in value.items():
        yield f"{start}{key}"
        entries, mark = (inside, "[]") if isinstance(inside, list) else ([inside], "")
        for entry in entries:
            yield from paths(entry, f"{start}{key}{mark}.") if isinstance(entry, dict) and "type" not in entry else ()


def test_it_has_every_key_of_a_spec():
    spec = {**LEAST, "data": {"split": {"validation": 0.2}}, "training": {"early_stopping": {}, "checkpoint": {}}}
    found = {row[0].strip("`") for row in ROWS if len(row) == 4}
    full = mlpkit.Spec.model_validate(spec).to_dict()
    full["data"].pop("missing")  # written as {"only": [...]}
    assert set(paths(full)) <= found
    assert {"data.missing", "network.layers[].normalization.momentum", "network.layers[].normalization.epsilon"} <= found


def test_it_has_every_built_in_plugin_and_option():
    options = {(row[0].strip("`"), row[1].strip("`")) for row in ROWS if len(row) == 5}
    plugins = {row[0].strip("`") for row in ROWS if len(row) == 3}
    for registry in REGISTRIES.values():
        assert set(registry.builtins) <= plugins
        for name in registry.builtins:
            assert {(name, key) for key in registry.get(name).model_fields} <= options


def test_every_row_has_a_meaning():
    assert [row for row in ROWS if not re.match(r"\W*\w.*\.$", row[-1])] == []
    assert len(ROWS) > 100


def test_later_keys_and_values_name_their_schema():
    meanings = {row[0].strip("`"): row[-1] for row in ROWS if len(row) == 4}
    assert meanings["data.header"].endswith(" Since schema 4.")
    assert meanings["preprocessing.target"].endswith(' `"robust"` since schema 4.')
    assert ' Other values than `null`, `"csv"`, `"tsv"`, `"npz"`, `"npy"`, `"hdf5"` since schema 5.' in meanings["data.format"]
    assert meanings["data.format"].endswith(' `"xlsx"` since schema 8.')
    assert meanings["data.path"].endswith(" Other values than `null`, texts since schema 8.")
    assert "since schema" not in meanings["training.epochs"].lower()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(reversed(list(paths(example)))))
def test_every_example_is_part_of_a_valid_spec(example):
    layers = example.get("network", {}).get("layers", [])
    if layers and len(layers) == 1:  # of a hidden layer
        example = {"network": {"layers": [{"units": 3, **layers[0]}, {"units": 1}]}}
    if "network" in example and not layers:
        example = {"network": {**LEAST["network"], **example["network"]}}
    spec = {**LEAST, **example}
    if "embed" in str(example.get("preprocessing")):
        spec["network"] = {**spec["network"], "embeddings": [{"type": "category"}]}
    if example.get("training", {}).get("early_stopping", {}).get("monitor") == "accuracy":
        spec["metrics"] = ["accuracy"]
    if "network" in example and example["network"]["layers"][-1].get("activation") == "softmax":
        spec["loss"] = "categorical_crossentropy"
    mlpkit.Spec.model_validate(spec)


def test_every_part_has_an_example():
    assert len(EXAMPLES) == len(re.findall(r"^## (`|The whole)", REFERENCE, re.M)) == 36
