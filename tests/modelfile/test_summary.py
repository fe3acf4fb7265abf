"""The summary of a model file in JSON values, without tensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from io import BytesIO

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.errors import Corrupt
from mlpkit.modelfile.constants import SPEC_SCHEMA
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.reader import read
from mlpkit.modelfile.summary import summary
from mlpkit.modelfile.writer import write


@pytest.fixture
def path(contents, tmp_path):
    write(tmp_path / "model.h5", contents)
    return tmp_path / "model.h5"


def test_the_summary_describes_the_file(path, contents):
    found = summary(path)
    with h5py.File(BytesIO(path.read_bytes())) as file:
        digest = hashlib.sha256(file["manifest"][()].tobytes()).hexdigest()
    assert (found["manifest_sha256"], found["file_bytes"], found["path"]) == (digest, path.stat().st_size, str(path))
    assert (found["container"], found["spec_schema"], found["required_features"]) == ("1.3", SPEC_SCHEMA, [])
    assert found["producer"]["mlpkit"] == mlpkit.__version__
    for name in ("spec", "plugins", "preprocessing", "metadata"):
        assert found[name] == getattr(contents, name)
    assert found["columns"] == [{"name": "bill length", "kind": "number"}]
    assert found["classes"] == ["Adélie", "Gentoo"]
    last = {"epoch": 2.0, "loss": 0.25, "validation_loss": None}
    assert found["history"] == {"columns": ["epoch", "loss", "validation_loss"], "epochs": 2, "last": last}
    assert found["tensors"]["layers.0.weight"] == {"dtype": "float32", "shape": [4, 3]}
    assert found["parameters"] == 4 * 3 + 3 + 3
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_untrained_model_has_no_columns_and_no_epochs(tmp_path):
    write(tmp_path / "bare.h5", Contents({}, {}))
    found = summary(tmp_path / "bare.h5")
    assert (found["columns"], found["classes"], found["parameters"]) == (None, None, 0)
    assert found["history"] == {"columns": [], "epochs": 0, "last": {}}


def test_layers_are_in_the_order_of_their_numbers(contents, tmp_path):
    tensors = {f"layers.{number}.weight": np.ones((1, 1)) for number in range(12)}
    write(tmp_path / "deep.h5", replace(contents, tensors=tensors))
    assert list(summary(tmp_path / "deep.h5")["tensors"]) == list(tensors)


def test_a_damaged_weight_is_left_to_read(path, contents):
    data = bytearray(path.read_bytes())
    data[data.index(contents.tensors["layers.0.weight"].tobytes())] ^= 1
    path.write_bytes(data)
    assert summary(path)["parameters"] == 18
    with pytest.raises(Corrupt, match=r"layers\.0/weight"):
        read(path)
