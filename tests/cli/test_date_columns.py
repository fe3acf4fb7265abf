"""Dates on the command line: what `mlpkit init` proposes and why, and what `train`, `check` and `info` show."""

import json

import numpy as np
import pytest

RNG = np.random.default_rng(4)


def test_init_makes_inputs_of_dates_and_train_check_and_info_show_them(folder, run):
    days = np.datetime64("2021-01-01") + RNG.integers(0, 900, 120)
    lines = [f"{day},{RNG.integers(1, 28)}.1.2024,{RNG.integers(0, 9)},{RNG.normal():.3f}" for day in days]
    (folder / "data.csv").write_text("\n".join(["signup,paid,x,y", *lines]))
    done = run("init", "data.csv", "--quality", "fast")
    assert done.code == 0, done.err
    assert "signup  date      dates: days, year, month and so on are inputs" in done.err
    assert "paid    left out  it has dates or times, such as " in done.err
    assert "which is no date of the form 2024-03-31" in done.err
    columns = json.loads((folder / "spec.json").read_text())["preprocessing"]["columns"]
    assert columns == {"signup": "date", "paid": "ignore"}
    assert run("check", "spec.json").code == 0
    trained = run("train", "spec.json", "--epochs", 2, "-o", "model.h5")
    assert (trained.code, "1 date: signup" in trained.err) == (0, True), trained.err
    shown = run("info", "model.h5", "-v").out
    assert "date, standardize" in shown
    predicted = run("predict", "model.h5", "data.csv")
    assert predicted.code == 0, predicted.err


def test_a_date_is_set_on_the_command_line(folder, run):
    (folder / "data.csv").write_text("day,y\n" + "".join(f"2024-0{1 + row % 9}-01,{row % 9}\n" for row in range(40)))
    part = {"data": {"path": "data.csv", "target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}
    (folder / "spec.json").write_text(json.dumps(part))
    refused = run("train", "spec.json", "-n")
    assert (refused.code, '"day": "date"' in refused.err) == (2, True)
    done = run("train", "spec.json", "-n", "--set", "preprocessing.columns.day=date")
    assert (done.code, "1 date: day" in done.out) == (0, True), done.err


MARKS = {
    "0000-00-00": "has dates or times, such as '0000-00-00', which is no date",
    "never": "it has dates and other texts, such as 'never'",
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_among_dates_is_named_and_can_be_declared(folder, run, mark):
    days = [mark if row % 9 == 4 else f"2024-{1 + row % 12:02d}-{1 + row * 11 % 28:02d}" for row in range(90)]
    (folder / "data.csv").write_text("\n".join(["seen,x,y", *(f"{day},{row % 7},{row % 11}.5" for row, day in enumerate(days))]))
    done = run("init", "data.csv", "--quality", "fast")
    assert done.code == 0, done.err
    (line,) = (line for line in done.err.splitlines() if line.startswith("seen    left out"))
    assert MARKS[mark] in line
    spec = json.loads((folder / "spec.json").read_text())
    spec["preprocessing"]["columns"]["seen"] = "date"
    spec["data"]["missing"] = [mark]
    (folder / "spec.json").write_text(json.dumps(spec))
    done = run("train", "spec.json", "--epochs", 1)
    assert (done.code, "1 date: seen" in done.err) == (0, True), done.err
