"""Logs of runs in Python: files with one line for each epoch, and events for TensorBoard."""

import csv
import errno
import json
import os

import numpy as np
import pytest

import mlpkit

from . import decoder

ROWS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [0, 1, 1, 0]
SPEC = {
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
    "training": {"epochs": 6, "batch_size": 2},
}


def train(spec=SPEC, **options):
    return mlpkit.train(spec, ROWS, TARGETS, validation=(ROWS, TARGETS), **options)


def lines(path):
    """The records of a log, with numbers."""
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return [{name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)]
    return [json.loads(line) for line in path.read_text().splitlines()]


def scalars(folder):
    """The values of each step that TensorBoard shows of a folder, where the start of a resumed run replaces steps from its own on."""
    shown = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for step, content in decoder.events(file.read_bytes()):
            if content == "start":
                shown = {earlier: values for earlier, values in shown.items() if earlier < step}
            elif isinstance(content, dict):
                assert step not in shown
                shown[step] = content
    return shown


def expected(model, names=("loss", "validation_loss", "accuracy", "learning_rate")):
    columns = model.history.columns()
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]


@pytest.fixture(params=["run.jsonl", "run.csv"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_a_log_has_a_line_for_each_epoch(path):
    model = train(on_epoch=mlpkit.EpochLog(path))
    found = lines(path)
    assert list(found[0]) == ["epoch", "loss", "validation_loss", "accuracy", "learning_rate", "seconds"]
    assert [record.pop("epoch") for record in found] == [1, 2, 3, 4, 5, 6]
    assert all(record.pop("seconds") > 0 for record in found)
    assert found == expected(model)


def test_another_run_replaces_the_log(path):
    train(on_epoch=mlpkit.EpochLog(path))
    train({**SPEC, "training": {"epochs": 2}}, on_epoch=mlpkit.EpochLog(path))
    assert [record["epoch"] for record in lines(path)] == [1, 2]


def test_a_resumed_run_continues_the_log_without_repeated_epochs_and_half_lines(path, tmp_path):
    """The process was killed in the middle of the line of epoch 5; the last checkpoint is that of epoch 3."""
    log, model = mlpkit.EpochLog(path), mlpkit.Model(SPEC, inputs=2)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, validation=(ROWS, TARGETS)):
        if epoch.number < 5:
            log(epoch)
        if epoch.number == 3:
            model.save(tmp_path / "part.h5", training_state=True)
    before = lines(path)
    with open(path, "ab") as file:
        file.write(b'{"epoch": 5, "lo' if path.suffix == ".jsonl" else b"5,0.69")
    model = mlpkit.load(tmp_path / "part.h5")
    log = mlpkit.EpochLog(path, model)
    assert lines(path) == before[:3]  # with their seconds
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, validation=(ROWS, TARGETS), resume=True):
        log(epoch)
    found = lines(path)
    assert [record["epoch"] for record in found] == [1, 2, 3, 4, 5, 6]
    assert [{name: record[name] for name in ("loss", "validation_loss", "accuracy", "learning_rate")} for record in found] == expected(
        model
    )


def test_a_log_that_begins_with_a_resumed_run_has_the_earlier_epochs_too(path, tmp_path):
    train().save(tmp_path / "model.h5")
    model = mlpkit.load(tmp_path / "model.h5")
    log, folder = mlpkit.EpochLog(path, model), mlpkit.TensorBoardLog(tmp_path / "runs", model)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, validation=(ROWS, TARGETS)):
        log(epoch)
        folder(epoch)
    found = lines(path)
    assert [record["epoch"] for record in found] == list(range(1, 13))
    assert [record["seconds"] is None for record in found] == [True] * 6 + [False] * 6
    shown = scalars(tmp_path / "runs")
    assert list(shown) == list(range(1, 13))
    assert ["seconds" in values for values in shown.values()] == [False] * 6 + [True] * 6


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "epoch,loss\n1,x\n",
        "[1]\n",
        '{"epoch": 1}\n',
        "nonsense\n",
        "\xff\n",
        '{"epoch": [], "loss": 1}\n',
        "[" * 9**5 + "\n",
        "no line",
        '{"epoch":' + "[" * 9**5 + "\n",
    ],
)
def test_a_file_that_is_no_log_is_not_touched(path, tmp_path, text):
    train().save(tmp_path / "model.h5")
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(mlpkit.LogError, match="no log of epochs"):
        mlpkit.EpochLog(path, mlpkit.load(tmp_path / "model.h5"))
    assert path.read_bytes() == text.encode("latin-1")


def test_values_that_are_not_finite_are_null_and_empty(path):
    log = mlpkit.EpochLog(path)
    log(mlpkit.Epoch(1, float("inf"), None, {"r2": float("nan")}, 0.1, 0.5))
    assert lines(path) == [{"epoch": 1, "loss": None, "r2": None, "learning_rate": 0.1, "seconds": 0.5}]


def test_a_metric_that_comes_later_gets_a_column(path):
    log = mlpkit.EpochLog(path)
    log(mlpkit.Epoch(1, 0.5, None, {"a": 1.0}, 0.1, 0.5))
    log(mlpkit.Epoch(2, 0.25, None, {"b": 2.0}, 0.1, 0.5))
    assert [record.get("b") for record in lines(path)] == [None, 2.0]
    assert [record.get("a") for record in lines(path)] == [1.0, None]


