"""`mlpkit train --log` and `--tensorboard`."""

import csv
import json
import os
import shlex
import signal

import pytest

import mlpkit

from ..tracking.decoder import events


def numbers(path):
    """Return the numbers of the epochs in a log."""
    with open(path, newline="") as file:
        if path.suffix == ".csv":
            return [int(row["epoch"]) for row in csv.DictReader(file)]
        return [json.loads(line)["epoch"] for line in file]


@pytest.mark.parametrize("name", ["run.jsonl", "run.csv"])
def test_a_run_writes_its_logs(project, run, name):
    done = run("train", "spec.json", "--log", name, "--tensorboard", "runs/a", "-q")
    assert done == (0, "", "")
    assert numbers(project / name) == [1, 2, 3]
    (file,) = (project / "runs" / "a").iterdir()
    assert [step for step, _ in events(file.read_bytes())] == [0, 1, 2, 3]
    spec = mlpkit.load("model.h5").spec.to_dict()
    assert not {"log", "tensorboard"} & (spec.keys() | spec["training"].keys())


def test_the_log_is_what_progress_json_shows(project, run):
    done = run("train", "spec.json", "--log", "run.jsonl", "--progress", "json")
    shown = [record for record in map(json.loads, done.err.splitlines()) if "epoch" in record]
    assert [json.loads(line) for line in (project / "run.jsonl").read_text().splitlines()] == shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--log", "run.txt"], "--log: run.txt has another suffix than those of JSON lines and CSV"),
        (["--log", "-"], "--log: a log is written to a file; --progress json writes the epochs to stderr"),
        (["--log", "shapes.csv", "-f"], "--log: shapes.csv is an input of the command"),
        (["--log", "old.csv"], "--log: old.csv exists; --force overwrites it"),
        (["--tensorboard", "old"], "--tensorboard: old has the events of an earlier run; --force removes them"),
    ],
)
def test_options_that_are_refused_before_any_work(project, run, options, words):
    (project / "old").mkdir()
    (project / "old" / "events.out.tfevents.0000000001.mlpkit").write_bytes(b"")
    (project / "old.csv").write_text("mine\n")
    done = run("train", "spec.json", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "epoch" not in done.err.partition(words)[0]
    assert (project / "old.csv").read_text() == "mine\n"
    assert not (project / "model.h5").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--log", "no/run.csv"], "cannot write no/run.csv: its folder does not exist"),
        (["--tensorboard", "shapes.csv"], "cannot write shapes.csv: it is no folder"),
        (["--tensorboard", "shapes.csv/runs"], "cannot write to shapes.csv/runs: Not a directory"),
    ],
)
def test_logs_that_cannot_be_written_are_an_error_before_the_run(project, run, options, words):
    done = run("train", "spec.json", *options)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert not (project / "model.h5").exists()


def test_force_replaces_the_logs_of_an_earlier_run(project, run):
    options = ["--log", "run.csv", "--tensorboard", "runs", "-f", "-q"]
    assert run("train", "spec.json", *options).code == 0
    assert run("train", "spec.json", *options, "--epochs", "2").code == 0
    assert numbers(project / "run.csv") == [1, 2]
    (file,) = (project / "runs").iterdir()
    assert [step for step, _ in events(file.read_bytes())] == [0, 1, 2]


def test_a_dry_run_writes_no_log(project, run):
    assert run("train", "spec.json", "--log", "run.csv", "--tensorboard", "runs", "-n").code == 0
    assert sorted(path.name for path in project.iterdir()) == ["shapes.csv", "spec.json"]


def test_the_command_that_resumes_an_interrupted_run_continues_its_logs(project, run, monkeypatch):
    shown = iter([False, True, False, False])
    show = "mlpkit.progress.display.Progress.show"
    monkeypatch.setattr(show, lambda self, epoch: os.kill(os.getpid(), signal.SIGTERM) if next(shown) else None)
    done = run("train", "spec.json", "--log", "run log.csv", "--tensorboard", "runs")
    assert done.code == 143
    assert numbers(project / "run log.csv") == [1, 2]
    command = done.err.strip().splitlines()[-1].partition("to resume: mlpkit ")[2]
    assert command == "train spec.json --log 'run log.csv' --tensorboard runs --resume model.h5"
    done = run(*shlex.split(command))
    assert done.code == 0, done.err
    assert numbers(project / "run log.csv") == [1, 2, 3]
    steps = [
        step for file in sorted((project / "runs").iterdir()) for step, content in events(file.read_bytes()) if isinstance(content, dict)
    ]
    assert steps == [1, 2, 3]


def test_a_file_that_is_no_log_stays_when_a_run_is_resumed(project, run, spec):
    spec["training"]["keep_state"] = True
    (project / "spec.json").write_text(json.dumps(spec))
    assert run("train", "spec.json", "-q").code == 0
    (project / "mine.csv").write_text("mine,too\n1,2\n")
    done = run("train", "spec.json", "--resume", "model.h5", "--epochs", "4", "--log", "mine.csv")
    assert done.code == 1
    assert "mine.csv: the file is no log of epochs, and is not overwritten" in done.err
    assert (project / "mine.csv").read_text() == "mine,too\n1,2\n"


def test_a_log_on_a_full_disk_is_a_warning_and_the_model_is_saved(project, run, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlpkit.tracking.epoch_log.append", full)
    monkeypatch.setattr("mlpkit.tracking.tensorboard.append", full)
    done = run("train", "spec.json", "--log", "run.jsonl", "--tensorboard", "runs")
    assert done.code == 0
    assert done.err.count("warning: the log of the run cannot be written any more, and training goes on without it (") == 2
    assert "No space left on device" in done.err
    assert len(mlpkit.load("model.h5").history) == 3


def test_an_ensemble_has_the_number_of_the_member_in_its_log(project, run):
    done = run("train", "spec.json", "-s", "ensemble.members=2", "--log", "run.csv", "--tensorboard", "runs", "-q")
    assert done.code == 0, done.err
    with open("run.csv", newline="") as file:
        assert sorted((row["member"], row["epoch"]) for row in csv.DictReader(file)) == [(m, e) for m in "01" for e in "123"]
    assert sorted(path.name for path in (project / "runs").iterdir()) == ["member-0", "member-1"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run.jsonl", "run.csv"])
def test_a_killed_run_that_is_resumed_has_each_epoch_once(project, start, run, spec, name):
    spec["training"] = {"epochs": 60, "batch_size": 8, "checkpoint": {"epochs": 7}}
    (project / "spec.json").write_text(json.dumps(spec))
    process = start("train", "spec.json", "--log", name, "--tensorboard", "runs", "--progress", "json")
    for line in process.stderr:
        if b'"epoch": 25' in line:
            process.kill()
            break
    process.wait()
    before = numbers(project / name)
    assert len(before) >= 24  # an epoch is shown, then written
    done = run("train", "spec.json", "--resume", "model.checkpoints", "--log", name, "--tensorboard", "runs")
    assert done.code == 0, done.err
    assert numbers(project / name) == list(range(1, 61))
    with open(name, newline="") as file:
        rows = list(csv.DictReader(file)) if name.endswith("csv") else [json.loads(line) for line in file]
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in mlpkit.load("model.h5").history]
    assert all(float(row["seconds"]) > 0 for row in rows)
    shown = {}
    for path in sorted((project / "runs").iterdir()):
        for step, content in events(path.read_bytes()):
            shown = {earlier: values for earlier, values in shown.items() if earlier < step} if content == "start" else shown
            shown |= {step: content} if isinstance(content, dict) else {}
    assert list(shown) == list(range(1, 61))
