"""The paths in a stranger's model are not opened, and a run's folder of checkpoints is its own."""

import os
import sys
from pathlib import Path

import pytest

import mlpkit
from mlpkit.training import checkpoints as module

AUDITED = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.listdir", "os.link")
_watched = []  # a hook cannot be taken away again
sys.addaudithook(lambda event, arguments: [paths.append(str(arguments[0])) for paths in _watched if event in AUDITED])


@pytest.fixture
def opened():
    """The paths that are opened, made or removed."""
    paths = []
    _watched.append(paths)
    yield paths
    _watched.remove(paths)


@pytest.fixture
def stranger(table, spec_with, tmp_path):
    """A model whose spec names a file of validation rows and a folder of checkpoints, and checkpoints that stand there."""
    folder, rows = tmp_path / "stranger", tmp_path / "secret.csv"
    table.to_csv(rows, index=False)
    spec = spec_with(data={"target": "y", "path": str(rows), "validation": str(rows)}, training__checkpoint={"folder": str(folder)})
    mlpkit.train(spec, table).save(tmp_path / "stranger.h5")
    return mlpkit.load(tmp_path / "stranger.h5")


def test_a_strangers_paths_are_not_opened(stranger, table, opened, tmp_path):
    before = {path: path.read_bytes() for path in (tmp_path / "stranger").iterdir()}
    opened.clear()
    with pytest.warns(UserWarning, match=r"requests checkpoints, which are not written: pass checkpoints="):
        list(mlpkit.epochs(stranger, table, validation=table))
    assert not [path for path in opened if "stranger" in path or "secret" in path]
    assert {path: path.read_bytes() for path in (tmp_path / "stranger").iterdir()} == before


def test_without_rows_in_the_call_nothing_is_read(stranger, opened):
    opened.clear()
    with pytest.raises(mlpkit.SpecError, match=r"(?s)is from a model file.*secret\.csv.*is not opened.*pass the rows"):
        mlpkit.epochs(stranger)
    assert not [path for path in opened if "secret" in path]


def test_rows_in_the_call_replace_the_validation_rows_of_the_file(stranger, table, opened):
    opened.clear()
    with pytest.raises(mlpkit.SpecError, match="there are no validation rows"):  # early stopping watches them
        mlpkit.epochs(stranger, table)
    assert not [path for path in opened if "secret" in path]


def test_checkpoints_go_where_the_caller_says(stranger, table, tmp_path):
    before = sorted((tmp_path / "stranger").iterdir())
    list(mlpkit.epochs(stranger, table, validation=table, checkpoints=tmp_path / "mine"))
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["epoch-000005.h5", "epoch-000006.h5"]
    assert sorted((tmp_path / "stranger").iterdir()) == before


def test_a_spec_of_the_callers_own_has_its_paths(table, spec_with, tmp_path):
    own = spec_with(training__checkpoint={"folder": str(tmp_path / "own")})
    model = mlpkit.Model(own, inputs=4, outputs=1)
    list(mlpkit.epochs(model, table))
    assert (tmp_path / "own").is_dir()


def test_checkpoints_without_a_word_in_the_spec(table, spec_with, names, tmp_path):
    mlpkit.train(spec_with(), table, checkpoints=tmp_path / "points")
    assert names(tmp_path / "points") == ["epoch-000002.h5", "epoch-000003.h5"]


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "ü\u202e\x1b", "x" * 300])
def test_a_folder_that_is_named_after_the_spec_is_a_plain_one(name, table, spec_with, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlpkit.train(spec_with(name=name, training__checkpoint={}), table)
    [folder] = tmp_path.iterdir()
    assert folder.name.endswith(".checkpoints")
    assert len(list(folder.iterdir())) == 2


@pytest.fixture
def points(table, spec_with, tmp_path):
    """A folder with the checkpoints of a run of three epochs."""
    spec = spec_with(optimizer="adam", training__checkpoint={"folder": str(tmp_path / "points"), "keep": 3})
    mlpkit.train(spec, table)
    return tmp_path / "points"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("error", [mlpkit.errors.UnsupportedVersion, mlpkit.errors.UnsupportedFeature, mlpkit.errors.ResourceLimit])
@pytest.mark.parametrize("resume", [True, False])
def test_undamaged_checkpoints_are_neither_skipped_nor_removed(error, resume, points, table, spec_with, monkeypatch):
    before, read = content(points), module.reader.read

    def refused(path):
        if Path(path).name == "epoch-000003.h5":
            raise error(f"{path}: of a newer mlpkit", help="install it")
        return read(path)

    monkeypatch.setattr(module.reader, "read", refused)
    spec = spec_with(optimizer="adam", training__epochs=5, training__checkpoint={"folder": str(points), "keep": 1})
    with pytest.raises(error, match="of a newer mlpkit"):
        mlpkit.train(spec, table, resume=points if resume else None)
    with pytest.raises(error, match="of a newer mlpkit"):
        mlpkit.train(spec, table, resume=points / "epoch-000001.h5")
    assert content(points) == before


def test_an_unreadable_checkpoint_is_an_error(points, table, spec_with, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mlpkit.modelfile.hdf5.source.os.open", refused)
    with pytest.raises(mlpkit.ModelFileError, match="no permission to read it"):
        mlpkit.train(spec_with(training__checkpoint={"folder": str(points)}), table, resume=points)
    monkeypatch.undo()
    assert len(content(points)) == 3


def test_a_run_removes_no_file_that_is_not_its_own(points, table, spec_with):
    """One with such a name that is no model at all is passed over, and stays."""
    (points / "epoch-000002.h5").write_text("the results of somebody else")
    spec = spec_with(optimizer="adam", training__epochs=6, training__checkpoint={"folder": str(points), "keep": 1})
    mlpkit.train(spec, table, resume=points / "epoch-000003.h5")
    assert (points / "epoch-000002.h5").read_text() == "the results of somebody else"


def test_a_folder_in_use_is_refused_in_the_same_process_too(table, spec_with, fitted, tmp_path):
    spec = spec_with(training__checkpoint={"folder": str(tmp_path / "points")})
    loop = mlpkit.epochs(fitted(spec), table)
    next(loop)
    with pytest.raises(mlpkit.ModelFileError, match=r"points is in use: another run writes its checkpoints there"):
        mlpkit.train(spec, table)
    loop.close()
    with pytest.raises(mlpkit.ModelFileError, match="has checkpoints of an earlier run"):
        mlpkit.train(spec, table)


def test_a_run_is_alone_if_folders_cannot_be_locked(table, spec_with, tmp_path, monkeypatch):
    import fcntl

    def none(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    mlpkit.train(spec_with(training__checkpoint={"folder": str(tmp_path / "points")}), table)
    assert len(os.listdir(tmp_path / "points")) == 2
