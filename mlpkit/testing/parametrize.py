"""Checks of the conformance kit as pytest tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from mlpkit.plugin import Plugin
from mlpkit.testing.check_run import CheckFunction, check_expected, run_check
from mlpkit.testing.smoke import USER_CODE_FAILS, runs
from mlpkit.testing.subject import as_plugin, info_of
from mlpkit.testing.suite import before_runs, checks_of, reason_not_applicable

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Bound:
    """Check of one plugin that can be called in a test; it fails, skips or xfails like a pytest test."""

    plugin: Plugin
    name: str
    function: CheckFunction
    expected: str | None
    raises: Callable[[], bool]  # True if user code raises, so that other checks cannot run

    def __call__(self) -> None:
        import pytest

        __tracebackhide__ = True
        if self.name not in before_runs() and self.raises():
            pytest.skip(USER_CODE_FAILS)
        check = run_check(self.name, self.function, self.plugin, self.expected)
        if check.status == "skipped":
            pytest.skip(check.reason)
        if check.status == "expected":
            pytest.xfail(check.reason)
        if check.status == "failed":
            pytest.fail(f"{self}: {check.reason}", pytrace=False)

    def __str__(self) -> str:
        return f"{info_of(self.plugin).name}-{self.name}"


def parametrize_with_checks(
    plugins: Iterable[Plugin | type[Plugin] | str], expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Return a pytest decorator that gives a test function the argument `check`: each check of each plugin, to be called.

    Checks that do not apply to a plugin are left out; `check_plugin` reports them as skipped. If user code raises, the test of `runs`
    fails, and the tests that call the plugin are skipped.

    Parameters
    ----------
    plugins : iterable of Plugin, class or str
        The same values as for `check_plugin`.
    expected_failures : mapping of str to str, optional
        Names of checks that should fail, each with the reason, for every plugin that has them. If one of them passes, its test
        fails.

    Raises
    ------
    PluginError
        A plugin does not exist, or it has options without a default.
    ValueError
        `expected_failures` has a check that no plugin has, or no reason for one; or `plugins` is empty.
    TypeError
        `expected_failures` is not a mapping from names to strings.
    """
    import pytest

    expected = {} if expected_failures is None else expected_failures
    found = [(plugin, _asked_of(plugin)) for plugin in map(as_plugin, plugins)]
    if not found:
        raise ValueError("there are no plugins to check")
    check_expected(expected, *(checks for _, checks in found))
    bound = [
        Bound(plugin, name, function, expected.get(name), raises)
        for plugin, checks in found
        for raises in [cache(partial(_raises, plugin))]
        for name, function in checks.items()
    ]
    mark: Callable[..., pytest.MarkDecorator] = pytest.mark.parametrize
    return mark("check", [pytest.param(check, id=str(check)) for check in bound])


def _asked_of(plugin: Plugin) -> dict[str, CheckFunction]:
    return {name: check for name, check in checks_of(plugin).items() if reason_not_applicable(name, plugin) is None}


def _raises(plugin: Plugin) -> bool:
    return run_check("runs", runs, plugin).status == "failed"
