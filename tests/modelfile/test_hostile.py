"""Files made to do harm: each is refused with the error of its kind, and nothing happens but that it is read.

The files are those of the corpus. They are read in a process of its own, which notes what it does.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
import warnings
from functools import partial
from pathlib import Path

import pytest

import mlpkit
from mlpkit.errors import AmbiguousPlugin, EarlierCheckpoints, FileTaken, MissingPlugin, ModelFileError
from mlpkit.model.inspection import inspect
from mlpkit.modelfile.reader import read
from mlpkit.modelfile.rules import Rule

from ..calls import calls
from .corpus import CASES, large
from .corpus.__main__ import file_name, write
from .corpus.case import LOADING, OPENING, READING, VERIFYING
from .corpus.forger import valid
from .corpus.models import AMBIGUOUS

MIB = 2**20
METADATA = re.compile(r"^open .*\.dist-info/\w+(\.txt)?$")  # of what is installed, where the name of a plugin is looked up
ROOT = Path(__file__).parents[2]


def most_calls(size: int) -> int:
    """Return the limit of function calls for a file of `size` bytes. A layer of three bytes in a spec takes 120 calls."""
    return 100_000 + 50 * size


REFUSE = {  # what refuses a file, by what finds it first
    OPENING: ("inspect", "read", "load", "info", "verify"),
    READING: ("read", "load", "verify"),
    LOADING: ("load", "verify"),
    VERIFYING: ("verify",),
}


def pretend(folder: Path) -> None:
    """Two distributions with an activation of one name, and a module that leaves a trace when it is imported."""
    for name in ("one", "two"):
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mlpkit.activations]\n{AMBIGUOUS} = bait:Baited\n")
    (folder / "bait.py").write_text("open('executed', 'w')\n")


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    """Return the result for each file of the corpus, by name, which takes minutes: the processes of a run of tests share it."""
    base = tmp_path_factory.getbasetemp()
    found = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "outcomes.json"
    with open(found.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            found.write_text(json.dumps(examined()))
    return json.loads(found.read_text())


def examined():
    """Return the result for each file of the corpus, by name, read in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "corpus")
        (folder / "corpus" / "valid.h5").write_bytes(valid())
        pretend(folder / "site")
        os.mkfifo(folder / "fifo")
        path = os.pathsep.join([str(ROOT), str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}
        script = Path(__file__).with_name("examiner.py")
        run = subprocess.run(
            [sys.executable, str(script), str(folder / "corpus")], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        assert run.stderr == ""
        assert sorted(os.listdir(folder)) == ["corpus", "fifo", "site"]  # and no trace of anything that ran
        rows = map(json.loads, run.stdout.splitlines())
        return {row["file"]: row for row in rows}


HERE = {"inspect": inspect, "read": read, "load": mlpkit.load}


SLOW = {  # a second or more each; the rest of this file's slow tests read all files in a process of its own
    "messages without contents",
    "50,000 embeddings",
    "gaps without contents",
    "15,000 continuations",
    "15,000 continuations, each of the one before",
    "100,000 layers",
    "100,000 empty layers",
    "200,000 links",
    "20,001 objects",
    "3,000 integers of 4,000 digits",
}
SMALL = [name for name, case in CASES.items() if case.error is not AmbiguousPlugin and name not in large.CASES]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW or number % 8 else ()) for number, name in enumerate(SMALL)]
)
def test_a_hostile_file_is_refused(name, tmp_path):
    case, path = CASES[name], tmp_path / file_name(name)
    path.write_bytes(case.build())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.ProbeWarning)
        for function, call in HERE.items():
            if function not in REFUSE[case.found]:
                call(path)
                continue
            with pytest.raises(case.error, match=case.message) as caught:
                call(path)
            assert type(caught.value) is case.error
            assert getattr(caught.value, "rule", None) == case.rule


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number % 4 or name.startswith("12,000 plugins") else ())
        for number, name in enumerate(large.CASES)
    ],
)
def test_a_large_file_costs_little_and_is_refused_in_few_words(name, tmp_path):
    case, path = large.CASES[name], tmp_path / "large.h5"
    path.write_bytes(case.build())
    tracemalloc.start()
    try:
        with pytest.raises(case.error, match=case.message) as caught:
            mlpkit.load(path)
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert memory < path.stat().st_size + 64 * MIB
    assert calls(partial(mlpkit.load, path)) < most_calls(path.stat().st_size)
    assert len(str(caught.value)) < 20_000
    assert getattr(caught.value, "rule", None) == case.rule


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_a_process_of_its_own(name, outcomes):
    case, row = CASES[name], outcomes[file_name(name)]
    for function in ("inspect", "read", "load"):
        found, refused = row[function], function in REFUSE[case.found]
        expected = (case.error.__name__, case.rule) if refused else (None, None)
        assert (found["error"], found["rule"]) == expected, f"{function}: {found['message']}"
        if refused:
            assert re.search(case.message, found["message"])
            assert file_name(name) in found["message"].split(": ")[0] or case.rule is None


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_program_reports_it_in_one_block(name, outcomes):
    case, row = CASES[name], outcomes[file_name(name)]
    for command in ("info", "verify"):
        code, text = row[command]["result"]
        if command not in REFUSE[case.found] or (command == "verify" and not issubclass(case.error, ModelFileError)):
            assert (code, text) == (0, "")
            continue
        assert code == 2
        assert text.startswith("error: ")
        assert "\nerror: " not in text or "problems:" in text
        assert "Traceback" not in text
        assert text.isprintable() or set(text) - {"\n"} == {letter for letter in text if letter.isprintable()}
        if command == "verify" and case.rule is not None:
            assert f"rule {int(case.rule)} of models/FORMAT.md: {case.rule.text}" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_nothing_happens_but_that_the_file_is_read(name, outcomes):
    row = outcomes[file_name(name)]
    size = row["size"]
    for function in ("inspect", "read", "load", "info", "verify"):
        did = row[function]
        assert [event for event in did["did"] if not METADATA.search(event)] == []
        assert did["memory"] < size + 64 * MIB
        assert did["calls"] is None or did["calls"] < most_calls(size), function
    assert not row["h5py"]


