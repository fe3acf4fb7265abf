"""Training on several ranks, in processes that mpiexec starts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlpkit

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
FAULTS = Path(__file__).parent / "faults.py"
SPEC = {
    "dtype": "float64",
    "seed": 3,
    "data": {"path": "rows.csv", "target": "y", "weight": "w", "split": {"validation": 0.25}},
    "network": {
        "layers": [
            {"units": 7, "activation": "tanh", "dropout": 0.2, "normalization": "batch"},
            {"units": 6, "activation": "relu"},
            {"activation": "linear"},
        ]
    },
    "loss": "mse",
    "optimizer": {"type": "adam", "learning_rate": {"type": "faulty"}},
    "training": {"epochs": 20, "batch_size": 8, "early_stopping": {"patience": 10}, "checkpoint": {"epochs": 1}},
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    rows = np.column_stack([x, x[:, 0] * x[:, 1] + 0.1 * x[:, 2], rng.uniform(0.5, 2, 60)])
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b,c,y,w", comments="")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    return tmp_path


def mlpkit_train(*options, spec="spec.json", distributed=True):
    flag = ["--distributed", "mpi"] if distributed else []
    return [BIN / "mlpkit", "train", spec, "-c", FAULTS, "-f", *flag, *options]


def on_ranks(folder, count, *options, **others):
    """Train on some ranks; return the exit code of mpiexec, stdout and stderr. A run that hangs is an error."""
    return ended(folder, [BIN / "mpiexec", "-n", str(count), *mlpkit_train(*options, **others)])


def ended(folder, command):
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def fault(name, rank=1):
    return "-s", f"optimizer.learning_rate.fault={name}", "-s", f"optimizer.learning_rate.rank={rank}"


def history(folder, name="model.h5"):
    mlpkit.register_file(FAULTS)
    return mlpkit.load(folder / name).history


def close(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose([one.loss, one.validation_loss], [other.loss, other.validation_loss], rtol=1e-12)


def test_the_losses_are_those_of_one_process(folder):
    assert ended(folder, mlpkit_train("-o", "one.h5", distributed=False))[0] == 0
    code, out, err = on_ranks(folder, 2, "--json", "--progress", "json")
    assert code == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["epoch"] for line in lines if "epoch" in line] == list(range(1, len(history(folder)) + 1))  # of rank 0 alone
    assert json.loads(out)["interrupted"] is False
    close(history(folder), history(folder, "one.h5"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.checkpoints",
        "model.h5",
        "one.checkpoints",
        "one.h5",
        "rows.csv",
        "spec.json",
    ]


@pytest.mark.parametrize(("name", "number", "rank"), [("interrupt", 130, 1), ("terminate", 143, 0)])
def test_a_signal_on_any_rank_stops_all_and_the_run_resumes_on_another_number(folder, name, number, rank):
    assert on_ranks(folder, 2, "-o", "whole.h5")[0] == 0
    code, _, err = on_ranks(folder, 2, *fault(name, rank))
    assert code == number, err
    assert "interrupted" in err
    assert 0 < len(history(folder)) < 20
    resumed = mlpkit_train("--resume", "model.h5", "-o", "resumed.h5", *fault(name, rank), distributed=False)
    assert ended(folder, resumed)[0] == 0
    close(history(folder, "resumed.h5"), history(folder, "whole.h5"))


@pytest.mark.parametrize(("name", "number", "rank"), [("error", 3, 0), ("error", 3, 1), ("kill", None, 1), ("twice", 130, 1)])
def test_a_rank_that_fails_alone_ends_all_and_the_last_checkpoint_stands(folder, name, number, rank):
    code, _, err = on_ranks(folder, 2, *fault(name, rank))
    assert code == number or (number is None and code), err
    if name == "error":
        assert "a fault on purpose" in err
        assert ("rank 1: " in err) == (rank == 1)
    checkpoints = sorted((folder / "model.checkpoints").iterdir())
    assert checkpoints
    assert ended(folder, mlpkit_train("--resume", "model.checkpoints", "-o", "resumed.h5", *fault(name, rank), distributed=False))[0] == 0


SHARING = """
import sys
import mlpkit
from mlpkit.plugin import REGISTRIES
from mlpkit.training.ranks import Ranks, sharing

mlpkit.register_file(sys.argv[1])
ranks = Ranks(REGISTRIES["exchanges"].get("mpi")())
with sharing(ranks):
    mlpkit.train("spec.json", on_start=lambda start: print("own copy:", start.data.train.inputs.flags.owndata, flush=True))
