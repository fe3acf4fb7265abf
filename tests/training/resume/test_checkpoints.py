"""Checkpoints: when they are written, which of them stay, and which one a run goes on from."""

import json
import math
import shutil
import time
import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.spec import Spec
from mlpkit.training.checkpoints import Checkpoints, checkpoint_name, checkpoints_in
from mlpkit.training.epoch import Epoch
from mlpkit.training.state import Place


def test_checkpoints_are_written_and_the_last_and_the_best_stay(table, spec_with, names, tmp_path):
    spec = spec_with(
        seed=8,
        training__epochs=8,
        training__early_stopping=None,
        training__checkpoint={"folder": str(tmp_path / "a" / "points"), "keep": 2},
    )
    model = mlpkit.train(spec, table)
    best = min(model.history, key=lambda epoch: epoch.validation_loss).number
    assert best < 7
    assert names(tmp_path / "a" / "points") == [f"epoch-{number:06}.h5" for number in sorted({best, 7, 8})]
    for number in (best, 7, 8):
        loaded = mlpkit.load(tmp_path / "a" / "points" / f"epoch-{number:06}.h5")
        assert (len(loaded.history), loaded.training_state.place) == (number, Place(number, 0))
    np.testing.assert_array_equal(loaded.network.parameters.vector, model.network.parameters.vector)


def test_every_third_epoch_and_the_last_one(table, spec_with, names, tmp_path):
    options = {"folder": str(tmp_path), "epochs": 3, "keep": 9}
    mlpkit.train(spec_with(training__epochs=7, training__early_stopping=None, training__checkpoint=options), table)
    assert names(tmp_path) == ["epoch-000003.h5", "epoch-000006.h5", "epoch-000007.h5"]


@pytest.mark.slow
def test_a_checkpoint_in_the_middle_of_an_epoch(table, spec_with, saved, names, tmp_path):
    def spec(folder):
        return spec_with(training__epochs=2, training__checkpoint={"folder": str(folder), "minutes": 1e-9, "keep": 99})

    model = mlpkit.train(spec(tmp_path / "all"), table)
    first, second = ([f"epoch-{epoch:06}-step-{step:06}.h5" for step in (1, 2, 3)] for epoch in (1, 2))
    assert names(tmp_path / "all") == sorted([*first, "epoch-000001.h5", *second, "epoch-000002.h5"])
    assert [path.name for _, path in checkpoints_in(tmp_path / "all")] == [*first, "epoch-000001.h5", *second, "epoch-000002.h5"]
    expected = saved(model, tmp_path / "unbroken.h5")
    (tmp_path / "all").rename(tmp_path / "kept")
    kept = [path for _, path in checkpoints_in(tmp_path / "kept")]
    for count in range(1, 9):
        (tmp_path / "all").mkdir()
        for path in kept[:count]:
            shutil.copy(path, tmp_path / "all")
        assert saved(mlpkit.train(spec(tmp_path / "all"), table, resume=tmp_path / "all"), tmp_path / "resumed.h5") == expected
        assert names(tmp_path / "all") == names(tmp_path / "kept")
        shutil.rmtree(tmp_path / "all")


def test_names_follow_each_other_in_time_and_strangers_are_left_alone(tmp_path):
    places = [Place(0, 3), Place(1, 0), Place(1, 2), Place(9, 99), Place(10, 0), Place(1_000_000, 5), Place(1_000_001, 0)]
    written = [checkpoint_name(place) for place in places]
    assert written[:3] == ["epoch-000001-step-000003.h5", "epoch-000001.h5", "epoch-000002-step-000002.h5"]
    for name in [*written, "epoch-1.h5", "model.h5", "epoch-000001.h5.bak", "epoch-٠٠٠٠٠١.h5"]:
        (tmp_path / name).touch()
    assert [(place, path.name) for place, path in checkpoints_in(tmp_path)] == list(zip(places, written, strict=True))


def record(number, validation_loss):
    return Epoch(number, 1.0, validation_loss, {}, 0.1, 0.0)


@pytest.fixture
def checkpoints(spec_with):
    """Checkpoints that hold nothing, for a run that begins at a place."""

    def checkpoints(folder, epochs_done=0, clock=time.monotonic, **options):
        spec = Spec.model_validate(spec_with(training__early_stopping=None, training__checkpoint={"folder": str(folder), **options}))
        return Checkpoints(spec, folder, Place(epochs_done, 0), lambda path: path.write_bytes(b"checkpoint"), clock)

    return checkpoints


def test_minutes_are_measured_from_the_last_checkpoint(checkpoints, names, tmp_path):
    now = [0.0]
    points = checkpoints(tmp_path, minutes=2, clock=lambda: now[0])
    for second in range(0, 600, 50):
        now[0] = second
        points.before_step(Place(0, second), [])
        points.after_epoch(Place(0, second), [])
    assert [place.steps for place, _ in checkpoints_in(tmp_path)] == [300, 450]
    assert names(tmp_path) == ["epoch-000001-step-000300.h5", "epoch-000001-step-000450.h5"]


