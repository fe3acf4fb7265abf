"""Options that every command has, and options that several commands share."""

from __future__ import annotations

import contextlib
import functools
import inspect
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mlpkit.cli.console import Console, StrayLines
from mlpkit.errors import DataWarning, EngineWarning, SurrogateWarning

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo

Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show only warnings and errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show more details.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Disable colors, like the variable NO_COLOR.")]
Code = Annotated[list[str] | None, typer.Option("-c", "--code", metavar="FILE", help="Python file with your own plugins; repeatable.")]
Surrogate = Annotated[
    bool, typer.Option("--allow-surrogate", help="Use the model's lookup table for an activation whose plugin is missing.")
]
Engine = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="Engine that computes instead of NumPy, such as fused; numpy is NumPy.")
]
Data = Annotated[str | None, typer.Option("-d", "--data", metavar="DATA", help="Data to use instead of the spec's data.path.")]
Large = Annotated[bool, typer.Option("--allow-large", help="Read a file that declares more than 1,000 times its own size.")]
ModelOutput = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Model file to write.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", metavar="KEY=VALUE", help="Set a value of the spec, such as training.batch_size=64; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing file.")]

Value = TypeVar("Value")

COMMON: dict[str, Any] = {"quiet": Quiet, "verbose": Verbose, "debug": Debug, "no_color": NoColor}


def with_common(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command, whose first parameter is the console, as a function with the common options that Typer can call."""
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [inspect.Parameter(name, keyword, default=False, annotation=kind) for name, kind in COMMON.items()]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        console: Console = context.obj
        console.quiet, console.verbose, console.debug = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
        console.color = not given.pop("no_color")
        stray: Any = StrayLines(console) if console.json_messages else sys.stderr
        with contextlib.redirect_stdout(stray), warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _each_once(console)
            command(console, **given)

    run.__signature__ = signature.replace(parameters=[context, *own, *common])  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in inspect.signature(run).parameters.items()}
    return run


def _each_once(console: Console) -> Callable[..., None]:
    """Return a function that shows warnings. Warnings of data, lookup tables and engines, which are repeated, are shown once."""
    seen: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = str(message)
        if text not in seen:
            console.warn(f"{text} ({details})" if (details := getattr(message, "details", "")) else text)
        if isinstance(message, (SurrogateWarning, DataWarning, EngineWarning)):
            seen.add(text)

    return show


def by_name(pairs: Iterable[tuple[str, Value]], option: str) -> dict[str, Value]:
    """Return the values of a repeatable option by name. Raise BadParameter if a name is given more than once."""
    found: dict[str, Value] = {}
    for name, value in pairs:
        if name in found:
            raise typer.BadParameter(f"{name} is given more than once", param_hint=option)
        found[name] = value
    return found


def check_one_stdin(spec: str, data: str | None) -> None:
    """Raise BadParameter if both the spec and the data are to be read from stdin."""
    if spec == data == "-":
        raise typer.BadParameter("spec and data cannot both come from stdin", param_hint="--data")


def load_code(paths: Iterable[str] | None) -> list[PluginInfo]:
    """Register the plugins in the user's files and return their descriptions.

    Raises
    ------
    BrokenPlugin
        A file cannot be run, or defines no plugin.
    """
    from mlpkit.plugin.user_code import register_file

    return [info for path in paths or () for info in register_file(path)]


def with_code(command: str, paths: Iterable[str] | None) -> str:
    """Return a command line with its `--code` options, quoted for a shell."""
    return " ".join([command, *(f"-c {shlex.quote(path)}" for path in paths or ())])
