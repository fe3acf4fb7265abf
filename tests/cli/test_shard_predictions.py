"""Predictions of shards: a file for each in a folder, what counts as done, and what is refused. Those that need no other process."""

import gzip
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.cli.prediction.model_file import ModelFile
from mlpkit.cli.prediction.outputs import LIST, OutputFolder, output_names
from mlpkit.cli.prediction.progress import ShardProgress
from mlpkit.data.shards import shard_paths
from mlpkit.errors import DataError
from mlpkit.files.folder_lock import FolderLock

from ..sampling import one_in

ROWS = 6  # of each shard


@pytest.fixture
def shards(trained, shapes, monkeypatch):
    """A folder with a model and three shards."""
    monkeypatch.setattr("mlpkit.cli.prediction.progress.PLAIN_SECONDS", math.inf)  # no lines of progress on a busy machine
    header, *lines = shapes(3 * ROWS).splitlines()
    (trained / "rows").mkdir()
    for number in range(3):
        text = "\n".join([header, *lines[number * ROWS : (number + 1) * ROWS]]) + "\n"
        (trained / "rows" / f"part-{number}.csv").write_text(text)
    return trained


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def outputs(folder):
    return {name: content for name, content in files(folder).items() if name != LIST}


OPTIONS = [(), ("--proba", "--format", "tsv"), ("--keep-columns", "--format", "jsonl"), ("--format", "npy")]


@pytest.mark.parametrize("options", one_in(4, [(options,) for options in OPTIONS]))
def test_each_shard_has_the_file_that_is_written_for_it_alone(shards, run, options):
    done = run("predict", "model.h5", "rows", "-o", "out/", *options)
    assert (done.code, done.out, done.err) == (0, "", "saved out: 3 shards, 18 predictions\n")
    ending = options[-1] if "--format" in options else "csv"
    assert sorted(outputs("out")) == [f"part-{number}.{ending}" for number in range(3)]
    for name, content in outputs("out").items():
        assert run("predict", "model.h5", f"rows/{Path(name).stem}.csv", "-o", f"alone.{ending}", "-f", *options).code == 0
        assert content == Path(f"alone.{ending}").read_bytes()
    assert [Path(path).name for path in shard_paths("out")] == sorted(outputs("out"))  # the list is no shard


def test_the_same_command_predicts_what_is_missing(shards, run):
    assert run("predict", "model.h5", "rows", "-o", "out/").code == 0
    whole = files("out")
    Path("out/part-1.csv").unlink()
    kept = os.stat("out/part-0.csv").st_ino
    done = run("predict", "model.h5", "rows", "-o", "out", "-j", 1)
    assert (done.code, done.err) == (0, "saved out: 1 shard, 6 predictions; 2 were there\n")
    assert (files("out"), os.stat("out/part-0.csv").st_ino) == (whole, kept)
    done = run("predict", "model.h5", "rows/*.csv", "-o", "out")
    assert (done.code, done.err) == (0, "out has the predictions of 3 shards already\n")
    (shards / "rows" / "part-3.csv").write_text((shards / "rows" / "part-0.csv").read_text())
    assert "saved out: 1 shard, 6 predictions; 3 were there" in run("predict", "model.h5", "rows", "-o", "out").err


def another_model(folder):
    model = mlpkit.load("model.h5")
    model.metadata["note"] = "another"
    model.save("model.h5", replace=True)


def another_shard(folder):
    (folder / "rows" / "part-2.csv").rename("part-2.csv")
    Path("rows/part-2.csv").write_text("id,width,height,colour,shape\nk,1,1,red,bar\n")


def another_place(folder):
    (folder / "rows").rename("moved")
    (folder / "moved").mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("change", "argv", "words", "again"),
    one_in(
        2,
        [
            (another_model, ["rows"], "out/part-0.csv was predicted by another model (and 2 more)", 3),
            (None, ["rows", "--proba", "--batch-size", "3"], "was predicted with other options (--batch-size, --proba) (and 2 more)", 3),
            (another_shard, ["rows"], "part-2.csv before that file changed\nhelp: --force predicts this shard again", 1),
            (another_place, ["moved"], "out/part-0.csv was predicted from ", 3),
        ],
    ),
)
def test_outputs_of_something_else_are_an_error_and_made_again_with_force(shards, run, change, argv, words, again):
    assert run("predict", "model.h5", "rows", "-o", "out/").code == 0
    if change:
        change(shards)
    before = files("out")
    done = run("predict", "model.h5", *argv, "-o", "out/")
    assert done.code == 1
    assert words in done.err
    assert files("out") == before
    done = run("predict", "model.h5", *argv, "-o", "out/", "--force")
    assert (done.code, f"saved out: {again} shard" in done.err) == (0, True)
    now = files("out")
    assert run("predict", "model.h5", *argv, "-o", "fresh/").code == 0
    assert outputs("fresh") == outputs("out")
    assert now == files("fresh")


