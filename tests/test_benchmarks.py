"""The benchmarks run and pair both sides; what they measure is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .benchmarks import costs, kernels, modelfile, networks, pairing, reading, serving, training, trips

ROOT = Path(__file__).parents[1]


def test_both_sides_run_in_turn_and_the_medians_are_compared():
    ran = []

    def side(name, figures):
        figures = iter(figures)
        return lambda: ran.append(name) or next(figures)

    (row,) = pairing.pair("work", side("a", [9.0, 1.0, 2.0, 30.0]), {"peer": (side("b", [9.0, 6.0, 4.0, 5.0]), 2.0)}, "us", 3, 10.0)
    assert ran == ["a", "b"] * 4
    assert (row.mlpkit, row.other, row.ratio) == (20.0, 50.0, 2.5)
    line = pairing.table([{**row.to_json(), "threads": 1}]).splitlines()[-1]
    assert line == "| work | 1 | 20 us | peer | 50 us | 2.50 | 2 |"
    assert pairing.timed(lambda: None) >= 0


def test_scikit_learn_and_the_products_train_what_mlpkit_trains(monkeypatch):
    small = networks.Network((4, 8, 3), 10, 6, {"scikit-learn": 4, "products": 0})
    monkeypatch.setattr(training, "NETWORKS", [small])
    monkeypatch.setattr(training, "PEERS", {name: training.PEERS[name] for name in ("scikit-learn", "products")})
    rows = training.rows(quick=True)
    assert [(row.peer, row.goal) for row in rows] == [("scikit-learn", 4), ("products", None)]
    x, y = networks.data(small)
    epoch, losses = training.sklearn_epoch(small, x, y), []
    for _ in range(60):
        losses.append(epoch(training.np.arange(60)))
    assert losses[-1] < 0.5 * losses[0]


def test_six_hops_lead_from_train_to_the_step_of_the_optimizer():
    path = trips.hops()
    assert (path[0], path[-1]) == ("model/train.py: train", "optimizers/adam.py: Adam.step")
    assert len(path) <= 6


@pytest.mark.slow
def test_the_modules_that_train_enters_are_counted():
    modules, hops = trips.rows(quick=True)
    assert modules.mlpkit > hops.mlpkit == len(trips.hops())


@pytest.mark.slow
def test_served_requests_are_measured_in_turn_with_a_constant_answer(monkeypatch):
    monkeypatch.setattr(serving, "repeated", lambda function, times: pairing.repeated(function, 2))
    rows = serving.rows(quick=True)
    assert [(row.peer, row.goal) for row in rows] == [("a constant", 0.5), ("a constant", None), ("a constant", 0.5)]


def test_steps_of_kernels_are_paired_with_those_of_numpy(monkeypatch):
    taken = []
    monkeypatch.setattr(kernels, "SIZES", (9, 20_000))
    monkeypatch.setattr(kernels, "found", lambda parts: lambda gradient, lr, t, fading, threads: taken.append(gradient.copy()))
    rows = kernels.rows(quick=True)
    assert [(row.what, row.peer, row.goal) for row in rows[:2]] == [
        ("a step of adam, 9 parameters", "NumPy", None),
        ("a step of adam, 20,000 parameters", "NumPy", 3.0),
    ]
    assert {len(gradient) for gradient in taken} == {9, 20_000}
    assert all((gradient == np.float32(1e-3)).all() for gradient in taken)


def test_every_plugin_has_its_costs(monkeypatch):
    monkeypatch.setattr(costs, "SIZES", {"in the cache": (4, 8)})
    monkeypatch.setattr(costs, "NUMBERS", 2**10)
    found = " ".join(row.what for row in costs.rows(quick=True))
    for kind in costs.COSTS:
        for name in costs.names(kind):
            assert f"{kind} {name}, float32" in found


def test_every_way_to_keep_arrays_gives_them_back(monkeypatch):
    monkeypatch.setattr(modelfile, "SIZES", {"tiny": modelfile.Size(3, 4, 2, {"h5py": 1.0}), "others": modelfile.Size(9, 9, 9, {})})
    monkeypatch.setattr(modelfile, "QUICK", ("tiny",))
    monkeypatch.setattr(modelfile, "LARGE", 0)  # each load in a process of its own
    rows = modelfile.rows(quick=True)
    assert {row.what for row in rows} == {"save, tiny", "load, verified, tiny", "open by memory map, tiny"}
    goals = {(row.what.split(",")[0], row.peer): row.goal for row in rows if row.goal}
    assert goals == {("load", "h5py"): 1.0, ("open by memory map", "the goal"): 1.0}
    peers = {row.peer for row in rows if row.what.startswith("load")}
    assert peers >= {"pickle", "npz", "h5py", "Keras's .h5"}
    assert all(row.mlpkit > 0 for row in rows)


def test_the_readers_of_tables_encode_the_same_numbers(tmp_path):
    path = tmp_path / "rows.csv"
    reading.write_csv(path, 2, rows=300)
    encoded = reading.prepare(reading.mlpkit.Spec.model_validate(reading.SPEC), path).train.inputs
    assert encoded.shape == (600, 9 + 1 + 4 + 30)
    for columns in (reading.mlpkit_columns(path), *(reader(path) for reader in reading.READERS.values())):
        reading.np.testing.assert_allclose(reading.encode(*columns), encoded, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_json(tmp_path):
    command = [sys.executable, "-m", "tests.benchmarks", "xor", "--quick", "--json", str(tmp_path / "found.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "| the tutorial's XOR, 10,000 epochs | 1 |" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["peer"] for row in found["rows"]] == ["tutorial's loop"]
    assert {"date", "machine", "versions"} <= found.keys()
