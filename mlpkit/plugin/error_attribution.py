"""Attribution of errors: an exception in the code of a plugin becomes an error with the plugin's name, origin and line."""

from __future__ import annotations

import traceback
from types import FrameType, TracebackType

from mlpkit.errors import BrokenPlugin, MLPKitError, Problem
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.base import RAISED, reason

OWN = "mlpkit."  # prefix of mlpkit's own modules


class attributing_errors:
    """Context in which exceptions of plugins become `BrokenPlugin`; other exceptions pass unchanged.

    It is a class, not a generator, because it is entered in every epoch and prediction.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is not None and (broken := plugin_error(error)) is not None:
            raise broken from error


def plugin_error(error: BaseException) -> BrokenPlugin | None:
    """Return the error of the third-party plugin in whose code an exception was raised; None for other exceptions."""
    if isinstance(error, (MLPKitError, MemoryError)) or not isinstance(error, RAISED):
        return None
    found: tuple[Plugin, FrameType, int] | None = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        plugin = frame.f_locals.get("self")
        inherited = str(frame.f_globals.get("__name__", "")).startswith(
            "pydantic."
        )  # frames of Pydantic, in which a wrong attribute is reported
        if isinstance(plugin, Plugin) and not type(plugin).__module__.startswith(OWN) and not inherited:
            found = plugin, frame, line
    return None if found is None else _broken(error, *found)


def _broken(error: BaseException, plugin: Plugin, frame: FrameType, line: int) -> BrokenPlugin:
    info = REGISTRIES[plugin.kind].info(type(plugin))
    message = f"{info.described} failed in {frame.f_code.co_name}: {reason(error)}"
    help = f"correct it, or report this to its author; 'mlpkit plugins check {info.full_name}' tests it alone"
    own = str(frame.f_globals.get("__name__", "")).startswith(OWN)  # an inherited method
    problem = Problem(message, help=help) if own else Problem(message, help=help, file=frame.f_code.co_filename, line=line)
    return BrokenPlugin(message, help=help, problems=[problem])
