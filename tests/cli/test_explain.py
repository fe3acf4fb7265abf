"""`mlpkit explain`: bars and JSON of importances and contributions."""

import json

import numpy as np
import pytest

import mlpkit


def test_importance_has_bars(trained, run):
    done = run("explain", "model.h5", "shapes.csv")
    assert (done.code, done.err) == (0, "")
    head, *lines = done.out.splitlines()
    found = mlpkit.importance(mlpkit.load("model.h5"), "shapes.csv")
    assert head == f"loss {found.score:.6g} on 60 rows; it rises when a column is shuffled, mean of 5 with its standard error:"
    assert [line.split()[0] for line in lines] == [found.columns[index] for index in found.order]
    assert lines[0].endswith("█" * 32)
    assert lines[1].count("█") == round(32 * found.mean[found.order[1]] / found.mean[found.order[0]])


def test_json_is_that_of_python(trained, run):
    done = run("explain", "model.h5", "shapes.csv", "--json", "--metric", "accuracy", "--repeats", 2, "--seed", 3, "--most", 40)
    expected = mlpkit.importance(mlpkit.load("model.h5"), "shapes.csv", metric="accuracy", repeats=2, seed=3, most=40)
    assert json.loads(done.out) == json.loads(json.dumps(expected.to_dict()))
    assert (expected.rows, expected.of) == (40, 60)


def test_the_change_needs_no_targets(trained, run):
    (trained / "new.csv").write_text("".join(line.rpartition(",")[0] + "\n" for line in (trained / "shapes.csv").read_text().splitlines()))
    assert "shape" in run("explain", "model.h5", "new.csv").err
    done = run("explain", "model.h5", "new.csv", "--metric", "change")
    assert done.out.startswith("change of the prediction when a column is shuffled, on 60 rows")


def test_contributions_of_rows(trained, run):
    done = run("explain", "model.h5", "shapes.csv", "--rows", "5,0-1")
    assert (done.code, done.err) == (0, "")
    heads = [line for line in done.out.splitlines() if line.startswith("row ")]
    assert [line.split(":")[0] for line in heads] == ["row 5", "row 0", "row 1"]
    assert "width = missing" in done.out
    assert done.out.splitlines()[-1] == "Shapley values, 120 orders of the columns, compared with 60 rows"
    found = json.loads(run("explain", "model.h5", "shapes.csv", "--rows", "5,0-1", "--json").out)
    assert [row["row"] for row in found["rows"]] == [5, 0, 1]
    predicted = mlpkit.load("model.h5").predict("shapes.csv")
    for row in found["rows"]:
        assert row["output"] == predicted[row["row"]]
        assert sum(column["contribution"] for column in row["contributions"]) == pytest.approx(row["prediction"] - row["mean"], abs=1e-12)


def test_a_class_and_a_background_can_be_chosen(trained, run):
    (trained / "few.csv").write_text("\n".join((trained / "shapes.csv").read_text().splitlines()[:9]))
    found = json.loads(run("explain", "model.h5", "shapes.csv", "--rows", "0", "--class", "disc", "--background", "few.csv", "--json").out)
    assert (found["rows"][0]["output"], found["background_rows"]) == ("disc", 8)


def test_files(trained, run):
    assert "saved x.json" in run("explain", "model.h5", "shapes.csv", "-o", "x.json").err
    assert json.loads((trained / "x.json").read_text()) == json.loads(run("explain", "model.h5", "shapes.csv", "--json").out)
    run("explain", "model.h5", "shapes.csv", "-o", "x.txt")
    assert (trained / "x.txt").read_text() == run("explain", "model.h5", "shapes.csv").out
    assert "exists" in run("explain", "model.h5", "shapes.csv", "-o", "x.txt").err
    assert run("explain", "model.h5", "shapes.csv", "-o", "x.txt", "--force").code == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--rows", "60"], "there is no row 60"),
        (["--rows", "x"], "no list of rows"),
        (["--rows", "3-1"], "no range"),
        (["--rows", "0-99999999999999999999"], "no range"),
        (["--rows", "0", "--class", "ball"], "use one of bar, box, disc"),
        (["--class", "bar"], "does not go without --rows"),
        (["--rows", "0", "--metric", "loss"], "does not go with --rows"),
        (["--metric", "rmse"], "do not fit the task"),
        (["--weighted"], "no sample weights"),
        (["-o", "x.csv"], "suffix of CSV"),
    ],
)
def test_impossible_requests_are_errors(trained, run, argv, words):
    done = run("explain", "model.h5", "shapes.csv", *argv)
    assert done.code != 0
    assert words in done.err
    assert "Traceback" not in done.err
    assert not done.out


def test_stdin_is_read_once(trained, run):
    done = run("explain", "model.h5", "-", "--rows", "0", "--background", "-")
    assert done.code == 2
    assert "DATA and --background cannot both come from stdin" in done.err


def test_names_and_values_cannot_write_to_the_terminal(folder, run):
    table = {"\x1b[31mred": np.resize(np.array(["plain", "\x1b[2J"], object), 20), "y": np.resize(np.array(["\x1b]0;a", "b"], object), 20)}
    spec = {"data": {"target": "y"}, "network": {"layers": [{"activation": "softmax"}]}, "loss": "cross_entropy", "training": {"epochs": 1}}
    mlpkit.train(spec, table).save("m.h5")
    lines = ["\x1b[31mred,y", *(f"{a},{b}" for a, b in zip(table["\x1b[31mred"], table["y"], strict=True))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    for argv in ([], ["--json"], ["--rows", "0,1"], ["--rows", "0,1", "--json"]):
        done = run("explain", "m.h5", "t.csv", *argv)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out + done.err
        assert "red" in done.out


def test_predictions_that_overflow_have_no_bars(folder, run):
    mlpkit.from_arrays([np.full((1, 1), 3e38, np.float32)], None, "linear", inputs=["a"], target="y", dtype="float32").save("m.h5")
    (folder / "t.csv").write_text("a,y\n2,1\n3,2\n4,3\n")
    for argv in ([], ["--rows", "0"]):
        done = run("explain", "m.h5", "t.csv", *argv)
        assert done.code == 0, done.err
        assert "█" not in done.out
        found = json.loads(run("explain", "m.h5", "t.csv", *argv, "--json").out, parse_constant=lambda name: pytest.fail(name))
        assert found["rows"] if argv else found["score"] is None


def test_wide_tables_are_shown_in_part(folder, run):
    x = np.random.default_rng(0).standard_normal((30, 60))
    table = {**{f"c{index}": column for index, column in enumerate(x.T)}, "y": x[:, 0]}
    mlpkit.train({"data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, table).save("m.h5")
    np.savetxt("t.csv", np.column_stack([x, x[:, 0]]), delimiter=",", header=",".join(table), comments="")
    for argv in ([], ["--rows", "0"]):
        assert "and 20 more, which --json shows" in run("explain", "m.h5", "t.csv", *argv).out
