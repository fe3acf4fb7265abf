"""Every check of a plugin, and the report of what came of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from mlpkit.plugin import Plugin
from mlpkit.testing.check_run import check_expected, run_check
from mlpkit.testing.report import Check, Report, told_once
from mlpkit.testing.smoke import NOT_ASKED
from mlpkit.testing.subject import as_plugin, info_of, options_of
from mlpkit.testing.suite import before_runs, checks_of

NONE: Mapping[str, str] = MappingProxyType({})


def check_plugin(plugin: Plugin | type[Plugin] | str, *, kind: str | None = None, expected_failures: Mapping[str, str] = NONE) -> Report:
    """Run every check of a plugin's kind.

    Parameters
    ----------
    plugin : Plugin, class or str
        An object; a class or a name stands for an object with the default options.
    kind : str, optional
        The kind of a name that several kinds have, such as "constant".
    expected_failures : mapping of str to str
        Names of checks that should fail, each with the reason. One that passes, or does not apply, counts as failed.

    Returns
    -------
    Report
        Whatever the plugin raises is in it; only KeyboardInterrupt comes out.

    Raises
    ------
    PluginError
        There is no such plugin, or it has options without a default.
    ValueError
        `expected_failures` names no check of this kind, or gives no reason.
    TypeError
        `expected_failures` is no mapping from names to texts.
    """
    return examine(as_plugin(plugin, kind), expected_failures)


def examine(plugin: Plugin, expected_failures: Mapping[str, str] = NONE, without: Collection[str] = ()) -> Report:
    """The report of a plugin object; the checks named in `without` are not run."""
    checks = checks_of(plugin)
    check_expected(expected_failures, checks)
    info, options = info_of(plugin), options_of(plugin)
    done: list[Check] = []
    for name, function in checks.items():
        if name in without:
            continue
        if name not in before_runs() and any(check.name == "runs" and check.status != "passed" for check in done):
            done.append(Check(name, "skipped", NOT_ASKED, 0.0))
        else:
            check = run_check(name, function, plugin, expected_failures.get(name))
            done.append(told_once(check, done))
    return Report(info.full_name, plugin.kind, info.distribution, info.version, options, tuple(done))
