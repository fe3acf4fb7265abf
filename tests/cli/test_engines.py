"""Engines on the command line: for training and predictions, errors of those that are missing, and what the doctor says."""

import json
import shlex

import numpy as np
import pytest

import mlpkit

CODE = """
import mlpkit


class Slight(mlpkit.Engine):
    \"\"\"The passes of NumPy, with slightly other numbers.\"\"\"

    def training(self, workspace):
        def both(inputs, targets, weights):
            workspace.engine_pass = None
            loss = workspace.loss_and_gradient(inputs, targets, weights)
            workspace.engine_pass = both
            workspace.gradient.vector += 0.001
            return loss

        return both

    def prediction(self, forward):
        def run(inputs, outputs):
            forward.engine_pass = None
            forward.run(inputs, outputs)
            forward.engine_pass = run
            forward.z *= 1.001
            outputs *= 0.999

        return run


class Idle(mlpkit.Engine):
    \"\"\"No pass at all.\"\"\"

    def training(self, workspace):
        return None

    def prediction(self, forward):
        return None


class Unbuilt(Idle):
    \"\"\"An engine that was built without a compiler.\"\"\"

    def status(self):
        return "built without a C compiler"
"""
KERNELS = """
import mlpkit


class Steps(mlpkit.Kernels):
    def step(self, parts):
        return None
"""


@pytest.fixture
def own(project):
    (project / "own.py").write_text(CODE)
    return project


@pytest.fixture
def slight(own, run):
    """A project with a model that the engine has trained."""
    assert run("train", "spec.json", "-q", "-c", "own.py", "--engine", "slight").code == 0
    return own


def weights(path):
    return mlpkit.load(path).network.parameters.vector.copy()


def test_an_engine_trains_and_the_model_names_it(slight, run):
    assert "\nengine   slight\n" in run("train", "spec.json", "-n", "-c", "own.py", "--engine", "slight").out
    assert "engine" not in run("train", "spec.json", "-n").out
    assert run("train", "spec.json", "-q", "-o", "numpy.h5").code == 0
    assert not np.array_equal(weights("model.h5"), weights("numpy.h5"))
    found = [json.loads(run("info", path, "--json").out) for path in ("model.h5", "numpy.h5")]
    assert [each["spec_schema"] for each in found] == [9, 3]
    stored = [json.loads(run("info", path, "--spec").out)["training"]["engine"] for path in ("model.h5", "numpy.h5")]
    assert stored == ["slight", None]
    lines = [run("info", path).out.splitlines() for path in ("model.h5", "numpy.h5")]
    assert [[line.split() for line in each if line.startswith("engine")] for each in lines] == [[["engine", "slight"]], []]


def test_a_model_needs_no_engine_for_predictions(slight, run, start):
    mlpkit.plugin.REGISTRIES["engines"]._own.clear()
    here = run("predict", "model.h5", "shapes.csv", "--proba")
    assert (here.code, here.err) == (0, "")
    assert run("evaluate", "model.h5", "shapes.csv").code == 0
    assert run("info", "model.h5").code == 0


def test_predictions_and_figures_of_an_engine(slight, run):
    numpy, found = (run("predict", "model.h5", "shapes.csv", "--proba", "-c", "own.py", *more) for more in ((), ("--engine", "slight")))
    assert (numpy.code, found.code) == (0, 0)
    assert numpy.out != found.out
    assert run("predict", "model.h5", "shapes.csv", "--proba", "--engine", "numpy").out == numpy.out
    losses = [
        json.loads(run("evaluate", "model.h5", "shapes.csv", "--json", "-c", "own.py", "--engine", name).out)["loss"]
        for name in ("numpy", "slight")
    ]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.01)


def test_shards_are_predicted_by_processes_with_the_engine(slight, run, shapes):
    (slight / "rows").mkdir()
    for number in range(2):
        (slight / "rows" / f"{number}.csv").write_text(shapes(20))
    command = ["predict", "model.h5", "rows", "--proba", "-c", "own.py"]
    for output, more in (("here", ["--engine", "slight"]), ("workers", ["--engine", "slight", "-j", "2"]), ("numpy", [])):
        assert run(*command, "-o", output, *more).code == 0
    texts = [(slight / folder / "0.csv").read_text() for folder in ("here", "workers", "numpy")]
    assert texts[0] == texts[1] != texts[2]
    again = run(*command, "-o", "numpy", "--engine", "slight")
    assert again.code == 1
    assert "was predicted with other options (--engine)" in again.err


