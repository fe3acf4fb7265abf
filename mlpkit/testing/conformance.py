"""Entry points that run all checks of a plugin and return a report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from mlpkit.plugin import Plugin
from mlpkit.testing.check_run import check_expected, run_check
from mlpkit.testing.report import Check, Report, without_repetition
from mlpkit.testing.smoke import USER_CODE_FAILS
from mlpkit.testing.subject import as_plugin, info_of, options_of
from mlpkit.testing.suite import before_runs, checks_of

NONE: Mapping[str, str] = MappingProxyType({})


def check_plugin(plugin: Plugin | type[Plugin] | str, *, kind: str | None = None, expected_failures: Mapping[str, str] = NONE) -> Report:
    """Run every check of a plugin's kind.

    Parameters
    ----------
    plugin : Plugin, class or str
        An object, or a class or a name, of which an object with the default options is checked.
    kind : str, optional
        Kind of plugin, for a name that several kinds have, such as "constant".
    expected_failures : mapping of str to str
        Names of checks that should fail, each with the reason. A check that passes or does not apply counts as failed.

    Returns
    -------
    Report
        Exceptions of the plugin are part of the report; only KeyboardInterrupt is raised.

    Raises
    ------
    PluginError
        The plugin does not exist, or it has options without a default.
    ValueError
        `expected_failures` has an unknown check, or no reason for one.
    TypeError
        `expected_failures` is not a mapping from names to strings.
    """
    return examine(as_plugin(plugin, kind), expected_failures)


def examine(plugin: Plugin, expected_failures: Mapping[str, str] = NONE, without: Collection[str] = ()) -> Report:
    """Return the report of a plugin object, without the checks named in `without`."""
    checks = checks_of(plugin)
    check_expected(expected_failures, checks)
    info, options = info_of(plugin), options_of(plugin)
    done: list[Check] = []
    for name, function in checks.items():
        if name in without:
            continue
        if name not in before_runs() and any(check.name == "runs" and check.status != "passed" for check in done):
            done.append(Check(name, "skipped", USER_CODE_FAILS, 0.0))
        else:
            check = run_check(name, function, plugin, expected_failures.get(name))
            done.append(without_repetition(check, done))
    return Report(info.full_name, plugin.kind, info.distribution, info.version, options, tuple(done))