def test_the_members_of_an_ensemble_have_a_column_and_a_folder(path, tmp_path):
    spec = {**SPEC, "ensemble": {"members": 2}}
    log, folder = mlpkit.EpochLog(path), mlpkit.TensorBoardLog(tmp_path / "runs")
    model = mlpkit.Model(spec, inputs=2)
    for number, epoch in enumerate(mlpkit.epochs(model, ROWS, TARGETS)):
        log(epoch)
        folder(epoch)
        if number == 8:
            break
    model.save(tmp_path / "part.h5", training_state=True)
    model = mlpkit.load(tmp_path / "part.h5")
    log, folder = mlpkit.EpochLog(path, model), mlpkit.TensorBoardLog(tmp_path / "runs", model)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, resume=True):
        log(epoch)
        folder(epoch)
    found = lines(path)
    assert next(iter(found[0])) == "member"
    assert [(record["member"], record["epoch"]) for record in found] == [(member, epoch) for member in (0, 1) for epoch in range(1, 7)]
    for number, member in enumerate(model.members):
        shown = scalars(tmp_path / "runs" / f"member-{number}")
        assert list(shown) == list(range(1, 7))
        assert [values["loss"] for values in shown.values()] == [float(np.float32(epoch.loss)) for epoch in member.history]
        assert [record["loss"] for record in found if record["member"] == number] == [epoch.loss for epoch in member.history]


def test_tensorboard_reads_each_epoch_once_after_a_killed_run(tmp_path):
    folder, model = mlpkit.TensorBoardLog(tmp_path), mlpkit.Model(SPEC, inputs=2)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, validation=(ROWS, TARGETS)):
        folder(epoch)
        if epoch.number == 3:
            model.save(tmp_path / "part.h5", training_state=True)
        if epoch.number == 5:
            break
    model = mlpkit.load(tmp_path / "part.h5")
    folder = mlpkit.TensorBoardLog(tmp_path, model)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, validation=(ROWS, TARGETS), resume=True):
        folder(epoch)
    assert len(list(tmp_path.glob("events*"))) == 2
    shown = scalars(tmp_path)
    assert all(values.pop("seconds") > 0 for values in shown.values())
    assert list(shown) == [1, 2, 3, 4, 5, 6]
    assert list(shown.values()) == [{name: float(np.float32(value)) for name, value in values.items()} for values in expected(model)]


def test_a_new_run_removes_the_events_of_mlpkit_alone(tmp_path):
    (tmp_path / "events.out.tfevents.1700000000.host.1.0").write_bytes(b"of another program")
    (tmp_path / "notes.txt").write_text("kept")
    train(on_epoch=mlpkit.TensorBoardLog(tmp_path))
    train({**SPEC, "training": {"epochs": 2}}, on_epoch=mlpkit.TensorBoardLog(tmp_path))
    (file,) = tmp_path.glob("*.mlpkit")
    assert [step for step, _ in decoder.events(file.read_bytes())] == [0, 1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"events.out.tfevents.1700000000.host.1.0", "notes.txt", file.name}


@pytest.mark.parametrize("kind", ["EpochLog", "TensorBoardLog"])
def test_a_full_disk_stops_the_log_and_not_the_run(tmp_path, kind, monkeypatch):
    """The system writes a part of a line, and no more: the part is removed."""
    path = tmp_path / "run.jsonl" if kind == "EpochLog" else tmp_path / "runs"
    log = getattr(mlpkit, kind)(path)
    write = os.write

    def full(descriptor, data):
        if b"\x10\x03" in data or b'"epoch": 3' in data:
            write(descriptor, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.warns(mlpkit.LogWarning, match="training goes on without it") as found:
        model = train(on_epoch=log)
    monkeypatch.undo()
    assert len(model.history) == 6
    assert len(found) == 1
    assert "No space left on device" in found[0].message.details
    steps = [record["epoch"] for record in lines(path)] if kind == "EpochLog" else list(scalars(path))
    assert steps == [1, 2]


@pytest.mark.parametrize("kind", ["EpochLog", "TensorBoardLog"])
def test_a_log_whose_folder_is_gone_stops(tmp_path, kind):
    (tmp_path / "runs").mkdir()
    log = getattr(mlpkit, kind)(tmp_path / "runs" / "run.csv" if kind == "EpochLog" else tmp_path / "runs")
    log(mlpkit.Epoch(1, 0.5, None, {}, 0.1, 0.5))
    for file in (tmp_path / "runs").iterdir():
        file.unlink()
    (tmp_path / "runs").rmdir()
    with pytest.warns(mlpkit.LogWarning):
        log(mlpkit.Epoch(2, 0.5, None, {}, 0.1, 0.5))
    assert log.stopped
    log(mlpkit.Epoch(3, 0.5, None, {}, 0.1, 0.5))


def test_an_error_in_a_log_stops_it_too(tmp_path, monkeypatch):
    log = mlpkit.EpochLog(tmp_path / "run.jsonl")
    with pytest.warns(mlpkit.LogWarning) as found:
        log(mlpkit.Epoch(1, 0.5, None, {"metric": np.float32(0.5)}, 0.1, 0.5))
    assert "not JSON serializable" in found[0].message.details
    assert log.stopped


@pytest.mark.parametrize("name", ["run.txt", "run", "no/run.csv", "folder.csv"])
def test_a_log_that_cannot_be_written_is_an_error_before_the_run(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(mlpkit.LogError):
        mlpkit.EpochLog(tmp_path / name)


def test_a_folder_of_events_that_cannot_be_created_is_an_error_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(mlpkit.LogError, match="cannot write to"):
        mlpkit.TensorBoardLog(tmp_path / "file")
