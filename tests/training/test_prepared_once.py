"""Ranks of one machine that read the same files share one copy of the rows. They are threads here; mlpkit-mpi has processes."""

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.errors import DataError, MLPKitError
from mlpkit.model import train as training
from mlpkit.training import prepared_once
from mlpkit.training.ranks import present

from .ranks_of_threads import on_ranks

SPEC = {
    "dtype": "float64",
    "data": {"path": "rows.csv", "target": "y", "weight": "w", "split": {"validation": 0.25}},
    "network": {"layers": [{"units": 5, "activation": "tanh", "dropout": 0.2}, {"activation": "linear"}]},
    "loss": "mse",
    "metrics": ["r2"],
    "training": {"epochs": 3, "batch_size": 8},
}


def columns(rows=60):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    x[::7, 1] = np.nan
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "w": rng.uniform(0.5, 2, rows), "y": x[:, 0] * x[:, 2]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = columns()
    np.savetxt("rows.csv", np.column_stack(list(table.values())), delimiter=",", header=",".join(table), comments="")
    return tmp_path


@pytest.fixture
def prepared(monkeypatch):
    """The ranks that have read and encoded rows."""
    ranks, prepare = [], training.prepare

    def counted(*arguments, **options):
        ranks.append(present() and present().rank)
        return prepare(*arguments, **options)

    monkeypatch.setattr(training, "prepare", counted)
    return ranks


def changed(**data):
    return {**SPEC, "data": {**SPEC["data"], **data}}


def losses(model):
    return np.array([[epoch.loss, epoch.validation_loss, epoch.metrics["r2"]] for epoch in model.history])


def check(spec, prepared, readers, size=3, **options):
    """Train alone and on ranks; some of these read, and the losses are the same."""
    alone = mlpkit.train(spec, **options)
    prepared.clear()
    for model in on_ranks(size, lambda ranks: mlpkit.train(spec, **options)):
        np.testing.assert_allclose(losses(model), losses(alone), rtol=1e-12)
    assert sorted(prepared) == readers


def test_one_rank_reads_for_all(folder, prepared):
    check(SPEC, prepared, [0])
    check(changed(in_memory=False), prepared, [0])


def test_the_rows_are_mapped_from_one_file(folder):
    data = []
    on_ranks(2, lambda ranks: mlpkit.train(SPEC, on_start=lambda start: data.append(start.data)))
    for one in data:
        assert not one.train.inputs.flags.writeable
        assert not one.train.inputs.flags.owndata
    assert (data[0].train.inputs == data[1].train.inputs).all()


def test_validation_rows_of_another_file_are_shared_too(folder, prepared):
    (folder / "others.csv").write_bytes((folder / "rows.csv").read_bytes())
    check(changed(split=None, validation="others.csv"), prepared, [0])
    check(changed(split=None), prepared, [0], validation=folder / "others.csv")


def test_shards_are_shared(folder, prepared):
    (folder / "others.csv").write_bytes((folder / "rows.csv").read_bytes())
    check(changed(path=["rows.csv", "others.csv"]), prepared, [0])
    check(changed(path="*.csv", in_memory=False), prepared, [0])


def test_texts_and_dates_are_shared_too(folder, prepared):
    header, *lines = (folder / "rows.csv").read_text().splitlines()
    others = [f"{('red', 'green', '')[row % 3]},2024-0{row % 9 + 1}-01,{row % 40} kg" for row in range(len(lines))]
    rows = [",".join(parts) for parts in zip(["colour,day,mass", *others], [header, *lines], strict=True)]
    (folder / "rows.csv").write_text("\n".join(rows))
    spec = {**SPEC, "preprocessing": {"columns": {"day": "date"}}}
    for in_memory in (True, False):
        spec["data"] = {**SPEC["data"], "in_memory": in_memory, "units": {"mass": "kg"}}
        check(spec, prepared, [0])


def test_arrays_on_disk_are_scanned_once_and_read_by_each_rank(folder, prepared):
    table = columns()
    np.save("rows.npy", np.rec.fromarrays(list(table.values()), names=list(table)))
    check(changed(path="rows.npy", in_memory=False), prepared, [0])
    with h5py.File("rows.h5", "w") as file:
        for name, values in table.items():
            file[name] = values
    check(changed(path="rows.h5", in_memory=False), prepared, [0])


def test_datasets_that_only_libhdf5_reads_are_prepared_by_each_rank(folder, prepared):
    with h5py.File("rows.h5", "w") as file:
        for name, values in columns().items():
            file.create_dataset(name, data=values, chunks=True, compression="gzip")
    check(changed(path="rows.h5", in_memory=False), prepared, [0, 1, 2])


def test_arrays_of_the_program_are_prepared_by_each_rank(folder, prepared):
    table = columns()
    inputs, target = np.column_stack([table[name] for name in "abc"]), table["y"]
    check(changed(path=None, target=None, weight=None), prepared, [0, 1], 2, rows=inputs, y=target)


@pytest.mark.parametrize("name", ["SharedArrays", "open_elsewhere"])
def test_a_file_that_cannot_be_written_or_opened_makes_each_rank_read(folder, prepared, monkeypatch, name):
    def fail(*arguments):
        raise OSError("on purpose")

    monkeypatch.setattr(prepared_once, name, fail)
    check(SPEC, prepared, [0, 1, 2])


def test_ranks_without_a_mark_of_the_machine_read_each(folder, prepared, monkeypatch):
    monkeypatch.setattr(prepared_once, "BOOT", folder / "none")
    check(SPEC, prepared, [0, 1], 2)


def test_ranks_of_other_files_read_their_own_and_end_with_an_error(folder, prepared):
    (folder / "others.csv").write_text((folder / "rows.csv").read_text() + "0,0,0,1,9\n")

    def run(ranks):
        with pytest.raises(
            MLPKitError, match="rank 2 differs from rank 0: it has 46 training and 15 validation rows, rank 0 has 45 and 15"
        ):
            mlpkit.train(SPEC, "others.csv" if ranks.rank == 2 else None)
        return True

    assert on_ranks(3, run) == [True] * 3
    assert sorted(prepared) == [0, 2]


def test_an_error_in_the_rows_is_found_by_each_rank(folder, prepared):
    def run(ranks):
        with pytest.raises(DataError, match="'nothing'"):
            mlpkit.train(changed(target="nothing"))
        return True

    assert on_ranks(3, run) == [True] * 3
    assert sorted(prepared) == [0, 1, 2]


def test_a_resumed_run_is_shared_too(folder, prepared):
    def stopped(ranks=None):
        steps = iter(range(8))
        model = mlpkit.train(SPEC, stop=lambda: next(steps, None) is None)
        if ranks is None or ranks.rank == 0:
            model.save("part.h5", training_state=True)

    whole = mlpkit.train(SPEC)
    on_ranks(2, stopped)
    prepared.clear()
    for model in on_ranks(3, lambda ranks: mlpkit.train(SPEC, resume="part.h5")):
        np.testing.assert_allclose(losses(model), losses(whole), rtol=1e-12)
    np.testing.assert_allclose(losses(mlpkit.train(SPEC, resume="part.h5")), losses(whole), rtol=1e-12)
    assert prepared == [0, None]