@pytest.mark.slow
def test_outputs_of_changed_code_are_noticed(shards, run):
    code = "import mlpkit, numpy as np\nclass Mine(mlpkit.Elementwise):\n"
    code += "    def function(self, z): return np.tanh(z)\n    def derivative(self, z, y): return 1 - y * y\n"
    Path("mine.py").write_text(code)
    assert run("train", "spec.json", "-c", "mine.py", "-s", "network.layers.0.activation=mine", "-o", "mine.h5", "-q").code == 0
    command = ("predict", "mine.h5", "rows", "-o", "out", "-c", "mine.py")
    assert run(*command).code == 0
    Path("mine.py").write_text(code + "# changed\n")
    assert "was predicted with other options (--code)" in run(*command).err


@pytest.mark.parametrize("force", one_in(2, [["--force"], []]))
def test_a_file_that_is_no_output_is_not_overwritten(shards, run, force):
    Path("out").mkdir()
    Path("out/part-1.csv").write_text("mine")
    done = run("predict", "model.h5", "rows", "-o", "out", *force)
    assert done.code == 1
    assert "error: out/part-1.csv exists, and is not listed in out/_predictions.json: it is no output of this command" in done.err
    assert files("out") == {"part-1.csv": b"mine"}


def test_a_file_that_comes_meanwhile_is_not_overwritten(shards, run, monkeypatch):
    begin = OutputFolder.begin

    def late(self, *arguments, **options):
        plan = begin(self, *arguments, **options)
        Path("out/part-1.csv").write_text("mine")
        return plan

    monkeypatch.setattr(OutputFolder, "begin", late)
    done = run("predict", "model.h5", "rows", "-o", "out")
    assert (done.code, "out/part-1.csv was written by another program in the meantime" in done.err) == (1, True)
    assert (sorted(outputs("out")), Path("out/part-1.csv").read_text()) == (["part-0.csv", "part-1.csv"], "mine")


def test_bad_shards_are_named_and_the_others_are_predicted(shards, run):
    whole = files("rows")
    Path("rows/part-0.csv").write_text("id,width,colour,shape\nk,1,red,bar\n")
    Path("rows/part-1.csv").write_text("")
    done = run("predict", "model.h5", "rows", "-o", "out")
    assert (done.code, list(outputs("out"))) == (2, ["part-2.csv"])
    assert "saved out: 1 shard, 6 predictions\n" in done.err
    assert "error: there is no column 'height' in rows/part-0.csv" in done.err
    assert "error: rows/part-1.csv is empty" in done.err
    assert done.err.endswith("2 errors\n")
    for name in ("part-0.csv", "part-1.csv"):
        Path("rows", name).write_bytes(whole[name])
    assert "saved out: 2 shards, 12 predictions; 1 was there" in run("predict", "model.h5", "rows", "-o", "out").err


def test_many_bad_shards_are_counted(shards, run):
    for number in range(14):
        Path(f"rows/bad-{number:02}.csv").write_text("")
    done = run("predict", "model.h5", "rows", "-o", "out")
    assert (done.code, done.err.count("is empty")) == (2, 10)
    assert "error: 4 more shards cannot be predicted" in done.err


def test_an_option_that_the_model_does_not_have_ends_at_once(shards, run):
    done = run("predict", "model.h5", "rows", "-o", "out", "--spread")
    assert (done.code, done.err.count("error:"), outputs("out")) == (2, 1, {})


def test_names_of_outputs():
    assert output_names(["rows/a.csv", "rows/b.parquet", "rows/c.csv.gz", "rows/d.e", "rows/f.txt"], ".csv") == {
        **{"a.csv": "rows/a.csv", "b.csv": "rows/b.parquet", "c.csv": "rows/c.csv.gz"},
        **{"d.e.csv": "rows/d.e", "f.csv": "rows/f.txt"},
    }
    assert list(output_names(["y=1/a.csv", "y=2/a.csv", "y=2/z/a.csv"], ".npy")) == ["y=1/a.npy", "y=2/a.npy", "y=2/z/a.npy"]
    with pytest.raises(DataError, match=r"^rows/\.\./rows/a.csv is given twice"):
        output_names(["rows/a.csv", "rows/../rows/a.csv"], ".csv")
    with pytest.raises(DataError, match=r"rows/a.csv and rows/a.csv.gz would both be written to a\.csv"):
        output_names(["rows/a.csv", "rows/a.csv.gz"], ".csv")


