"""Trial: one check of one plugin, run so that nothing a plugin does ends more than the check."""

from __future__ import annotations

import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlpkit.errors import MLPKitError
from mlpkit.plugin import Plugin
from mlpkit.plugin.base import reason
from mlpkit.testing.findings import NotApplicable
from mlpkit.testing.report import Check, Status

CheckFunction = Callable[[Any], None]


def run_check(name: str, function: CheckFunction, plugin: Plugin, expected: str | None = None) -> Check:
    """Run a check with warnings as errors; `expected` is why it should fail, None when it should not."""
    started = time.perf_counter()
    status, reason = _outcome(function, plugin)
    seconds = time.perf_counter() - started
    if expected is not None and status == "failed":
        status, reason = "expected", expected
    elif expected is not None and status == "passed":
        status, reason = "failed", f"it was expected to fail ({expected}) and passed: take it out of expected_failures"
    elif expected is not None:
        status, reason = "failed", f"it was expected to fail ({expected}) and does not apply ({reason}): take it out of expected_failures"
    return Check(name, status, reason, seconds)


def _outcome(function: CheckFunction, plugin: Plugin) -> tuple[Status, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(plugin)
    except NotApplicable as reason:
        return "skipped", str(reason)
    except AssertionError as error:
        return "failed", str(error) or _described(error, plugin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end who checks it
        return "failed", _described(error, plugin)
    return "passed", ""


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
