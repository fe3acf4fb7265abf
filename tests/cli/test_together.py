"""Commands that a launcher of parallel programs has started several times."""

import pytest

COMMANDS = {
    "cv": ["spec.json", "-o", "other.h5"],
    "search": ["spec.json"],
    "evaluate": ["model.h5", "shapes.csv"],
    "predict": ["model.h5", "shapes.csv", "-o", "out.csv"],
    "explain": ["model.h5", "shapes.csv", "-o", "out.json"],
    "report": ["model.h5", "shapes.csv"],
    "compare": ["model.h5", "model.h5", "-o", "out.html"],
    "plot": ["model.h5"],
    "export": ["model.h5", "-o", "out.py"],
    "import": ["weights.safetensors"],
    "init": ["shapes.csv", "-o", "other.json"],
    "serve": ["model.h5"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_several_processes_would_repeat_is_refused(trained, run, monkeypatch, command):
    monkeypatch.setenv("PMI_SIZE", "2")
    before = sorted(trained.iterdir())
    done = run(command, *COMMANDS[command])
    assert (done.code, done.out) == (2, "")
    assert f"2 processes were started at once, and each of them would run 'mlpkit {command}'" in done.err
    assert "MLPKIT_DISTRIBUTED=none" in done.err
    assert sorted(trained.iterdir()) == before


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_the_environment_says_that_each_has_files_of_its_own(trained, run, monkeypatch, name):
    monkeypatch.setenv(name, "4")
    assert run("predict", "model.h5", "shapes.csv", "-o", "out.csv").code == 2
    assert run("train", "spec.json", "-o", "own.h5").code == 2
    monkeypatch.setenv("MLPKIT_DISTRIBUTED", "none")
    assert run("predict", "model.h5", "shapes.csv", "-o", "out.csv").code == 0
    assert run("train", "spec.json", "-o", "own.h5").code == 0


def test_one_process_of_a_launcher_and_commands_that_write_nothing_are_not_refused(trained, run, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    for command in (["info", "model.h5"], ["check", "spec.json"], ["doctor"], ["predict", "--help"]):
        assert run(*command).code == 0
    monkeypatch.setenv("PMI_SIZE", "1")
    assert run("evaluate", "model.h5", "shapes.csv").code == 0
