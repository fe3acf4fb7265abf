"""Run of one check of one plugin, isolated from errors and side effects of the plugin."""

from __future__ import annotations

import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpkit.errors import MLPKitError
from mlpkit.plugin import Plugin
from mlpkit.plugin.base import reason
from mlpkit.testing.failure_messages import NotApplicable
from mlpkit.testing.process_state import OF_IMPORTS, guarded
from mlpkit.testing.report import Check, Status
from mlpkit.testing.side_effects import accesses_of, modules_of, streams

CheckFunction = Callable[[Any], None]
CHANGES = "it leaves the process changed"
UNREPORTED = ("runs",)  # checks that do not report changes of the process, because another check does
LEAVE_IT = "a plugin must not touch files, streams or process-wide state: leave these to its caller"


def run_check(name: str, function: CheckFunction, plugin: Plugin, expected: str | None = None) -> Check:
    """Run a check with warnings as errors, and restore the process state that it changes.

    `expected` is the reason of an expected failure, None if the check should pass.
    """
    started = time.perf_counter()
    status, reason = _outcome(name, function, plugin)
    seconds = time.perf_counter() - started
    if expected is not None and status == "failed":
        status, reason = "expected", expected
    elif expected is not None and status == "passed":
        status, reason = "failed", f"it was expected to fail ({expected}) but passed: remove it from expected_failures"
    elif expected is not None:
        status, reason = "failed", f"it was expected to fail ({expected}) but does not apply ({reason}): remove it from expected_failures"
    return Check(name, status, reason, seconds)


def _outcome(name: str, function: CheckFunction, plugin: Plugin) -> tuple[Status, str]:
    try:
        _run_watched(function, plugin, told=name not in UNREPORTED)
    except NotApplicable as reason:
        return "skipped", str(reason)
    except AssertionError as error:
        return "failed", str(error) or _described(error, plugin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end the process that checks it
        return "failed", _described(error, plugin)
    return "passed", ""


def _run_watched(function: CheckFunction, plugin: Plugin, told: bool) -> None:
    """Raise AssertionError if a check passes but leaves the process changed; repeat it once if an import may be the cause."""
    for last in (False, True):
        known = set(sys.modules)
        with _watched(plugin) as changes:
            function(plugin)
        if not (changes and told):
            return
        if last or set(sys.modules) == known or not set(changes) <= {f"changes {name}" for name in OF_IMPORTS}:
            raise AssertionError(f"{CHANGES}: it {' and '.join(dict.fromkeys(changes))}; {LEAVE_IT}")


@contextmanager
def _watched(plugin: Plugin) -> Iterator[list[str]]:
    """Return a context with warnings as errors; its value lists the changes of the process at the end."""
    told: list[str] = []
    with guarded() as changes, warnings.catch_warnings():
        warnings.simplefilter("error")
        with guarded() as within, accesses_of(modules_of(plugin)) as accesses, streams() as printed:
            yield told
    names = dict.fromkeys([*within, *changes])
    told += [*printed, *accesses, *(f"changes {name}" for name in names)]


def _described(error: BaseException, plugin: Plugin) -> str:
    """Return the type and message of an exception, and the last line of the plugin's module in its traceback."""
    if isinstance(error, MLPKitError):
        return error.message
    file = getattr(sys.modules.get(type(plugin).__module__), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{reason(error)}{where}"


def check_expected(expected_failures: Mapping[str, str], *known: Mapping[str, CheckFunction]) -> None:
    """Raise TypeError or ValueError for expected failures that are not valid: no reason, or an unknown check."""
    example = 'write {"NAME OF A CHECK": "why it fails"}'
    if not isinstance(expected_failures, Mapping):
        raise TypeError(f"expected_failures is a {type(expected_failures).__name__}: {example}")
    names = list(dict.fromkeys(name for checks in known for name in checks))
    unknown = [name for name in expected_failures if name not in names]
    if unknown:
        raise ValueError(
            f"expected_failures names {', '.join(map(repr, unknown))}, which is not a check of this kind; use one of {', '.join(names)}"
        )
    for name, why in expected_failures.items():
        if not isinstance(why, str):
            raise TypeError(f"expected_failures has {why!r} for {name!r}: {example}")
        if not why.strip():
            raise ValueError(f"expected_failures has no reason for {name!r}: {example}")
