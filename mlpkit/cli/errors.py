"""Error blocks and exit codes of exceptions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlpkit.cli.console import Console, Line
from mlpkit.errors import MLPKitError, PluginError, Problem, TrainingError

WIDTH = 100  # most characters of a source line that are shown; a spec may be one long line
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]{}:"]+')


class OutputError(MLPKitError):
    """Raised for a file that cannot be written."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for an exception that ends a command."""
    from mlpkit.plugin.error_attribution import plugin_error

    if isinstance(error, PluginError) or plugin_error(error):
        return 3
    failed = isinstance(error, (TrainingError, OutputError))
    return 2 if isinstance(error, MLPKitError) and not failed else 1


def report(console: Console, error: Exception) -> None:
    """Write an exception as error blocks, never as a traceback."""
    show(console, problems_of(error))


def show(console: Console, problems: Sequence[Problem]) -> None:
    """Write problems as error blocks, or as JSON if messages are JSON."""
    if console.json_messages:
        for problem in problems:
            console.record({"error": problem.message, **{key: value for key, value in vars(problem).items() if value and key != "message"}})
        return
    for number, problem in enumerate(problems):
        console.fail([("", "")] * (number > 0) + block(problem))
    if len(problems) > 1:
        console.fail([("", ""), ("", f"{len(problems)} errors")])


def problems_of(error: Exception) -> tuple[Problem, ...]:
    """Return the problems of an exception, described for the person who can solve them."""
    if isinstance(error, MLPKitError):
        return error.problems
    from mlpkit.plugin.error_attribution import plugin_error

    if broken := plugin_error(error):
        return broken.problems
    if isinstance(error, MemoryError):
        return (Problem("not enough memory", help="use fewer rows or columns, narrower layers, or a smaller batch"),)
    if isinstance(error, RecursionError):
        return (Problem("the input is nested too deep", help="use a spec with fewer nested levels"),)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return (Problem(f"{where}{error.strerror}", help="check the path, its permissions and the space on the disk"),)
    advice = "this is a bug in mlpkit: please report it with the output of 'mlpkit doctor' and of this command with --debug"
    return (Problem(f"internal error: {type(error).__name__}: {error}", help=advice),)


def block(problem: Problem) -> list[Line]:
    """Return the lines of one error: message, position, source line with a caret, and help."""
    lines: list[Line] = [("error", problem.message)]
    place = ":".join([problem.file, *(str(number) for number in (problem.line, problem.column) if number)])
    path = f"({problem.path})" if problem.path else ""
    if place or path:
        lines.append(("", "  --> " + "  ".join(part for part in (place, path) if part)))
    if problem.source and problem.column:
        lines += [("", line) for line in _excerpt(problem)]
    if problem.help:
        lines.append(("help", problem.help))
    return lines


def _excerpt(problem: Problem) -> list[str]:
    """Return the source line with carets under the value or key."""
    start = max(0, problem.column - 1 - WIDTH // 2) if len(problem.source) > WIDTH else 0
    shown = "".join(char if char.isprintable() else " " for char in problem.source[start : start + WIDTH])
    at = problem.column - 1 - start
    token = _TOKEN.match(shown, at)
    carets = "^" * (token.end() - at if token else 1)
    margin = " " * len(str(problem.line))
    return [f" {margin} |", f" {problem.line} | {shown}", f" {margin} | {' ' * at}{carets}"]