def test_files_of_one_name_are_in_folders_of_their_own(shards, run):
    Path("other").mkdir()
    Path("other/part-0.csv.gz").write_bytes(gzip.compress(Path("rows/part-1.csv").read_bytes()))
    assert run("predict", "model.h5", "rows", "other/*.gz", "-o", "out").code == 0
    assert sorted(outputs("out")) == ["other/part-0.csv", *(f"rows/part-{number}.csv" for number in range(3))]
    assert Path("out/other/part-0.csv").read_bytes() == Path("out/rows/part-1.csv").read_bytes()
    assert run("predict", "model.h5", "rows", "other/*.gz", "-o", "out").err == "out has the predictions of 4 shards already\n"


def test_home_folders_are_found(shards, run, monkeypatch):
    monkeypatch.setenv("HOME", str(shards))
    monkeypatch.setenv("USERPROFILE", str(shards))
    assert run("predict", "model.h5", "~/rows/part-0.csv", "~/rows/part-1.csv", "-o", "~/out/").code == 0
    assert sorted(outputs("out")) == ["part-0.csv", "part-1.csv"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    one_in(
        4,
        [
            (["rows", "-o", "out"], True),
            (["rows/part-*.csv", "-o", "out"], True),
            (["rows/part-0.csv", "rows/part-1.csv", "-o", "out"], True),
            (["rows/part-0.csv", "-o", "out/"], True),
            (["rows/part-0.csv", "-o", "there.csv"], True),
            (["rows/part-0.csv", "-o", "out"], False),
            (["rows", "-o", "out.csv"], False),
            (["rows", "-o", "taken", "--force"], False),
        ],
    ),
)
def test_the_output_is_a_folder(shards, run, argv, expected):
    Path("there.csv").mkdir()
    Path("taken").write_text("")
    assert run("predict", "model.h5", *argv).code == 0
    assert Path(argv[argv.index("-o") + 1], LIST).is_file() == expected


def read_only():
    Path("locked").mkdir(mode=0o500)


def damaged():
    Path("out").mkdir()
    Path("out", LIST).write_text('{"version": 2}')


WRONG = {
    "the folder of the data": (None, ["rows", "-o", "rows"], 2, "rows/part-0.csv is in the folder rows, to which predictions are"),
    "data below the folder": (None, ["rows", "-o", "."], 2, "rows/part-0.csv is in the folder ., to which"),
    "a read-only folder": (read_only, ["rows", "-o", "locked"], 1, "cannot write into locked: no permission to write there"),
    "a folder in none": (None, ["rows", "-o", "none/out/"], 1, "cannot write into none/out: there is no folder"),
    "a file as a folder": (None, ["rows", "-o", "model.h5/"], 1, "cannot write into model.h5: it is not a folder"),
    "stdin": (None, ["-", "-o", "out/"], 2, "rows from stdin are not shards with names"),
    "stdin beside a file": (None, ["-", "rows", "-o", "out"], 2, "'-' is stdin, which cannot be one of several files"),
    "no processes": (None, ["rows", "-o", "out", "-j", "0"], 2, "error: invalid value for '-j' / '--jobs'"),
    "kept columns in npy": (None, ["rows", "-o", "out", "--format", "npy", "--keep-columns"], 2, "npy does not go with"),
    "a shard that is missing": (None, ["rows", "no.csv", "-o", "out"], 2, "error: there is no file no.csv"),
    "an empty glob": (None, ["rows/*.h5", "-o", "out"], 2, "error: there are no files rows/*.h5"),
    "a shard given twice": (None, ["rows", "rows/part-1.csv", "-o", "out"], 2, "error: rows/part-1.csv is given twice"),
    "a list of another version": (damaged, ["rows", "-o", "out", "-f"], 1, "is not a list of predictions that this mlpkit has written"),
}


@pytest.mark.parametrize("call", one_in(2, WRONG))
def test_wrong_calls_change_nothing(shards, run, call):
    before, argv, code, words = WRONG[call]
    if before:
        before()
    found = files(shards)
    done = run("predict", "model.h5", *argv)
    assert done.code == code, done.err
    assert words in done.err
    assert files(shards) == found


def test_a_folder_in_use_is_refused(shards, run):
    Path("out").mkdir()
    lock = FolderLock(Path("out"), "writes its predictions there")
    done = run("predict", "model.h5", "rows", "-o", "out")
    lock.release()
    assert (done.code, files("out")) == (2, {})
    assert "error: the folder out is in use: another run writes its predictions there" in done.err


def test_unfinished_files_of_a_killed_run_are_removed_and_no_others(shards, run):
    assert run("predict", "model.h5", "rows", "-o", "out").code == 0
    left = ".part-1.csv.123-0123456789abcdef.tmp"
    others = [".part-9.csv.123-0123456789abcdef.tmp", ".part-1.csv.tmp", "note.txt"]
    for name in (left, *others):
        Path("out", name).write_text("half")
    assert run("predict", "model.h5", "rows", "-o", "out").code == 0
    assert set(others) == {name for name, content in files("out").items() if content == b"half"}


