"""`mlpkit train` interrupted, terminated or killed, and resumed: the resulting file is the same byte for byte."""

import contextlib
import json
import random
import shlex
import shutil
import signal
import time

import pytest

import mlpkit
from mlpkit.training.state import Place

from ..builtins import builtins

LONG = {"epochs": 150, "batch_size": 8, "early_stopping": {"patience": 1000}}
POINTS = {"epochs": 5, "minutes": 0.0003, "keep": 3}


RATE = {"learning_rate": {"type": "cosine", "initial": 0.02}}


def takes_batches(optimizer):
    return not (optimizer.full_batch or isinstance(optimizer, mlpkit.Minimizer))


OPTIMIZERS = {
    "sgd": {"type": "sgd", **RATE},
    "nadam": {"type": "nadam", **RATE},
    "clipping": {"type": "clipping", "inner": {"type": "sgd", **RATE}, "norm": 0.5},
    "averaging": {"type": "averaging", "inner": {"type": "clipping", "inner": {"type": "nadam", **RATE}, "value": 0.1}},
    "momentum": {"type": "sgd", "momentum": 0.9, **RATE},
    "nesterov": {"type": "sgd", "momentum": 0.9, "nesterov": True, **RATE},
    "adam": {"type": "adam", **RATE},
}
OFTEN = tuple(OPTIMIZERS)  # killed with two seeds, the others with one
OPTIMIZERS |= {name: {"type": name} for name, found in builtins("optimizers").items() if name not in OPTIMIZERS and takes_batches(found)}


@pytest.fixture
def long_project(project, spec, request):
    """A project whose training takes a moment, with dropout, batch normalization and a schedule; `unbroken.h5` is its model."""
    spec["training"] = LONG
    spec["optimizer"] = OPTIMIZERS[getattr(request, "param", "adam")]
    spec["network"]["layers"][0] |= {"dropout": 0.2, "normalization": "batch"}
    (project / "spec.json").write_text(json.dumps(spec))
    mlpkit.train(project / "spec.json").save(project / "unbroken.h5")
    (project / "points.json").write_text(json.dumps({**spec, "training": {**LONG, "checkpoint": POINTS}}))
    return project


def after_epochs(process, number):
    """Wait until the process has shown so many epochs as JSON."""
    seen = 0
    for line in process.stderr:
        seen += b'"epoch": ' in line
        if seen == number:
            return


def last_line(err):
    """The last line that was said, of JSON messages or of plain ones."""
    last = err.strip().splitlines()[-1]
    return (json.loads(last)["message"] if last.startswith(b"{") else last.decode()).splitlines()[-1].encode()


def saved_parts(path):
    """Return weights and history of a file, without the folder of checkpoints in its spec."""
    model = mlpkit.load(path)
    return model.network.parameters.vector.tobytes(), [epoch[:5] for epoch in model.history]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_an_interrupted_run_shows_the_command_that_resumes_it(long_project, start, run, number):
    interruptions = 0
    command = ["train", "spec.json"]
    for wanted in (3, 20, 1):
        process = start(*command, "--progress", "json")
        after_epochs(process, wanted)
        process.send_signal(number)
        out, err = process.communicate(timeout=600)
        if process.returncode == 0:
            break
        assert (process.returncode, out) == (128 + number, b"")
        assert last_line(err) == b"saved model.h5; to resume: mlpkit train spec.json --resume model.h5"
        command = shlex.split(last_line(err).decode().partition("to resume: mlpkit ")[2])
        interruptions += 1
    assert interruptions
    assert mlpkit.load("model.h5").training_state is not None
    done = run(*command)
    assert done.code == 0
    assert "resuming from model.h5, after" in done.err
    assert "trained after 150 epochs" in done.err
    assert (long_project / "model.h5").read_bytes() == (long_project / "unbroken.h5").read_bytes()


