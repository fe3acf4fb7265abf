"""Program: its commands, and the exit code of a run."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.main import get_command

from mlpkit.cli import errors, signals
from mlpkit.cli.check import check
from mlpkit.cli.command import Command
from mlpkit.cli.compare import compare
from mlpkit.cli.console import Console
from mlpkit.cli.cv import cv
from mlpkit.cli.doctor import doctor
from mlpkit.cli.evaluate import evaluate
from mlpkit.cli.explain import explain
from mlpkit.cli.export import export
from mlpkit.cli.import_weights import import_weights
from mlpkit.cli.info import info
from mlpkit.cli.init import init
from mlpkit.cli.options import with_common
from mlpkit.cli.plot import plot
from mlpkit.cli.plugins.check import check_plugins
from mlpkit.cli.plugins.freeze import freeze_plugins
from mlpkit.cli.plugins.listing import list_plugins
from mlpkit.cli.plugins.new import new_plugin
from mlpkit.cli.plugins.show import show_plugin
from mlpkit.cli.predict import predict
from mlpkit.cli.report import report
from mlpkit.cli.schema import schema
from mlpkit.cli.search import search
from mlpkit.cli.serve import serve
from mlpkit.cli.standard_streams import silence
from mlpkit.cli.together import started_once
from mlpkit.cli.train import train
from mlpkit.errors import Problem
from mlpkit.version import __version__

UsageError: Any = typer.BadParameter.__base__  # Click's class; depending on its version, Typer vendors Click or depends on it

_NONE_OF = re.compile(r"'(?P<given>[^']{1,100})' is not one of (?P<words>.*)", re.DOTALL)
_SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "invoke_without_command": True,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(help="Train multi-layer perceptrons from a JSON spec and save them in one HDF5 file.", **_SETTINGS)
plugins = typer.Typer(add_completion=False, help="List, show, check, create and freeze plugins.", **_SETTINGS)


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        context.obj.out(f"mlpkit {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("-V", "--version", is_eager=True, callback=_show_version, help="Show the version.")] = False,
) -> None:
    _help_alone(context)


@plugins.callback()
def _help_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        context.obj.out(context.get_help())


_BY_SEVERAL = (check, train, info, doctor)  # processes of a launcher may run these: train shares its work, and the others write nothing
for _command in (init, check, train, cv, search, evaluate, predict, explain, report, compare, plot, serve, info, export, schema, doctor):
    app.command(_command.__name__, cls=Command)(with_common(_command if _command in _BY_SEVERAL else started_once(_command)))
app.command("import", cls=Command)(with_common(started_once(import_weights)))
_VERBS: dict[str, Callable[..., None]] = {
    "list": list_plugins,
    "show": show_plugin,
    "check": check_plugins,
    "new": new_plugin,
    "freeze": freeze_plugins,
}
for _verb, _action in _VERBS.items():
    plugins.command(_verb, cls=Command)(with_common(_action))
app.add_typer(plugins, name="plugins")


def run(argv: Sequence[str] | None) -> int:
    """Run the program with these arguments and return the exit code. All exceptions are reported as errors."""
    console = Console()
    console.json_messages = _wants_json(sys.argv[1:] if argv is None else argv)
    try:
        with signals.handling(signals.end):
            code = get_command(app).main(argv, prog_name="mlpkit", standalone_mode=False, obj=console)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except signals.Ended as error:
        return 128 + error.number
    except (KeyboardInterrupt, typer.Abort):
        return signals.INTERRUPTED
    except UsageError as error:
        return _usage(console, error)
    except BrokenPipeError:
        return 1
    except Exception as error:
        if console.debug:
            console.trace("".join(traceback.format_exception(error)))
        errors.report(console, error)
        return errors.exit_code(error)
    finally:
        _drop_unwritable()


def _wants_json(argv: Sequence[str]) -> bool:
    """Return True if the arguments ask for JSON on stderr, so that errors in the arguments are reported as JSON too."""
    return "--progress=json" in argv or any(pair == ("--progress", "json") for pair in pairwise(argv))


def _usage(console: Console, error: Any) -> int:
    command = error.ctx.command_path if error.ctx else "mlpkit"
    message = _with_suggestion(error.format_message().rstrip("."))
    errors.show(console, [Problem(message[:1].lower() + message[1:], help=f"see '{command} --help'")])
    return 2


def _with_suggestion(message: str) -> str:
    """Return the message of a usage error, with the nearest choice added for an invalid choice."""
    found = _NONE_OF.search(message)
    near = difflib.get_close_matches(found["given"], re.findall("'([^']*)'", found["words"]), n=1) if found else []
    return message.replace("Value error, ", "") + (f"; did you mean {near[0]!r}?" if near else "")


def _drop_unwritable() -> None:
    """Discard buffered output if stdout is a closed pipe or a full disk, so that Python exits without an error."""
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