@pytest.mark.slow
def test_the_valid_file_is_not_hostile(outcomes):
    row = outcomes["valid.h5"]
    assert [row[name]["error"] for name in ("inspect", "read", "load")] == [None] * 3
    assert [row[name]["result"][0] for name in ("info", "verify")] == [0, 0]


PLANTED = """
import sys, os, json
sys.path.insert(0, sys.argv[2])
import examiner
watch = examiner.Watch()
faults = {
    "open": lambda path: open("/etc/hostname").close(),
    "run": lambda path: os.system("true"),
    "import": lambda path: __import__("bait"),
    "code": lambda path: eval(compile("1", "/somewhere", "eval")),
    "memory": lambda path: bytes(100 * 2**20),
    "calls": lambda path: [abs(number) for number in range(10_000)],
    "error": lambda path: {}[path],
}
print(json.dumps({name: examiner.examined(fault, sys.argv[1], watch) for name, fault in faults.items()}))
"""


def test_the_examiner_detects_forbidden_calls(tmp_path):
    (tmp_path / "bait.py").write_text("")
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    script = [sys.executable, "-c", PLANTED, str(tmp_path / "model.h5"), str(Path(__file__).parent)]
    run = subprocess.run(script, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    seen = json.loads(run.stdout)
    assert "open /etc/hostname" in seen["open"]["did"]
    assert "os.system b'true'" in seen["run"]["did"]
    assert "import bait" in seen["import"]["did"]
    assert any(event.startswith("compile") for event in seen["code"]["did"])
    assert seen["memory"]["memory"] > 100 * MIB
    assert seen["calls"]["calls"] > 10_000
    assert seen["error"]["error"] == "KeyError"


def test_every_kind_of_error_has_a_code_of_its_own_and_a_file():
    kinds = set(ModelFileError.__subclasses__())
    assert len({kind.code for kind in (ModelFileError, *kinds)}) == len(kinds) + 1
    reading = kinds - {FileTaken, EarlierCheckpoints}  # which no file is the cause of
    assert {case.error for case in CASES.values()} == {ModelFileError, *reading, MissingPlugin, AmbiguousPlugin}


def test_every_rule_has_a_file_that_breaks_it():
    assert {case.rule for case in CASES.values()} - {None} == set(Rule)


def test_the_files_have_names_of_their_own():
    assert len({file_name(name) for name in CASES}) == len(CASES)
