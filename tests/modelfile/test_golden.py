"""Golden files: models saved by released versions of mlpkit can still be read, and predict as before."""

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.training.state import Place

from ..sampling import one_in

FILES = sorted((Path(__file__).parent / "golden").glob("*.h5"))


def test_every_version_has_its_files():
    assert {path.name.split("-")[0] for path in FILES} == {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
    assert len(FILES) == 37


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")  # of the learned inputs
def test_a_golden_file_predicts_as_before(path):
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


@pytest.mark.parametrize("path", one_in(4, FILES), ids=[path.stem for path in FILES])
def test_a_golden_file_is_written_again_in_the_lowest_version_that_holds_it(path, tmp_path):
    model = mlpkit.load(path)
    resumable = model.training_state is not None
    model.save(tmp_path / "again.h5", training_state=resumable)
    found, before = mlpkit.inspect(tmp_path / "again.h5"), mlpkit.inspect(path)
    lowest = 6 if path.stem.endswith("-learned") else 3
    expected = ("1.5", 6) if "ensemble" in path.stem else ("1.4", 4) if resumable else ("1.3", lowest)
    assert (found["container"], found["spec_schema"]) == expected
    assert found["spec"] == before["spec"]
    assert found["training"] == (before["training"] and {**found["training"], **before["training"]})
    arrays, then = mlpkit.load_arrays(tmp_path / "again.h5"), mlpkit.load_arrays(path)
    assert {name: arrays[name].tobytes() for name in then} == {name: array.tobytes() for name, array in then.items()}


@pytest.mark.parametrize("path", [path for path in FILES if path.stem.endswith("-state")], ids=lambda path: path.stem)
def test_a_run_in_a_golden_file_resumes_to_the_same_end(path):
    told = json.loads(path.with_suffix(".json").read_text())
    model = mlpkit.load(path)
    assert model.training_state.place == Place(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other versions of packages
        for _ in mlpkit.epochs(model, told["table"], resume=True):
            pass
    assert model.training_state is None
    np.testing.assert_allclose(model.predict_proba(told["rows"]), told["finished"]["probabilities"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("path", [path for path in FILES if path.stem.endswith("-snake")], ids=lambda path: path.stem)
def test_a_golden_file_has_an_outside_plugin(path):
    plugins = mlpkit.inspect(path)["plugins"]
    assert ("mlpkit-snake:snake", "mlpkit-snake", {"a": 0.5}) in [
        (entry["name"], entry["distribution"], entry["options"]) for entry in plugins
    ]


def test_a_list_of_missing_texts_of_then_is_the_whole_list_now(tmp_path):
    path = Path(__file__).parent / "golden" / "1.3-missing.h5"
    told = json.loads(path.with_suffix(".json").read_text())
    (tmp_path / "rows.csv").write_text(told["csv"])
    model = mlpkit.load(path)
    assert model.spec.data.missing == ("-",)
    [country] = [column for column in model.input_encoder.columns if column.name == "country"]
    assert country.categories == ("DE", "FR", "NA", None)
    assert model.predict(tmp_path / "rows.csv").tolist() == told["of_csv"]["predictions"]
    np.testing.assert_allclose(model.predict_proba(tmp_path / "rows.csv"), told["of_csv"]["probabilities"], rtol=1e-5, atol=1e-6)
    na, gap = model.predict_proba([{"country": "NA", "size": 0.5}, {"country": "-", "size": 0.5}])
    assert not np.allclose(na, gap)


def damaged(path, target, data):
    """Load a file that was damaged on its way: an error of its kind, or True when nothing that means something has changed."""
    target.write_bytes(data)
    try:
        model = mlpkit.load(target)
    except mlpkit.ModelFileError:
        return False
    assert mlpkit.inspect(target)["manifest_sha256"] == mlpkit.inspect(path)["manifest_sha256"]
    weights = mlpkit.load(path).get_weights()
    assert all(weight.tobytes() == weights[name].tobytes() for name, weight in model.get_weights().items())
    return True


def loads_although_damaged(path, target, step, bits):
    """Flip some bits in each of some bytes, and cut the file off at each of some lengths; the share of flips that mean nothing."""
    data = bytearray(path.read_bytes())
    for length in range(1, len(data), step):
        assert not damaged(path, target, data[:length])
    taken, flips = 0, [(place, bit) for place in range(0, len(data), step) for bit in bits(place)]
    for place, bit in flips:
        data[place] ^= 1 << bit
        taken += damaged(path, target, data)
        data[place] ^= 1 << bit
    return taken / len(flips)


@pytest.mark.parametrize("path", one_in(4, FILES), ids=[path.stem for path in FILES])
def test_a_golden_file_that_was_damaged_is_refused_or_the_same_model(path, tmp_path):
    assert loads_although_damaged(path, tmp_path / "damaged.h5", 1499, lambda place: [place * 5 % 8]) < 0.6


@pytest.mark.slow
def test_a_golden_file_with_every_fourth_bit_flipped_or_cut_off_anywhere_is_refused_or_the_same_model(tmp_path):
    newest = next(path for path in FILES if path.stem == "1.4-xor")
    assert loads_although_damaged(newest, tmp_path / "damaged.h5", 1, lambda place: range(place % 4, 8, 4)) < 0.6
