"""Ensembles at the command line: progress, scores, members, spread, and interruptions."""

import json
import os
import shlex
import signal

import numpy as np
import pytest

import mlpkit

ENSEMBLE = {"members": 3, "folds": "rotate"}


@pytest.fixture
def ensemble(project, spec):
    """A project with an ensemble of three members."""
    del spec["data"]["split"]
    spec["training"] |= {"epochs": 12, "early_stopping": {"patience": 5}}
    (project / "spec.json").write_text(json.dumps(spec | {"ensemble": ENSEMBLE}))
    return project


def test_a_run_shows_each_member_and_scores_rows_out_of_fold(ensemble, run):
    done = run("train", "spec.json", "--progress", "plain")
    assert done.code == 0, done.err
    assert "rows      60 in 5 folds, of which each member holds out others" in done.err
    assert "ensemble  3 members: each trains on 48 rows, and validates on 12 others" in done.err
    lines = done.err.splitlines()
    assert [sum(line.startswith(f"member {number}: epoch 12/12") for line in lines) for number in range(3)] == [1, 1, 1]
    assert "trained 3 members, 12 epochs each, each with the weights of its best epoch" in done.err
    assert "on 36 validation rows, each by the member that has held it out; majority" in lines[-1]
    model = mlpkit.load("model.h5")
    folds = mlpkit.baselines("spec.json")
    assert folds.of == 36
    assert f"majority {folds.scores['constant']['accuracy']:.4g}, linear {folds.scores['linear']['accuracy']:.4g}" in lines[-1]
    assert len(model.members) == 3


def test_json_has_the_members(ensemble, run):
    done = run("train", "spec.json", "--progress", "json", "--json")
    records = [json.loads(line) for line in done.err.splitlines()]
    epochs = [record for record in records if "epoch" in record]
    assert [(record["member"], record["epoch"]) for record in epochs] == [(member, epoch) for member in range(3) for epoch in range(1, 13)]
    summary = json.loads(done.out)
    assert summary["ensemble"] == {"members": 3, "folds": 5, "training_rows": [48, 48], "validation_rows": [12, 12]}
    assert [member["epochs"] for member in summary["members"]] == [12, 12, 12]
    assert summary["score"]["out_of_fold"] is True


def test_evaluate_info_and_predict(ensemble, run):
    run("train", "spec.json", "-q")
    model = mlpkit.load("model.h5")
    report = model.report("shapes.csv")
    done = run("evaluate", "model.h5", "shapes.csv")
    rows = [line.split() for line in done.out.splitlines()]
    for number, figures in enumerate(report.members):
        assert [f"{number}", f"{figures['loss']:.6g}", f"{figures['accuracy']:.6g}"] in rows
    assert ["all", f"{report.figures['loss']:.6g}", f"{report.figures['accuracy']:.6g}"] in rows
    found = json.loads(run("evaluate", "model.h5", "shapes.csv", "--json").out)
    assert found["members"] == list(report.members)
    done = run("info", "model.h5")
    assert "ensemble    3 members, whose predictions are averaged: each held out other rows for validation" in done.out
    assert "member 2: 12 epochs, the last:" in done.out
    assert "parameters in all" in done.out
    assert "the network computes the stored check values" in run("info", "--verify", "model.h5").out
    done = run("predict", "model.h5", "shapes.csv", "--spread")
    header, first = (line.split(",") for line in done.out.splitlines()[:2])
    assert header == ["shape", "shape=bar.spread", "shape=box.spread", "shape=disc.spread"]
    expected = model.predict("shapes.csv", spread=True)
    assert first[0] == expected[0][0]
    np.testing.assert_allclose([float(value) for value in first[1:]], expected[1][0])
    assert run("predict", "model.h5", "shapes.csv", "--spread", "--proba").code == 2
    assert "3 for training" not in run("check", "spec.json").out


def test_a_wrong_ensemble_is_an_error_with_its_place(ensemble, run):
    done = run("train", "spec.json", "-s", "ensemble.members=70", "-q")
    assert done.code != 0
    assert "60 rows cannot be cut into 70 folds" in done.err
    assert "use fewer members" in done.err
    done = run("train", "spec.json", "--from", "model.h5")
    assert "the members of an ensemble differ by their initial weights" in done.err
    assert "--> spec.json:1:" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_ensemble_shows_the_command_that_resumes_it(ensemble, start, run, environment, processes):
    spec = json.loads((ensemble / "spec.json").read_text())
    spec["training"] |= {"epochs": 130, "batch_size": 1, "early_stopping": {"patience": 2000}}
    (ensemble / "spec.json").write_text(json.dumps(spec))
    environment = environment | {"MLPKIT_THREADS": str(processes)}
    process = start("train", "spec.json", "--progress", "json", env=environment, start_new_session=True)
    for line in process.stderr:
        if b'"epoch": 3,' in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    _, err = process.communicate()
    assert process.returncode == 130, err
    command = shlex.split(json.loads(err.splitlines()[-1])["message"].partition("to resume: mlpkit ")[2])
    assert mlpkit.load("model.h5").training_state is not None
    done = run(*command)
    assert done.code == 0, done.err
    assert "resuming from model.h5, after" in done.err
    mlpkit.train("spec.json").save("unbroken.h5")
    assert (ensemble / "model.h5").read_bytes() == (ensemble / "unbroken.h5").read_bytes()