def test_the_list_says_what_an_output_was_made_from(shards, run):
    assert run("predict", "model.h5", "rows", "-o", "out", "--proba").code == 0
    record = json.loads(Path("out", LIST).read_text())["outputs"]["part-0.csv"]
    found = os.stat("rows/part-0.csv")
    assert record["shard"] == str(shards / "rows" / "part-0.csv")
    assert (record["size"], record["modified"]) == (found.st_size, found.st_mtime_ns)
    assert (record["options"], record["mlpkit"]) == ({"proba": True}, mlpkit.__version__)
    assert len(record["model"]) == 64


def test_a_model_that_changes_meanwhile_is_an_error(shards, run, monkeypatch):
    digest = ModelFile.digest

    def late(self):
        another_model(shards)
        return digest(self)

    monkeypatch.setattr(ModelFile, "digest", late)
    done = run("predict", "model.h5", "rows", "-o", "out")
    assert (done.code, "model.h5 has changed while it was in use" in done.err) == (2, True)
    assert not Path("out").exists()


# -- several files into one


def test_kept_columns_of_shards_in_another_order_stand_under_their_names(shards, run):
    header, *lines = Path("rows/part-1.csv").read_text().splitlines()
    turned = [",".join(reversed(line.split(","))) for line in [header, *lines]]
    whole = run("predict", "model.h5", "rows", "--keep-columns").out
    Path("rows/part-1.csv").write_text("\n".join(turned) + "\n")
    assert run("predict", "model.h5", "rows", "--keep-columns").out == whole
    Path("rows/part-2.csv").write_text("more," + "\n,".join(Path("rows/part-2.csv").read_text().splitlines()) + "\n")
    done = run("predict", "model.h5", "rows")
    assert (done.code, "rows/part-2.csv has a column 'more', which rows/part-0.csv has not" in done.err) == (2, True)


def test_kept_keys_of_json_lines_stand_under_their_names(trained, run):
    rows = [{"width": 1, "height": 1, "colour": "red", "note": "x"}, {"colour": "red", "height": 1, "width": 1}]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("predict", "model.h5", "a.jsonl", "--keep-columns", "--batch-size", 1)
    first, second, third = done.out.splitlines()
    assert first == "width,height,colour,note,shape"
    assert [second.rpartition(",")[0], third.rpartition(",")[0]] == ["1,1,red,x", "1,1,red,"]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    done = run("predict", "model.h5", "a.jsonl", "--keep-columns", "--batch-size", 1)
    assert (done.code, "error: a.jsonl has the key 'note', which the first rows have not" in done.err) == (2, True)
    assert run("predict", "model.h5", "a.jsonl", "--keep-columns", "--batch-size", 1, "--format", "jsonl").code == 0


def test_several_files_are_written_to_one_in_their_order(shards, run):
    done = run("predict", "model.h5", "rows/part-2.csv", "rows/part-0.csv", "-o", "one.csv")
    assert done.err == "saved one.csv: 12 predictions of 2 files\n"
    parts = [run("predict", "model.h5", f"rows/part-{number}.csv").out.splitlines() for number in (2, 0)]
    assert Path("one.csv").read_text().splitlines() == parts[0] + parts[1][1:]
    assert run("predict", "model.h5", "rows", "-o", "one.npy", "-j", 1).code == 0
    assert np.load("one.npy").shape == (18,)


# -- the display


class Screen:
    """A console that keeps what it is given."""

    def __init__(self, live, quiet=False):
        self.live, self.quiet, self.shown = live, quiet, []

    def say(self, text):
        self.shown.append(text)

    draw = say


def shown(console, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("mlpkit.cli.prediction.progress.time.monotonic", lambda: now[0])
    progress = ShardProgress(console, 4)
    for seconds, finished in ((1, False), (4, True), (8, False), (8.01, True)):
        now[0] = seconds
        progress.count(1000)
        if finished:
            progress.finish()
    progress.close()
    return console.shown


def test_the_display_has_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    assert shown(Screen(live=False), monkeypatch) == ["0 of 4 shards, 2,000 rows", "1 of 4 shards, 3,000 rows"]
    assert shown(Screen(live=True), monkeypatch) == [
        "[....................] 0 of 4 shards, 1,000 rows",
        "[....................] 0 of 4 shards, 2,000 rows",
        "[#####...............] 1 of 4 shards, 3,000 rows  24 s left",
        "",
    ]
    assert shown(Screen(live=True, quiet=True), monkeypatch) == []
