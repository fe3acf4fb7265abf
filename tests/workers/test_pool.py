"""Test worker processes: arrays, messages, errors, deaths, stops, and that nothing is left of them."""

import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mlpkit.errors import DataError, UndefinedMetricWarning, WorkerError
from mlpkit.workers.interpreter import command
from mlpkit.workers.pool import Pool, Task

X = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def _tasks(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def task(name, number=0, **values):
    return Task(f"task {number}", f"worker_tasks:{name}", values)


def test_tasks_get_values_bytes_and_arrays_and_return_messages_in_their_order():
    tasks = [Task(f"task {number}", "worker_tasks:echo", {"number": number}, b"abc") for number in range(5)]
    with Pool({"x": X, "empty": np.zeros((0, 3)), "flags": np.array([True])}, 2) as pool:
        messages = list(pool.run(tasks))
    for number in range(5):
        own = [message for message in messages if message.task == number]
        assert [message.done for message in own] == [False, True]
        assert own[0].values == {"started": {"number": number}}
        assert own[0].data == b"abc"
        assert own[1].data == b"cba"
        assert own[1].values["sum"] == float(X.sum())
    assert len({message.values["process"] for message in messages if message.done}) <= 2
    assert os.getpid() not in {message.values["process"] for message in messages if message.done}


def test_a_worker_has_one_thread_and_does_not_run_the_main_script_again(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    with Pool({"x": X}, 1) as pool:
        (answer,) = pool.run([task("about")])
    assert set(answer.values["threads"].values()) == {"1"}
    assert Path(answer.values["main"]).parts[-2:] == ("workers", "__main__.py")
    assert not answer.values["writeable"]


def test_the_script_of_the_user_runs_once(tmp_path):
    (tmp_path / "script.py").write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from mlpkit.workers.pool import Pool, Task\nimport numpy as np\nprint('script runs')\n"
        "with Pool({'x': np.ones(3)}, 2) as pool:\n"
        "    print([message.values.get('sum') for message in pool.run([Task('a', 'worker_tasks:echo', {})])])\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["script runs", "[None, 3.0]", ""]
    assert done.stderr == ""


def test_entries_of_the_search_path_that_are_no_text_stay_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])  # Python ignores them too
    with Pool({"x": X}, 1) as pool:
        assert len(list(pool.run([task("echo")]))) >= 1


def test_an_error_names_the_task_and_keeps_its_kind():
    with Pool({"x": X}, 1) as pool, pytest.raises(DataError, match=r"^task 3: the column 'a' is empty\nhelp: fill it in$"):
        list(pool.run([task("echo"), task("raises", 3)]))


def test_another_exception_names_the_task_and_has_the_traceback():
    with Pool({"x": X}, 1) as pool, pytest.raises(WorkerError, match="task 3: ZeroDivisionError: division by zero") as error:
        list(pool.run([task("fails", 3, zero=0)]))
    assert "worker_tasks.py" in error.value.__notes__[0]


def test_a_death_names_the_task_and_has_the_last_words():
    with Pool({"x": X}, 2) as pool, pytest.raises(WorkerError, match=r"task 1: .* ended with exit code 7: Fatal: no memory"):
        list(pool.run([task("until_stopped"), task("dies", 1)]))


def test_a_process_that_dies_without_a_task_is_not_given_one():
    with Pool({"x": X}, 1) as pool:
        assert len(list(pool.run([task("echo")]))) == 2
        pool._processes[0].popen.kill()
        with pytest.raises(WorkerError, match=r"task 5: .* ended with signal 9"):
            list(pool.run([task("echo", 5), task("echo", 6)]))


def test_stop_ends_what_runs_and_begins_nothing_new():
    seen = []
    with Pool({"x": X}, 2) as pool:
        for message in pool.run([task("until_stopped", number) for number in range(4)], lambda: len(seen) >= 2):
            seen.append(message)
    assert {message.task for message in seen} == {0, 1}
    assert [message.data for message in seen if message.done] == [b"state", b"state"]


def test_a_death_after_the_stop_is_not_an_error():
    seen = []
    with Pool({"x": X}, 2) as pool:
        for message in pool.run([task("until_stopped", number) for number in range(2)], lambda: len(seen) >= 2):
            seen.append(message)
            if len(seen) == 1:
                pool._processes[1 - message.task].popen.kill()
                seen.append(None)
    assert [message.task for message in seen if message and message.done] == [seen[0].task]


def test_warnings_arrive_once_per_task_with_their_details():
    with Pool({"x": X}, 1) as pool, pytest.warns(UndefinedMetricWarning, match="recall is NaN") as found:
        list(pool.run([task("warns")]))
    assert [warning.message.details for warning in found] == ["of 2 rows"]


@pytest.mark.parametrize("leave", ["end", "error", "break"])
def test_no_process_and_no_file_is_left(leave, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Pool({"x": X}, 2) as pool:
        processes = [process.popen for process in pool._processes]
        try:
            tasks = [task("until_stopped" if leave == "break" else "echo"), task("dies" if leave == "error" else "echo")]
            for _ in pool.run(tasks):
                if leave == "break":
                    break
        except WorkerError:
            assert leave == "error"
    assert all(process.returncode is not None for process in processes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"executable": "/opt/app/viewer"}, {"executable": ""}, {"frozen": True}])
def test_a_program_that_is_no_python_starts_nothing(change, monkeypatch):
    for name, value in change.items():
        monkeypatch.setattr(sys, name, value, raising=False)
    assert command() is None
    with pytest.raises(OSError, match="no Python interpreter"):
        Pool({"x": X}, 1)


def test_a_python_without_mlpkit_is_an_error_at_the_start(monkeypatch, tmp_path):
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\necho 'No module named mlpkit' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(OSError, match="ended at its start: No module named mlpkit"):
        Pool({"x": X}, 1)


def test_the_end_of_the_parent_ends_its_workers(tmp_path):
    code = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from mlpkit.workers.pool import Pool, Task\n"
        "pool = Pool({}, 1)\n"
        "print(pool._processes[0].popen.pid, flush=True)\n"
        "next(pool.run([Task('a', 'worker_tasks:until_stopped', {})]))\n"
        "os._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    with suppress(ProcessLookupError):  # it has ended already
        select.select([os.pidfd_open(int(done.stdout))], [], [])
