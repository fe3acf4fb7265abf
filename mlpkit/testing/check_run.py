"""Trial: one check of one plugin, run so that nothing a plugin does ends more than the check."""

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
from mlpkit.testing.side_effects import deeds_of, home_of, streams

CheckFunction = Callable[[Any], None]
CHANGES = "the process is not as it was before"
UNTOLD = ("runs",)  # checks that say nothing of the process, since another one does
LEAVE_IT = "a plugin computes, and leaves files, streams and what belongs to the whole process to its caller"


def run_check(name: str, function: CheckFunction, plugin: Plugin, expected: str | None = None) -> Check:
    """Run a check with warnings as errors, and put back what was changed in the process meanwhile.

    `expected` is why it should fail, None when it should not.
    """
    started = time.perf_counter()
    status, reason = _outcome(name, function, plugin)
    seconds = time.perf_counter() - started
    if expected is not None and status == "failed":
        status, reason = "expected", expected
    elif expected is not None and status == "passed":
        status, reason = "failed", f"it was expected to fail ({expected}) and passed: take it out of expected_failures"
    elif expected is not None:
        status, reason = "failed", f"it was expected to fail ({expected}) and does not apply ({reason}): take it out of expected_failures"
    return Check(name, status, reason, seconds)


def _outcome(name: str, function: CheckFunction, plugin: Plugin) -> tuple[Status, str]:
    try:
        _run_watched(function, plugin, told=name not in UNTOLD)
    except NotApplicable as reason:
        return "skipped", str(reason)
    except AssertionError as error:
        return "failed", str(error) or _described(error, plugin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end who checks it
        return "failed", _described(error, plugin)
    return "passed", ""


def _run_watched(function: CheckFunction, plugin: Plugin, told: bool) -> None:
    """Raise AssertionError when a check passes, but something is left changed; once more where an import may have done it."""
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
    """A context with warnings as errors; the value is filled at the end with what has been done to the process in it."""
    told: list[str] = []
    with guarded() as changes, warnings.catch_warnings():
        warnings.simplefilter("error")
        with guarded() as within, deeds_of(home_of(plugin)) as deeds, streams() as printed:
            yield told
    names = dict.fromkeys([*within.names, *changes.names])
    told += [*printed, *deeds, *(f"changes {name}" for name in names)]


def _described(error: BaseException, plugin: Plugin) -> str:
    """The type and message of an exception, and the last line of the plugin's module on the way to it."""
    if isinstance(error, MLPKitError):
        return error.message
    file = getattr(sys.modules.get(type(plugin).__module__), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{reason(error)}{where}"


def check_expected(expected_failures: Mapping[str, str], *known: Mapping[str, CheckFunction]) -> None:
    """Raise TypeError or ValueError for expected failures without a reason, or of a check that there is not."""
    example = 'write {"NAME OF A CHECK": "why it fails"}'
    if not isinstance(expected_failures, Mapping):
        raise TypeError(f"expected_failures is a {type(expected_failures).__name__}: {example}")
    names = list(dict.fromkeys(name for checks in known for name in checks))
    unknown = [name for name in expected_failures if name not in names]
    if unknown:
        raise ValueError(
            f"expected_failures names {', '.join(map(repr, unknown))}, which is no check of this kind; one of {', '.join(names)}"
        )
    for name, why in expected_failures.items():
        if not isinstance(why, str):
            raise TypeError(f"expected_failures has {why!r} for {name!r}: {example}")
        if not why.strip():
            raise ValueError(f"expected_failures has no reason for {name!r}: {example}")