MISSING = {
    "train": (["train", "spec.json", "-o", "new.h5", "--engine", "slihgt"], "--engine slihgt"),
    "train by the spec": (["train", "engine.json", "-o", "new.h5"], "engine.json:1:"),
    "check": (["check", "engine.json"], "engine.json:1:"),
    "dry run": (["train", "engine.json", "-n"], "engine.json:1:"),
    "cv": (["cv", "spec.json", "--engine", "slihgt"], "--engine slihgt"),
    "predict": (["predict", "model.h5", "shapes.csv", "--engine", "slihgt"], ""),
    "evaluate": (["evaluate", "model.h5", "shapes.csv", "--engine", "slihgt"], ""),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_engine_is_one_clear_error(case, own, trained, spec, run):
    argv, where = MISSING[case]
    spec["training"]["engine"] = "slihgt"
    (own / "engine.json").write_text(json.dumps(spec))
    done = run(*argv, "-c", "own.py")
    assert (done.code, done.out) == (3, "")
    assert "unknown engine 'slihgt'; did you mean 'slight'?" in done.err
    assert "without an engine NumPy computes: --engine numpy" in done.err
    assert where in done.err
    assert "Traceback" not in done.err


def test_the_package_of_the_engine_fused_is_named(project, run, monkeypatch):
    monkeypatch.setattr("mlpkit.plugin.registry.Registry._declared", lambda self: [])
    mlpkit.refresh_plugins()
    done = run("train", "spec.json", "--engine", "fused")
    assert done.code == 3
    assert "unknown engine 'fused'" in done.err
    assert "pip install mlpkit-fused" in done.err
    monkeypatch.undo()
    mlpkit.refresh_plugins()


def test_an_engine_that_cannot_be_used_says_why(own, run):
    done = run("train", "spec.json", "-c", "own.py", "--engine", "unbuilt")
    assert done.code == 3
    assert "the engine 'unbuilt' cannot be used: built without a C compiler" in done.err
    assert "help: without an engine NumPy computes: --engine numpy" in done.err


def test_an_engine_that_leaves_all_to_numpy_is_one_warning(own, spec, run):
    spec["ensemble"] = {"members": 2}
    (own / "two.json").write_text(json.dumps(spec))
    done = run("train", "two.json", "-c", "own.py", "--engine", "idle", "--threads", "1")
    assert done.code == 0
    assert done.err.count("the engine 'idle' does not take this network, which NumPy computes instead") == 1
    assert run("train", "two.json", "-q", "-o", "numpy.h5").code == 0
    ensembles = [mlpkit.load(path) for path in ("model.h5", "numpy.h5")]
    for one, other in zip(*(model.members for model in ensembles), strict=True):
        np.testing.assert_array_equal(one.network.parameters.vector, other.network.parameters.vector)


def test_two_ways_to_set_the_engine_are_refused(own, run):
    done = run("train", "spec.json", "-c", "own.py", "--engine", "slight", "-s", "training.engine=numpy")
    assert done.code == 2
    assert "--engine and --set training.engine both set it" in done.err


@pytest.mark.slow
def test_workers_of_members_and_folds_use_the_engine(own, spec, run):
    spec["ensemble"] = {"members": 2}
    (own / "two.json").write_text(json.dumps(spec))
    for output, more in (("here", "--threads 1 --engine slight"), ("workers", "--threads 2 --engine slight"), ("numpy", "--threads 1")):
        assert run("train", "two.json", "-c", "own.py", "-q", "-o", f"{output}.h5", *shlex.split(more)).code == 0
    found = [mlpkit.load(f"{name}.h5").members[1].network.parameters.vector for name in ("here", "workers", "numpy")]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    folds = [
        json.loads(run("cv", "spec.json", "-k", "2", "--json", "-q", "-c", "own.py", *shlex.split(more)).out)["folds"]
        for more in ("--threads 1 --engine slight", "--threads 2 --engine slight", "--threads 1")
    ]
    assert folds[0] == folds[1] != folds[2]


def test_the_doctor_knows_what_is_active(install_package, run, monkeypatch):
    engines = "[mlpkit.engines]\nslight = own_engine:Slight\nunbuilt = own_engine:Unbuilt\nbroken = none:None\n"
    points = f"{engines}[mlpkit.kernels]\nsteps = own_steps:Steps\n"
    install_package("mlpkit-own", entry_points=points, modules={"own_engine.py": CODE, "own_steps.py": KERNELS})
    monkeypatch.delenv("MLPKIT_KERNELS", raising=False)
    lines = {line.split()[1]: line for line in run("doctor").out.splitlines() if "mlpkit-own:" in line}
    assert lines["mlpkit-own:slight"].endswith("mlpkit-own 1.0  active")
    assert lines["mlpkit-own:steps"].endswith("mlpkit-own 1.0  active")
    assert lines["mlpkit-own:unbuilt"].endswith("NOT ACTIVE: built without a C compiler")
    assert "BROKEN" in lines["mlpkit-own:broken"]
    monkeypatch.setenv("MLPKIT_KERNELS", "0")
    found = {each["full_name"]: each for each in json.loads(run("doctor", "--json").out)["plugins"]}
    assert found["mlpkit-own:steps"]["inactive"] == "MLPKIT_KERNELS is 0"
    assert found["mlpkit-own:slight"]["inactive"] is None
    assert "inactive" not in found["relu"]
