"""`mlpkit plugins check`: conformance checks of plugins."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.options import Code, Json, by_name, load_code, with_code
from mlpkit.cli.overrides import Setting
from mlpkit.cli.plugins.names import Group, GroupOption, complete_target, named, of_file, of_group
from mlpkit.errors import AmbiguousPlugin, BrokenPlugin, MissingPlugin, Problem, SpecError, join_problems
from mlpkit.text.shown import counted, shortened

if TYPE_CHECKING:
    from mlpkit.plugin import Plugin
    from mlpkit.plugin.registry import PluginInfo

FAILED = 1
Expect = Annotated[
    list[str] | None,
    typer.Option(
        "--expect", metavar="CHECK=REASON", help="Check that must fail, with the reason; it is an error if it passes; repeatable."
    ),
]


def check_plugins(
    console: Console,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="Name of a plugin, a Python file, or the folder of a package.", autocompletion=complete_target
        ),
    ],
    group: GroupOption = None,
    settings: Annotated[
        list[str] | None, typer.Option("-s", "--set", metavar="KEY=VALUE", help="Option of the plugin, such as beta=2; repeatable.")
    ] = None,
    expect: Expect = None,
    code: Code = None,
    json: Json = False,
) -> None:
    """Check plugins against their contracts: a plugin by name, all of a Python file, or all of an installed package by its folder.

    Exits with 1 if a plugin breaks its contract, and with 3 if it cannot be used.
    """
    from mlpkit.testing import check_plugin

    load_code(code)
    changes = Setting.parse_all(settings or ())
    expected = by_name(map(_expected, expect or ()), "--expect")
    made = _instances(_targets(target, group), changes, lambda info: _show_command(target, info, code))
    failures = [_applicable_failures(plugin, expected) for _, plugin in made]
    _check_known(expected, failures)
    reports = []
    for (kind, plugin), failing in zip(made, failures, strict=True):
        report = check_plugin(plugin, kind=kind, expected_failures=failing)
        reports.append(report)
        if not json:
            console.out(str(report))
    if json:
        console.json([report.to_dict() for report in reports])
    failed = sum(not report.ok for report in reports)
    console.say(f"checked {counted(len(reports), 'plugin')}: {f'{failed} broke the contract' if failed else 'all keep the contract'}")
    if failed:
        raise typer.Exit(FAILED)


def _expected(text: str) -> tuple[str, str]:
    name, _, reason = (part.strip() for part in text.partition("="))
    if not name or not reason:
        raise typer.BadParameter(f"{text!r} is not CHECK=REASON", param_hint="--expect")
    return name, reason


def _applicable_failures(plugin: Plugin, expected: dict[str, str]) -> dict[str, str]:
    """Return the expected failures whose check applies to a plugin."""
    if not expected:
        return {}
    from mlpkit.testing.suite import checks_of, reason_not_applicable

    return {name: expected[name] for name in checks_of(plugin) if name in expected and reason_not_applicable(name, plugin) is None}


def _check_known(expected: dict[str, str], failures: list[dict[str, str]]) -> None:
    """Raise BadParameter for an expected failure of a check that applies to no plugin."""
    unknown = [name for name in expected if not any(name in failing for failing in failures)]
    if unknown:
        listed = ", ".join(repr(shortened(name, 100)) for name in unknown)
        raise typer.BadParameter(f"no such check applies: {listed}; run without --expect to list all checks", param_hint="--expect")


def _show_command(target: str, info: PluginInfo, code: list[str] | None) -> str:
    """Return the command that shows a plugin of TARGET with its options."""
    shown = shlex.quote(target) if target.endswith(".py") else info.full_name
    return with_code(f"mlpkit plugins show {shown}", code)


def _targets(target: str, group: Group | None) -> list[PluginInfo]:
    """Return the plugins of TARGET. A plugin's name takes precedence over a folder of that name in the working directory."""
    if target.endswith(".py"):
        return of_file(target, group)
    if _is_path(target):
        from mlpkit.cli.plugins.project_folder import installed_plugins

        return of_group(installed_plugins(Path(target)), group, target)
    found = named(target, group)
    if len(found) > 1:
        kinds = [info.kind for info in found]
        raise AmbiguousPlugin(f"{target!r} is a name of several kinds: {', '.join(kinds)}", help=f"select one with --group {kinds[0]}")
    return found


def _is_path(target: str) -> bool:
    """Return True if TARGET is a folder: it has a path separator, or it exists and is not a plugin's name."""
    if "/" in target or "\\" in target or target in (".", ".."):
        return True
    if not os.path.exists(target):  # Path.exists raises where a name is too long
        return False
    try:
        named(target, None)
    except MissingPlugin:
        return True
    except AmbiguousPlugin:
        pass
    return False


def _instances(infos: list[PluginInfo], changes: list[Setting], shown: Callable[[PluginInfo], str]) -> list[tuple[str, Plugin]]:
    """Return plugin objects with their options. Each setting is applied to the plugins that have the option.

    `shown` returns the command that shows a plugin.

    Raises
    ------
    SpecError
        All problems at once: an option that no plugin has, a required option without a value, an invalid value.
    BrokenPlugin
        A plugin does not accept its own defaults.
    """
    from mlpkit.plugin import REGISTRIES

    classes: list[tuple[PluginInfo, type[Plugin]]] = [(info, REGISTRIES[info.kind].get(info.full_name)) for info in infos]
    known = {name for _, plugin in classes for name in plugin.model_fields}
    problems = [
        Problem(f"there is no option {change.path[0]!r}", help=f"use one of: {', '.join(sorted(known)) or 'none'}", file=change.option)
        for change in changes
        if change.path[0] not in known
    ]
    made = []
    for info, plugin in classes:
        found = _with_options(info, plugin, changes, shown(info))
        if isinstance(found, list):
            problems += found
        else:
            made.append((info.kind, found))
    if problems:
        raise SpecError(join_problems(problems), problems=problems)
    return made


def _with_options(info: PluginInfo, plugin: type[Plugin], changes: list[Setting], shown: str) -> Plugin | list[Problem]:
    """Return a plugin object, or the problems of its options."""
    from pydantic import ValidationError

    from mlpkit.plugin import example_options
    from mlpkit.spec.findings import findings, path_text

    options: Any = example_options(plugin)
    for change in changes:
        if change.path[0] in plugin.model_fields:
            options = change.apply(options)
    try:
        return plugin.model_validate(options)
    except ValidationError as error:
        missing = [str(entry["loc"][0]) for entry in error.errors() if entry["type"] == "missing" and len(entry["loc"]) == 1]
        wrong = [Problem(found.message, path_text(found.path), found.help) for found in findings(error, plugin, options)]
    except Exception as error:  # raised by a validator of the plugin
        raise BrokenPlugin(f"{info.name!r} fails on its options: {type(error).__name__}: {error}", help="correct its validator") from error
    if options == example_options(plugin) and not missing:
        raise BrokenPlugin(f"{info.name!r} does not accept its own defaults: {join_problems(wrong)}", help="correct the defaults")
    given = " ".join(f"--set {name}=VALUE" for name in missing)
    advice = f"set a value for each: {given}" if missing else f"see {shown}"
    return [replace(problem, help=problem.help or advice) for problem in wrong]