def test_the_best_of_those_that_were_written_stays(checkpoints, names, tmp_path):
    points, history = checkpoints(tmp_path, epochs=2, keep=1), []
    for number, loss in enumerate([0.5, 0.4, 0.1, 0.3, math.nan, 0.35, 0.2, 0.9, 0.8], 1):
        history.append(record(number, loss))
        points.after_epoch(Place(number, 0), history)
    assert names(tmp_path) == ["epoch-000004.h5", "epoch-000008.h5"]
    points.close()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".epoch-000002.h5.123-0a1b2c.tmp").touch()
    (tmp_path / ".other.h5.123-0a1b2c.tmp").touch()
    points = checkpoints(tmp_path, 9, epochs=2, keep=1)
    points.after_epoch(Place(10, 0), [*history, record(10, 0.01)])
    strangers = ["epoch-000004.h5", "epoch-000008.h5"]  # they are no models, so the run has not gone on from them
    assert names(tmp_path) == [".other.h5.123-0a1b2c.tmp", *strangers, "epoch-000010.h5", "notes.txt"]


def test_a_checkpoint_that_cannot_be_written_is_a_warning(table, spec_with, fitted, names, tmp_path):
    folder = tmp_path / "points"
    spec = spec_with(training__epochs=5, training__checkpoint={"folder": str(folder)})
    model = fitted(spec)
    loop = mlpkit.epochs(model, table)
    next(loop), next(loop)
    shutil.rmtree(folder)
    folder.touch()
    with pytest.warns(UserWarning, match=r"a checkpoint was not written, and training continues: .*points"):
        next(loop)
    with warnings.catch_warnings():
        next(loop)  # it has been said
    folder.unlink()
    with pytest.warns(UserWarning, match=r"checkpoints are written again: .*epoch-000005\.h5"):
        assert list(loop)[-1].number == 5
    assert len(model.history) == 5
    assert names(folder) == ["epoch-000005.h5"]


def test_a_folder_that_cannot_be_made_is_an_error_before_training(table, spec_with, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "points", "nul\0"):
        spec = spec_with(training__checkpoint={"folder": str(folder)})
        with pytest.raises(mlpkit.ModelFileError, match="cannot create the folder"):
            mlpkit.train(spec, table)


def test_a_new_run_does_not_mix_its_checkpoints_with_those_of_another(table, spec_with, tmp_path):
    spec = spec_with(training__checkpoint={"folder": str(tmp_path / "points")})
    mlpkit.train(spec, table)
    before = {path.name: path.read_bytes() for path in (tmp_path / "points").iterdir()}
    with pytest.raises(
        mlpkit.ModelFileError, match=r"points has checkpoints of an earlier run, .*\nhelp: resume from them: resume='.*points'"
    ):
        mlpkit.train({**spec, "seed": 5}, table)
    assert {path.name: path.read_bytes() for path in (tmp_path / "points").iterdir()} == before


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_a_damaged_checkpoint_is_passed_over_by_name(table, spec_with, saved, tmp_path):
    points = tmp_path / "points"
    spec = spec_with(training__checkpoint={"folder": str(points), "keep": 3})
    expected = saved(mlpkit.train(spec, table), tmp_path / "unbroken.h5")
    flip(points / "epoch-000003.h5")
    with pytest.warns(UserWarning, match=r"a checkpoint was skipped: .*epoch-000003\.h5: ") as told:
        model = mlpkit.train(spec, table, resume=points)
    assert {warning.filename for warning in told} == {__file__}
    assert saved(model, tmp_path / "resumed.h5") == expected
    assert mlpkit.load(points / "epoch-000003.h5").training_state.place == Place(3, 0)
    for path in points.iterdir():
        flip(path)
    with pytest.raises(mlpkit.ModelFileError, match=r"no checkpoint in .*points can be used: .*epoch-000003.*epoch-000002.*epoch-000001"):
        mlpkit.train(spec, table, resume=points)
    with pytest.raises(mlpkit.ModelFileError, match="has no checkpoints"):
        mlpkit.train(spec, table, resume=tmp_path)


def test_the_folder_is_relative_to_the_spec_file(table, spec_with, names, tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "spec.json").write_text(json.dumps(spec_with(training__checkpoint={})))
    monkeypatch.chdir(tmp_path)
    mlpkit.train("project/spec.json", table)
    assert "epoch-000003.h5" in names(tmp_path / "project" / "model.checkpoints")
    assert names(tmp_path) == ["project"]


def test_the_interval_is_written_out(spec_with, tmp_path):
    def options(**given):
        return Spec.model_validate(spec_with(training__checkpoint=given)).to_dict()["training"]["checkpoint"]

    assert options() == {"folder": None, "epochs": 1, "minutes": None, "keep": 2}
    assert options(minutes=5)["epochs"] is None
    assert options(minutes=5, epochs=3) == {"folder": None, "epochs": 3, "minutes": 5.0, "keep": 2}
    for wrong in ({"minutes": 0}, {"epochs": 0}, {"keep": 0}, {"folder": ""}, {"every": 3}):
        with pytest.raises(mlpkit.SpecError, match=r"training\.checkpoint\."):
            options(**wrong)
