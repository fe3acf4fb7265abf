"""Splits by group and by time on the command line: what `mlpkit init` proposes and why, and what `train` and `check` report."""

import json

import numpy as np
import pytest

from mlpkit.cli.proposed_split import is_id

from ..sampling import one_in


def table(folder, **columns):
    """Write data.csv with columns x and y besides others."""
    rows = len(next(iter(columns.values()), range(100)))
    rng = np.random.default_rng(0)
    columns = {**columns, "x": rng.normal(size=rows).round(3), "y": rng.normal(size=rows).round(3)}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / "data.csv").write_text("\n".join(lines))


def drafted(folder, run, *options):
    """Return the spec of `mlpkit init`, which trains, and what it says about the split."""
    done = run("init", "data.csv", "-f", *(options or ("--quality", "fast")))
    assert done.code == 0, done.err
    trained = run("train", "spec.json", "-f", "--epochs", 1)
    assert trained.code == 0, trained.err
    notes = [line for line in done.err.splitlines() if "split" in line and "left out  it decides" not in line]
    return json.loads((folder / "spec.json").read_text()), notes, trained.err.splitlines()[0]


DAYS = [str(np.datetime64("2024-01-01") + day) for day in range(100)]
IDS = [f"p{row % 10}" for row in range(100)]
RANDOM = {"validation": 0.2}
GROUPED, TIMED = {**RANDOM, "group": "patient"}, {**RANDOM, "time": "day"}
CASES = {  # columns; the split; the begin of each note
    "nothing": ({}, RANDOM, []),
    "repeated ids": ({"patient": IDS}, GROUPED, ["split by group: patient has 10 values in 100 rows"]),
    "whole numbers": ({"patient": [row // 5 for row in range(100)]}, GROUPED, ["split by group: patient has 20 values"]),
    "two ids": ({"item_id": IDS, "patient": [row // 5 for row in range(100)]}, GROUPED, ["split by group: patient has 20 values"]),
    "ids of one row each": ({"patient": range(100, 0, -1)}, RANDOM, []),
    "few ids": ({"patient": [row % 4 for row in range(100)]}, RANDOM, []),
    "fractions": ({"patient": [row % 10 + 0.5 for row in range(100)]}, RANDOM, []),
    "a missing id": ({"patient": ["", *IDS[1:]]}, RANDOM, []),
    "another name": ({"part": IDS}, RANDOM, []),
    "days in order": ({"day": DAYS}, TIMED, ["split by time: the rows are in order of day"]),
    "the latest first": ({"day": DAYS[::-1]}, TIMED, ["split by time: the rows are in order of day"]),
    "days in no order": ({"day": DAYS[50:] + DAYS[:50]}, RANDOM, ["day has dates"]),
    "a missing day": ({"day": ["", *DAYS[1:]]}, RANDOM, []),
    "the day first": ({"day": [f"{row % 28 + 1:02}.03.2024" for row in range(100)]}, RANDOM, []),
    "ids and days": ({"day": DAYS, "patient": IDS}, GROUPED, ["split by group: patient has 10 values", "day has dates"]),
    "no rows for it": ({"patient": [row % 5 for row in range(19)]}, None, []),
}


@pytest.mark.parametrize("name", one_in(4, CASES))
def test_the_split_that_init_writes(folder, run, name):
    columns, split, begins = CASES[name]
    table(folder, **columns)
    spec, notes, _ = drafted(folder, run)
    assert spec["data"].get("split") == split
    assert len(notes) == len(begins)
    assert all(note.startswith(begin) for note, begin in zip(notes, begins, strict=True))


@pytest.mark.parametrize(
    ("name", "columns"), [("group", {"patient": IDS}), ("time", {"day": DAYS}), ("neither", {"day": DAYS[50:] + DAYS[:50]})]
)
def test_the_note_has_the_line_that_changes_it(folder, run, name, columns):
    table(folder, **columns)
    spec, (note,), shown = drafted(folder, run)
    assert ("groups)" in shown, "from 2024" in shown) == (name == "group", name == "time")
    (column,) = columns
    treatment = "date" if name == "neither" else "ignore"  # no input with this split, or with another one
    assert spec["preprocessing"]["columns"] == {column: treatment}
    other = json.loads("{" + note.split(", set ")[1] + "}")
    spec["data"] |= other
    (folder / "spec.json").write_text(json.dumps(spec))
    trained = run("train", "spec.json", "-f", "--epochs", 1)
    assert trained.code == 0, trained.err
    assert ("from 2024" in trained.err) == (name == "neither")
    assert "groups)" not in trained.err


def test_a_split_that_would_leave_a_class_out_is_not_written(folder, run):
    columns = {"day": DAYS, "x": range(100), "z": [row * 7 % 13 for row in range(100)], "y": ["a"] * 60 + ["b"] * 20 + ["c"] * 20}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / "data.csv").write_text("\n".join(lines))
    spec, notes, _ = drafted(folder, run)
    assert spec["data"]["split"] == RANDOM
    assert notes == ["split at random, because a split by day leaves too little to train on"]


def test_names_of_ids():
    ids = "id ID Id patient patient_id PatientID patientId subject-no user uuid Users movie_id customer.number group client_key household"
    assert all(is_id(name) for name in ids.split())
    others = "age_group blood_group user_rating idea paid width session_length person_age patients_per_day ideal 12 - x groupsize company"
    assert not any(is_id(name) for name in others.split())


def test_train_and_check_report_the_split(folder, run):
    table(folder, patient=IDS, day=DAYS)
    layers = [{"units": 2, "activation": "tanh"}, {"units": 1}]
    data = {"path": "data.csv", "target": "y", "inputs": ["x"], "split": {"validation": 0.25}}
    (folder / "spec.json").write_text(json.dumps({"data": data, "network": {"layers": layers}, "loss": "mse"}))
    shown = {"group=patient": "rows     80 for training, 20 for validation (patient: 2 of 10 groups)"}
    shown["time=day"] = "rows     75 for training, 25 for validation (day: from 2024-03-16)"
    facts = {"group=patient": {"group": "patient", "groups": 10, "validation_groups": 2}, "time=day": {"time": "day", "from": "2024-03-16"}}
    for setting, line in shown.items():
        changed = f"data.split.{setting}"
        assert line in run("train", "spec.json", "--dry-run", "--set", changed).out.splitlines()
        assert json.loads(run("train", "spec.json", "--dry-run", "--json", "--set", changed).out)["split"] == facts[setting]
    (folder / "grouped.json").write_text(json.dumps({"data": {**data, "split": GROUPED}, "network": {"layers": layers}, "loss": "mse"}))
    assert "(patient: 2 of 10 groups)" in run("check", "grouped.json").out


def test_errors_have_the_line_of_the_spec(folder, run):
    table(folder, patient=["a"] * 100)
    spec = {"data": {"path": "data.csv", "target": "y", "split": GROUPED}, "network": {"layers": [{"units": 1}]}, "loss": "mse"}
    text = json.dumps(spec, indent=1)
    place = next(number for number, line in enumerate(text.splitlines(), 1) if '"group"' in line)
    for group, words in (("patient", "all 100 rows are of one group"), ("nobody", "there is no column 'nobody'")):
        (folder / "spec.json").write_text(text.replace('"group": "patient"', f'"group": "{group}"'))
        done = run("check", "spec.json")
        assert done.code == 2
        assert f"spec.json:{place}:" in done.err
        assert words in done.err
