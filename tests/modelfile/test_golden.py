"""Golden files: models that released versions of mlpkit saved are read for ever, and predict what they did."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit

FILES = sorted((Path(__file__).parent / "golden").glob("*.h5"))


def test_every_version_has_its_files():
    assert {path.name.split("-")[0] for path in FILES} == {"1.0", "1.1", "1.2"}
    assert len(FILES) == 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_predicts_what_it_did(path):
    told = json.loads(path.with_suffix(".json").read_text())
    rows = told["rows"] if isinstance(told["rows"][0], dict) else np.array(told["rows"])
    for way in ({}, {"mmap": True}):
        model = mlpkit.load(path, **way)
        if model.classes is None:
            np.testing.assert_allclose(model.predict(rows), told["predictions"], rtol=1e-5, atol=1e-6)
        else:
            assert model.predict(rows).tolist() == told["predictions"]
            np.testing.assert_allclose(model.predict_proba(rows), told["probabilities"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_is_described_and_has_a_spec_of_today(path):
    found = mlpkit.inspect(path)
    assert found["container"] == path.name.split("-")[0]
    assert found["spec"]["training"]["checkpoint"] is None
    assert found["spec"]["data"]["in_memory"] is True
    assert mlpkit.load(path).spec.to_dict() == found["spec"]
    with h5py.File(path) as file:
        arrays = mlpkit.load_arrays(path)
        assert all(np.array_equal(file[f"tensors/{name[::-1].replace('.', '/', 1)[::-1]}"], arrays[name]) for name in found["tensors"])


@pytest.mark.parametrize("path", [path for path in FILES if not path.name.startswith("1.2")], ids=lambda path: path.stem)
def test_a_file_of_an_earlier_version_is_written_again_to_the_byte(path, tmp_path):
    """But for the versions of the packages that write it."""
    model = mlpkit.load(path)
    model.save(tmp_path / "again.h5", compat=path.name[:3])
    again, before = mlpkit.load_arrays(tmp_path / "again.h5"), mlpkit.load_arrays(path)
    assert again.keys() == before.keys()
    assert all(again[name].tobytes() == array.tobytes() for name, array in before.items())
    assert mlpkit.inspect(tmp_path / "again.h5")["spec"] == mlpkit.inspect(path)["spec"]
