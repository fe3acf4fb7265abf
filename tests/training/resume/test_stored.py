"""A run over rows on disk that is stopped anywhere and goes on ends with the same file, byte for byte."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.data.disk import stream
from mlpkit.data.disk import table as stored
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.training.session import fingerprint


@pytest.fixture
def rows(table, tmp_path, monkeypatch):
    """The numbers of the table in an HDF5 file, in blocks of 3 rows and chunks of 10."""
    monkeypatch.setattr(stored, "BLOCK", 3 * 16)
    monkeypatch.setattr(stream, "CHUNK", 10 * 2 * 4)
    write(table, tmp_path / "rows.h5")
    return tmp_path / "rows.h5"


def write(table, path):
    with h5py.File(path, "w") as file:
        for name in ("a", "b", "y", "w"):
            file[name] = table[name].to_numpy()


@pytest.fixture
def on_disk(spec_with):
    """The spec of the other tests for rows on disk."""

    def on_disk(**changes):
        data = {"target": "y", "weight": "w", "inputs": ["a", "b"], "split": {"validation": 0.25}, "in_memory": False}
        return spec_with(data=data, **changes)

    return on_disk


VARIANTS = [
    {},
    pytest.param({"training__shuffle": False}, marks=pytest.mark.slow),
    pytest.param({"training__early_stopping": None, "metrics": []}, marks=pytest.mark.slow),
    pytest.param({"training__early_stopping": {"monitor": "training_loss"}}, marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "-".join(changes) or "as it is")
def test_stopped_anywhere(rows, on_disk, saved, assert_goes_on, changes, tmp_path):
    spec = on_disk(**changes)
    expected = saved(mlpkit.train(spec, rows), tmp_path / "unbroken.h5")
    for steps in range(12):
        assert_goes_on(spec, [steps], tmp_path, rows, expected)
    assert_goes_on(spec, [1, 3, 1, 4], tmp_path, rows, expected)


KILLED = """
import os, signal, sys, mlpkit
from mlpkit.data.disk import table as stored, stream
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
stored.BLOCK, stream.CHUNK = 48, 80
spec = Spec.read(sys.argv[1])
prepared = prepare(spec)
model = mlpkit.Model.for_data(spec, prepared)
steps = iter(range(int(sys.argv[2])))
for _ in model.epochs(prepared, stop=lambda: next(steps, None) is None and os.kill(os.getpid(), signal.SIGKILL)):
    pass
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch(rows, on_disk, saved, tmp_path):
    checkpoint = {"folder": "points", "minutes": 1e-9}
    spec = on_disk(data__path="rows.h5", training__checkpoint=checkpoint)
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "spec.json"), "7"], env={**os.environ, "PYTHONPATH": path}, timeout=600, check=False
    )
    assert done.returncode == -9
    points = sorted(path.name for path in (tmp_path / "points").glob("*.h5"))
    assert any("step" in name for name in points)
    resumed = mlpkit.train(tmp_path / "spec.json", resume=tmp_path / "points")
    expected = mlpkit.train(Spec.model_validate(on_disk(data__path="rows.h5"), folder=tmp_path))
    np.testing.assert_array_equal(resumed.network.parameters.vector, expected.network.parameters.vector)
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in expected.history]


def test_changed_rows_on_disk_are_named(rows, table, on_disk, run_until, tmp_path):
    run_until(on_disk(), 6, tmp_path / "part.h5", rows)
    for change, words in (
        (table.assign(a=table["a"] * 2), "the column 'a' is not the same in the training rows"),
        (table.assign(b=table["b"][::-1].to_numpy()), "the column 'b' is not the same"),
        (table.assign(y=table["y"] + 1), "the targets of the training rows are not the same"),
    ):
        write(change, tmp_path / "changed.h5")
        with pytest.raises(mlpkit.DataError, match=f"differ from those of the run: {words}"):
            mlpkit.train(on_disk(), tmp_path / "changed.h5", resume=tmp_path / "part.h5")
    held_out = prepare(Spec.model_validate(on_disk()), rows).validation.inputs.table.index
    other = table.copy()
    other.loc[held_out[0], "a"] = 9.0
    write(other, tmp_path / "changed.h5")
    with pytest.raises(mlpkit.DataError, match="the column 'a' is not the same in the validation rows"):
        mlpkit.train(on_disk(), tmp_path / "changed.h5", resume=tmp_path / "part.h5")


def test_a_run_on_disk_does_not_go_on_in_memory(rows, on_disk, run_until, tmp_path):
    run_until(on_disk(), 6, tmp_path / "part.h5", rows)
    with pytest.raises(mlpkit.SpecError, match="'in_memory' is true, but the run to resume has false"):
        mlpkit.train(on_disk(data__in_memory=True), rows, resume=tmp_path / "part.h5")


def test_the_layout_of_a_file_does_not_matter(rows, table, on_disk, tmp_path):
    with h5py.File(tmp_path / "chunks.h5", "w") as file:
        for name in ("a", "b", "y", "w"):
            file.create_dataset(name, data=table[name].to_numpy(), chunks=True, compression="gzip")
    plain, chunked = (prepare(Spec.model_validate(on_disk()), path) for path in (rows, tmp_path / "chunks.h5"))
    assert fingerprint(plain) == fingerprint(chunked)
    vectors = [mlpkit.train(on_disk(), path).network.parameters.vector for path in (rows, tmp_path / "chunks.h5")]
    np.testing.assert_array_equal(*vectors)
