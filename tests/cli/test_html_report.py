"""`mlpkit report`: the page of `mlpkit.html_report` in a file."""

import subprocess

import pytest

import mlpkit
from mlpkit.report import bootstrap


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setitem(bootstrap.replicates.__kwdefaults__, "count", 20)


def test_the_page_is_that_of_python(trained, run):
    done = run("report", "model.h5", "shapes.csv")
    text = (trained / "report.html").read_text("utf-8")
    assert (done.code, done.out, done.err) == (0, "", f"saved report.html: {len(text.encode()):,} bytes\n")
    assert text == mlpkit.html_report("model.h5", "shapes.csv")
    assert "60 rows of shapes.csv" in text
    assert "line 2" in text or "line 3" in text or "line 4" in text


def test_a_page_without_data_is_that_of_the_file(trained, run):
    done = run("report", "model.h5", "-o", "-")
    assert done.out == mlpkit.html_report("model.h5")
    assert "validation, in the file" in done.out


def test_training_rows_are_scored(trained, run):
    assert run("report", "model.h5", "shapes.csv", "--training", "shapes.csv", "--no-rows", "-o", "x.htm").code == 0
    text = (trained / "x.htm").read_text("utf-8")
    assert text == mlpkit.html_report("model.h5", "shapes.csv", training="shapes.csv", raw=False)
    assert "These rows are the training data" in text
    assert "line 3" not in text


@pytest.mark.slow
def test_rows_come_from_stdin_too(trained, start):
    process = start("report", "model.h5", "-", "-o", "-", stdin=subprocess.PIPE)
    out, err = process.communicate((trained / "shapes.csv").read_bytes(), timeout=600)
    assert (process.returncode, err) == (0, b"")
    assert b"60 rows" in out


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(trained, start, environment):
    for seed in ("1", "2"):
        process = start("report", "model.h5", "shapes.csv", "-o", f"{seed}.html", env=environment | {"PYTHONHASHSEED": seed})
        assert process.wait(timeout=600) == 0
    assert (trained / "1.html").read_bytes() == (trained / "2.html").read_bytes()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["missing.h5"], "missing.h5"),
        (["model.h5", "missing.csv"], "there is no file"),
        (["model.h5", "shapes.csv", "-o", "x.pdf"], "suffix of PDF"),
        (["model.h5", "shapes.csv", "-o", "shapes.csv"], "suffix of CSV"),
        (["model.h5", "shapes.csv", "-o", "there.html"], "exists; --force"),
        (["model.h5", "shapes.csv", "-o", "no/x.html"], "folder does not exist"),
        (["model.h5", "-", "--training", "-"], "cannot both come from stdin"),
        (["model.h5", "empty.csv"], "no rows"),
        (["model.h5", "other.csv"], "width"),
        (["model.h5", "shapes.csv", "--weighted"], "no sample weights"),
        (["model.h5", "shapes.csv", "--training", "other.csv"], "cannot be split"),
    ],
)
def test_errors_are_clear_and_nothing_is_written(trained, run, argv, words):
    (trained / "there.html").write_text("mine")
    (trained / "empty.csv").write_text("width,height,colour,shape\n")
    (trained / "other.csv").write_text("a,shape\n1,bar\n")
    done = run("report", *argv)
    assert done.code != 0
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (trained / "report.html").exists()
    assert (trained / "there.html").read_text() == "mine"