def kill_and_go_on(project, start, run, kills, seed):
    """Kill the training at random moments, then let it end; how many processes were killed."""
    randomly, killed, command = random.Random(seed), 0, ["train", "points.json", "-f"]
    for _ in range(kills):
        process = start(*command, "--progress", "json")
        after_epochs(process, randomly.randint(1, max(2, 120 // kills)))
        time.sleep(randomly.uniform(0, 0.03))
        process.kill()
        process.wait()
        killed += process.returncode == -signal.SIGKILL
        if any((project / "model.checkpoints").glob("epoch-*.h5")):
            command = ["train", "points.json", "-f", "--resume", "model.checkpoints"]
    done = run(*command)
    assert done.code == 0, done.err
    assert saved_parts("model.h5") == saved_parts("unbroken.h5")
    return killed


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_checkpoints(long_project, start, run):
    assert kill_and_go_on(long_project, start, run, 2, seed=1) >= 1
    whole = (long_project / "model.h5").read_bytes()
    shutil.rmtree(long_project / "model.checkpoints")
    assert run("train", "points.json", "-f").code == 0
    assert (long_project / "model.h5").read_bytes() == whole
    names = [path.name for path in (long_project / "model.checkpoints").iterdir()]
    assert "epoch-000150.h5" in names
    assert len(names) in (3, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("long_project", "seed"), [(name, seed) for name in OPTIMIZERS for seed in range(2 if name in OFTEN else 1)], indirect=["long_project"]
)
def test_a_run_that_is_killed_many_times(long_project, start, run, seed):
    assert kill_and_go_on(long_project, start, run, 10, seed) >= 5


# -- in this process


@pytest.fixture
def stopped(project):
    """A project with `part.h5`, the file of a run that was stopped after one of its three epochs."""
    spec = mlpkit.Spec.read(project / "spec.json")
    model = mlpkit.Model(spec, inputs=6, outputs=3)
    with contextlib.closing(mlpkit.epochs(model)) as loop:
        next(loop)
    model.save(project / "part.h5", training_state=True)
    return project


def test_a_run_is_resumed_in_its_own_file(stopped, run):
    done = run("train", "spec.json", "--resume", "part.h5", "--json", "--progress", "plain")
    assert done.code == 0
    summary = json.loads(done.out)
    assert (summary["resumed_from"], summary["epochs"], summary["model"]) == ("part.h5", 3, "model.h5")
    assert "resuming from part.h5, after 1 epoch\n" in done.err
    assert "epoch 3/3" in done.err
    assert "epoch 1/3" not in done.err
    run("train", "spec.json", "-o", "unbroken.h5")
    assert (stopped / "model.h5").read_bytes() == (stopped / "unbroken.h5").read_bytes()
    assert mlpkit.load("part.h5").training_state.place == Place(1, 0)
    again = run("train", "spec.json", "--resume", "part.h5")
    assert again.code == 2
    assert "model.h5 exists; --force overwrites it" in again.err


def test_the_file_itself_may_be_the_output(stopped, run):
    assert run("train", "spec.json", "--resume", "part.h5", "-o", "./part.h5").code == 0
    assert mlpkit.load("part.h5").training_state is None


def test_the_summary_of_a_new_run_names_no_resumed_file(project, run):
    assert json.loads(run("train", "spec.json", "--json").out)["resumed_from"] is None


def test_a_dry_run_checks_everything_and_writes_nothing(stopped, run, shapes):
    before = sorted(path.name for path in stopped.iterdir())
    done = run("train", "spec.json", "--resume", "part.h5", "--dry-run", "--json")
    assert (done.code, json.loads(done.out)["resumed_from"]) == (0, "part.h5")
    assert run("train", "spec.json", "--resume", "part.h5", "-n", "--seed", "9").code == 2
    (stopped / "shapes.csv").write_text(shapes(63))
    done = run("train", "spec.json", "--resume", "part.h5", "-n")
    assert done.code == 2
    assert "the data differ from those of the run: the training rows: 45 then, 47 now" in done.err
    assert sorted(path.name for path in stopped.iterdir()) == before


def test_a_complete_run_is_reported_and_writes_the_model(project, run):
    assert run("train", "spec.json", "-s", "training.checkpoint={}").code == 0
    whole = (project / "model.h5").read_bytes()
    done = run("train", "spec.json", "-s", "training.checkpoint={}", "--resume", "model.checkpoints", "-o", "again.h5")
    assert done.code == 0
    assert "resuming from model.checkpoints/epoch-000003.h5, after 3 epochs" in done.err
    assert "the run was complete after 3 epochs: to train further, increase --epochs" in done.err
    assert (project / "again.h5").read_bytes() == whole
    more = run("train", "spec.json", "-s", "training.checkpoint={}", "--resume", "model.checkpoints", "-o", "more.h5", "--epochs", "5")
    assert (more.code, len(mlpkit.load("more.h5").history)) == (0, 5)


def test_early_stopping_that_has_seen_enough_is_complete_too(project, run):
    stopping = '{"epochs": 90, "early_stopping": {"patience": 1}, "checkpoint": {}}'
    assert run("train", "spec.json", "-s", f"training={stopping}").code == 0
    done = run("train", "spec.json", "-s", f"training={stopping}", "--resume", "model.checkpoints", "-f")
    assert done.code == 0
    assert "to train further, increase training.early_stopping.patience" in done.err


def test_checkpoints_of_another_run_are_not_mixed_in(project, run):
    assert run("train", "spec.json", "-s", "training.checkpoint={}").code == 0
    other = run("train", "spec.json", "-s", "training.checkpoint={}", "-o", "other.h5")
    assert (other.code, (project / "other.checkpoints").is_dir()) == (0, True)
    options = ("-s", 'training.checkpoint={"folder": "model.checkpoints"}', "-o")
    done = run("train", "spec.json", *options, "other.h5", "-f")
    assert done.code == 0, "--force removes them"
    assert "removed 2 checkpoints of an earlier run from model.checkpoints\n" in done.err, done.err.splitlines()
    assert saved_parts("other.h5") == saved_parts("model.h5")
    done = run("train", "spec.json", *options, "third.h5")
    assert done.code == 2
    assert "error: model.checkpoints has checkpoints of an earlier run, such as epoch-000003.h5\n" in done.err
    assert "help: --resume model.checkpoints resumes that run, --force removes its checkpoints" in done.err
    assert not (project / "third.h5").exists()
    names = sorted(path.name for path in (project / "model.checkpoints").iterdir())
    assert run("train", "spec.json", "-s", "training.checkpoint={}", "-n").code == 0
    assert sorted(path.name for path in (project / "model.checkpoints").iterdir()) == names


@pytest.mark.slow
def test_the_resume_command_repeats_the_options_and_quotes_them(stopped, start):
    (stopped / "my shapes.csv").write_bytes((stopped / "shapes.csv").read_bytes())
    (stopped / "my code.py").write_text(
        "import mlpkit\nclass Same(mlpkit.Elementwise):\n def function(self, z): return z\n def derivative(self, z, y): return 1 + 0 * z\n"
    )
    options = ["-d", "my shapes.csv", "-s", "data.split=null", "-s", "network.layers.0.activation=same", "--epochs", "1000000"]
    options += ["--seed", "4", "-c", "my code.py", "-o", "my model.h5"]
    process = start("train", "spec.json", *options, "--progress", "json")
    after_epochs(process, 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    words = shlex.split(last_line(err).decode().partition("to resume: ")[2])
    expected = ["-d", "my shapes.csv", "--set", "data.split=null", "--set", "network.layers.0.activation=same", "--epochs", "1000000"]
    expected += ["--seed", "4", "-c", "my code.py", "-o", "my model.h5", "--resume", "my model.h5"]
    assert words == ["mlpkit", "train", "spec.json", *expected]
    process = start(*words[1:], "--progress", "json")
    after_epochs(process, 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert b"saved my model.h5; to resume: mlpkit train" in err


def test_a_changed_spec_is_shown_at_its_line_or_option(stopped, run, spec):
    spec["training"]["batch_size"] = 15
    (stopped / "other.json").write_text(json.dumps(spec, indent=1))
    done = run("train", "other.json", "--resume", "part.h5", "--seed", "3")
    assert done.code == 2
    assert "error: 'seed' is 3, but the run to resume has 0\n  --> --seed 3" in done.err
    line = 1 + json.dumps(spec, indent=1)[: json.dumps(spec, indent=1).index('"batch_size"')].count("\n")
    assert f"is 15, but the run to resume has 16\n  --> other.json:{line}:" in done.err
    assert "2 errors" in done.err
    assert not (stopped / "model.h5").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("none.h5", "none.h5"),
        ("spec.json", "spec.json: "),
        (".", ". has no checkpoints"),
        ("finished.h5", "finished.h5: the model is finished and has no training state"),
        ("damaged.h5", "damaged.h5: "),
        ("damaged", "no checkpoint in damaged can be used: damaged/epoch-000001.h5: "),
    ],
)
def test_files_that_cannot_be_resumed(stopped, run, source, words):
    mlpkit.load("part.h5").save("finished.h5")
    (stopped / "damaged").mkdir()
    for path in (stopped / "damaged.h5", stopped / "damaged" / "epoch-000001.h5"):
        path.write_bytes((stopped / "part.h5").read_bytes()[:-1])
    done = run("train", "spec.json", "--resume", source)
    assert done.code == 2
    assert words in done.err
    assert "help:" in done.err
    assert "Traceback" not in done.err
    assert not (stopped / "model.h5").exists()


def test_a_folder_that_cannot_be_made_ends_the_run_before_it_begins(project, run):
    done = run("train", "spec.json", "-s", "training.checkpoint.folder=spec.json")
    assert done.code == 1
    assert "cannot create the folder spec.json" in done.err
    assert not (project / "model.h5").exists()


def test_a_damaged_checkpoint_is_warned_of(project, run):
    assert run("train", "spec.json", "-s", "training.checkpoint={}").code == 0
    newest = project / "model.checkpoints" / "epoch-000003.h5"
    newest.write_bytes(newest.read_bytes()[:5000])
    done = run("train", "spec.json", "-s", "training.checkpoint={}", "--resume", "model.checkpoints", "-o", "again.h5")
    assert done.code == 0
    assert "warning: a checkpoint was skipped: model.checkpoints/epoch-000003.h5: " in done.err
    assert (project / "again.h5").read_bytes() == (project / "model.h5").read_bytes()


def test_a_folder_that_is_not_there_is_answered_with_that_of_the_spec(project, run):
    done = run("train", "spec.json", "-s", 'training.checkpoint={"epochs": 1, "folder": "points"}', "--resume", "nowhere")
    assert done.code == 2
    assert "error: nowhere: no such file or folder\nhelp: the checkpoints of the spec are in points" in done.err
    assert "help: check the path" in run("train", "spec.json", "--resume", "nowhere").err


def test_info_shows_the_progress_of_a_run(project, stopped, run):
    assert run("train", "spec.json").code == 0
    assert "mlpkit train --resume" not in run("info", "model.h5").out
    place = mlpkit.load("part.h5").training_state.place
    line = next(line for line in run("info", "part.h5").out.splitlines() if line.startswith("resume"))
    assert f"after {place.epochs} epoch" in line
    assert (f" and {place.steps} step" in line) == bool(place.steps)


def test_a_model_that_cannot_be_written_points_to_its_last_checkpoint(project, run, monkeypatch):
    save = mlpkit.Model.save

    def full(model, path, **options):
        if str(path) == "model.h5":
            raise mlpkit.ModelFileError("cannot write model.h5: the disk is full", help="free some space")
        save(model, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(mlpkit.Model, "save", full)
        done = run("train", "spec.json", "-s", "training.checkpoint={}")
    assert done.code == 1
    kept = "the last checkpoint is model.checkpoints/epoch-000003.h5: resume from it with --resume, and give another file with -o"
    help = f"help: free some space; {kept}"
    assert help in done.err
    assert (
        run("train", "spec.json", "-s", "training.checkpoint={}", "--resume", "model.checkpoints/epoch-000003.h5", "-o", "other.h5").code
        == 0
    )
