"""Mutants of valid files: refused with an error of mlpkit, or read as h5py reads them; and tests of the fuzzer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTED = {  # a reader with a fault in the tenth file that a process reads, and what must be said of it
    "loops": "2 times: hang: it took more than",
    "sleeps": "2 times: hang: nothing was heard for",
    "raises": "2 times: error: KeyError: 'key'",
    "warns": "2 times: error: RuntimeWarning: of something",
    "allocates": "2 times: memory: it took more than",
    "dies": "2 times: crash: the process ended with signal 11",
    "opens": "2 times: outside: it opened '/dev/null'",
    "differs": "times: difference: /tensors/",
}


def fuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the harness in a process of its own, since it forks."""
    command = [sys.executable, "-m", "tests.fuzz", "--workers", "2", "--keep", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("mutants", [500, pytest.param(25_000, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_mutants_are_refused_or_read_as_h5py_reads_them(mutants, tmp_path):
    done = fuzz(tmp_path, "--mutants", str(mutants))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{mutants} mutants" in done.stdout
    for outcome in ("accepted", "corrupt", "unsafe", "resource_limit", "tensor_mismatch", "non_finite", "missing_plugin"):
        assert f" {outcome}\n" in done.stdout  # mutants get deep


@pytest.mark.slow
@pytest.mark.parametrize(("reader", "finding"), PLANTED.items(), ids=PLANTED)
def test_a_fault_that_is_planted_is_found(reader, finding, tmp_path):
    done = fuzz(tmp_path, "--mutants", "24", "--patience", "3", "--reader", reader)
    assert done.returncode == 1
    assert finding in done.stdout
    assert len(list(tmp_path.iterdir())) == done.stdout.count("--reproduce") > 0


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path):
    one, three = (fuzz(tmp_path, "--mutants", "300", "--seed", "7", "--workers", workers).stdout for workers in ("1", "3"))
    counts = [sorted(line for line in printed.splitlines() if line.startswith("    ")) for printed in (one, three)]
    assert counts[0] == counts[1] != []


@pytest.mark.slow
def test_a_mutant_can_be_made_again(tmp_path):
    for folder in ("one", "other"):
        fuzz(tmp_path / folder, "--reproduce", "xor:12")
    one, other = (tmp_path / folder / "xor-12.h5" for folder in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