ranks.meet(None)
"""


def test_ranks_of_one_machine_map_one_copy_of_the_rows(folder):
    (folder / "program.py").write_text(SHARING)
    code, out, err = ended(folder, [BIN / "mpiexec", "-n", "2", sys.executable, "program.py", FAULTS])
    assert code == 0, err
    assert out.splitlines() == ["own copy: False"] * 2


def test_a_signal_on_a_rank_that_waits_for_the_rows_ends_all(folder):
    (folder / "rows.endless").write_text("a")
    code, _, err = on_ranks(folder, 2, "-d", "rows.endless")
    assert code == 143, err


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_rows_on_disk_train_the_same(folder, suffix):
    options = ["-s", "data.in_memory=false"]
    if suffix == "npy":
        np.save(folder / "rows.npy", np.genfromtxt(folder / "rows.csv", delimiter=",", names=True))
        options += ["-d", "rows.npy"]
    assert ended(folder, mlpkit_train(*options, "-o", "one.h5", distributed=False))[0] == 0
    assert on_ranks(folder, 2, *options)[0] == 0
    close(history(folder), history(folder, "one.h5"))


def test_a_full_disk_ends_all(folder):
    code, _, err = on_ranks(folder, 2, *fault("disk", 0))
    assert code == 1
    assert "error: cannot write model.h5: it exceeds the system's limit on file size" in err
    assert sorted((folder / "model.checkpoints").iterdir())


def test_divergence_ends_all_with_one_message(folder):
    code, _, err = on_ranks(
        folder, 2, "-s", 'optimizer={"type": "sgd", "learning_rate": 1e200}', "-s", "network.layers.0.normalization=null"
    )
    assert code == 1
    assert err.count("error: the loss became") == 1


def test_several_processes_without_the_flag_are_told(folder):
    code, _, err = on_ranks(folder, 2, distributed=False)
    assert code == 2
    assert "add --distributed mpi" in err
    assert not (folder / "model.h5").exists()
    assert on_ranks(folder, 2, "--distributed", "none", "--dry-run", distributed=False)[0] == 0
    code, _, err = ended(folder, [BIN / "mpiexec", "-n", "2", BIN / "mlpkit", "cv", "spec.json", "-c", FAULTS, "-p", "oof.csv"])
    assert code == 2
    assert "each of them would run 'mlpkit cv' and write the same files" in err
    assert not (folder / "oof.csv").exists()


def two(folder, first, second):
    return ended(folder, [BIN / "mpiexec", "-n", "1", *first, ":", "-n", "1", *second])


def test_ranks_with_other_rows_or_another_spec_end_with_an_error(folder):
    rows = (folder / "rows.csv").read_text().splitlines()
    (folder / "fewer.csv").write_text("\n".join(rows[:-1]))
    code, _, err = two(folder, mlpkit_train(), mlpkit_train("-d", "fewer.csv"))
    assert code == 2
    assert "rank 1 differs from rank 0: it has 44 training and 15 validation rows, rank 0 has 45 and 15" in err
    (folder / "other.csv").write_text("\n".join([*rows[:-1], "0,0,0,0,1"]))
    code, _, err = two(folder, mlpkit_train(), mlpkit_train("-d", "other.csv"))
    assert code == 2
    assert "the values of its rows are others" in err
    code, _, err = two(folder, mlpkit_train(), mlpkit_train("--seed", "4"))
    assert code == 2
    assert "another spec (seed)" in err
    code, _, err = two(folder, mlpkit_train(), mlpkit_train("-d", "missing.csv"))
    assert code == 2
    assert "rank 1: there is no file missing.csv" in err


def test_a_rank_with_another_version_ends_all(folder):
    other = "import sys, mlpkit.version; mlpkit.version.__version__ = '0.7.9'; from mlpkit.cli import main; sys.exit(main(sys.argv[1:]))"
    code, _, err = two(folder, mlpkit_train(), [sys.executable, "-c", other, *mlpkit_train()[1:]])
    assert code == 2
    assert f"rank 1 differs from rank 0: it has mlpkit 0.7.9, and rank 0 has {mlpkit.__version__}" in err


def test_errors_that_all_ranks_find_are_shown_once(folder):
    code, _, err = on_ranks(folder, 2, "-s", "loss=none_such")
    assert (code, err.count("error: ")) == (3, 1)
    code, _, err = on_ranks(folder, 2, spec="-")
    assert (code, err.count("stdin is that of rank 0 alone")) == (2, 1)
    code, _, err = on_ranks(folder, 2, "-s", 'ensemble={"members": 2}')
    assert code == 2
    assert "the members of an ensemble train each on its own" in err


def test_the_exchange_keeps_its_contract_alone_and_on_ranks(folder):
    for launcher in ([], [BIN / "mpiexec", "-n", "2"]):
        code, out, err = ended(folder, [*launcher, BIN / "mlpkit", "plugins", "check", "mpi"])
        assert code == 0, out + err
