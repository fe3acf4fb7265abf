"""State of the process: a plugin must leave it unchanged, and changes are undone."""

from __future__ import annotations

import decimal
import faulthandler
import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np

from mlpkit.numerics import openblas

FOR_GOOD = ("__builtins__", "_", "__warningregistry__")  # attributes of modules that Python itself changes
MODULES = ("numpy", "numpy.linalg", "numpy.random", "math", "random", "os", "time", "json", "tempfile", "threading", "builtins")
OF_SYS = ("stdin", "stdout", "stderr", "argv", "excepthook", "displayhook", "unraisablehook", "dont_write_bytecode", "breakpointhook")
OF_MLPKIT = "mlpkit"  # prefix of the names of mlpkit's own threads


class Watched(NamedTuple):
    """Part of the process state, with functions to read and restore it."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object] | None = None


def _environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _generators(before: Any) -> None:
    np.random.set_state(before[0])  # noqa: NPY002
    random.setstate(before[1])


def _random_state() -> Any:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (kind, tuple(np.asarray(keys).tolist()), *rest), random.getstate()


def _loggers() -> Any:
    def of(logger: Any) -> Any:
        return logger.level, logger.disabled, logger.propagate, tuple(logger.handlers), tuple(logger.filters)

    manager = logging.root.manager
    known = {name: of(logger) for name, logger in manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    return {"root": of(logging.root), **known}, manager.disable, logging.raiseExceptions


def _set_loggers(before: Any) -> None:
    for name, (level, disabled, propagate, handlers, filters) in before[0].items():
        logger = logging.root if name == "root" else logging.getLogger(name)
        logger.setLevel(level)
        logger.disabled, logger.propagate, logger.handlers, logger.filters = disabled, propagate, list(handlers), list(filters)
    logging.disable(before[1])
    logging.raiseExceptions = before[2]


def _signals() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _set_signals(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) != handler:
            with suppress(ValueError, OSError):  # signal.signal works in the main thread only
                signal.signal(number, handler)


def _modules() -> dict[str, dict[str, Any]]:
    found = {name: vars(sys.modules[name]) for name in MODULES}
    return {name: {key: value for key, value in known.items() if callable(value) and key not in FOR_GOOD} for name, known in found.items()}


def _set_modules(before: dict[str, dict[str, Any]]) -> None:
    for name, values in before.items():
        vars(sys.modules[name]).update(values)


def _threads() -> frozenset[Any]:
    return frozenset(thread for thread in threading.enumerate() if not thread.name.startswith((OF_MLPKIT, "Dummy", "asyncio")))


def _decimals() -> Any:
    context = decimal.getcontext()
    return context.prec, context.rounding, context.Emin, context.Emax, tuple(flag for flag, raised in context.traps.items() if raised)


def _set_decimals(before: Any) -> None:
    context = decimal.getcontext()
    context.prec, context.rounding, context.Emin, context.Emax = before[:4]
    for flag in context.traps:
        context.traps[flag] = flag in before[4]


def _collector() -> Any:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug(), tuple(gc.callbacks)


def _set_collector(before: Any) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])
    gc.set_debug(before[2])
    gc.callbacks[:] = before[3]


def _of_sys() -> Any:
    own = {name: getattr(sys, name, None) for name in OF_SYS}
    return own, sys.getrecursionlimit(), sys.getswitchinterval(), threading.excepthook, sys.gettrace(), sys.getprofile()


def _set_sys(before: Any) -> None:
    for name, value in before[0].items():
        if getattr(sys, name, None) is not value:
            setattr(sys, name, value)
    sys.setrecursionlimit(before[1])
    sys.setswitchinterval(before[2])
    threading.excepthook = before[3]
    if sys.gettrace() is not before[4]:
        sys.settrace(before[4])
    if sys.getprofile() is not before[5]:
        sys.setprofile(before[5])


def _cores() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _umask() -> str | None:
    """Return the umask from /proc, because os.umask can only read it by setting it."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((line.split()[1] for line in file if line.startswith("Umask")), None)
    return None


def _set_umask(before: str | None) -> None:
    if before is not None:
        os.umask(int(before, 8))


def _blas() -> int | None:
    """Return the number of threads of NumPy's OpenBLAS; None with another BLAS."""
    found = openblas.thread_functions()
    return None if found is None else found[0]()


def _set_blas(before: int | None) -> None:
    if before is not None:
        openblas.thread_functions()[1](before)  # type: ignore[index]  # it was found by `_blas`


def _tools() -> Any:
    return faulthandler.is_enabled(), tracemalloc.is_tracing(), threading.stack_size(), _timer()


def _timer() -> Any:
    return signal.getitimer(signal.ITIMER_REAL)[1] if hasattr(signal, "getitimer") else None


def _set_cores(before: Any) -> None:
    if before is not None:
        os.sched_setaffinity(0, before)


def _set_path(before: list[str]) -> None:
    sys.path[:] = before


def _set_filters(before: Any) -> None:
    warnings.filters[:] = before[0]  # type: ignore[index]
    warnings.showwarning, warnings.formatwarning = before[1:]


def _print_options() -> dict[str, Any]:
    return dict(np.get_printoptions())


WATCHED = (
    Watched("np.seterr", np.geterr, lambda before: np.seterr(**before)),
    Watched("np.seterrcall", np.geterrcall, np.seterrcall),
    Watched("np.setbufsize", np.getbufsize, np.setbufsize),
    Watched("np.set_printoptions", _print_options, lambda before: np.set_printoptions(**before)),
    Watched("a global generator of numpy.random or random", _random_state, _generators),
    Watched("the filters of warnings", lambda: (warnings.filters[:], warnings.showwarning, warnings.formatwarning), _set_filters),
    Watched("os.environ", lambda: dict(os.environ), _environment),
    Watched("the working folder", os.getcwd, os.chdir),
    Watched("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda before: locale.setlocale(locale.LC_ALL, before)),
    Watched("the context of decimal", _decimals, _set_decimals),
    Watched("logging", _loggers, _set_loggers),
    Watched("sys (streams, hooks, limits)", _of_sys, _set_sys),
    Watched("sys.path", lambda: list(sys.path), _set_path),
    Watched("the handlers of signals", _signals, _set_signals),
    Watched("the garbage collector", _collector, _set_collector),
    Watched("socket.setdefaulttimeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Watched("functions of numpy or of Python's modules", _modules, _set_modules),
    Watched("the cores of the process", _cores, _set_cores),
    Watched("the threads of NumPy's BLAS", _blas, _set_blas),
    Watched("faulthandler, tracemalloc, timers or the stacks of threads", _tools),
    Watched("os.umask", _umask, _set_umask),
    Watched("the threads that run", _threads),
)
OF_IMPORTS = ("the filters of warnings", "os.environ", "logging", "sys.path", "functions of numpy or of Python's modules")


@contextmanager
def guarded() -> Iterator[list[str]]:
    """Return a context that restores the process state at its end; its value lists the names of the parts that were restored."""
    changes: list[str] = []
    before = [(each, each.read()) for each in WATCHED]
    try:
        yield changes
    finally:
        for each, value in before:
            if _differs(each, value):
                changes.append(each.name)
                if each.put_back is not None:
                    with suppress(Exception):
                        each.put_back(value)


def _differs(each: Watched, before: Any) -> bool:
    try:
        now = each.read()
    except Exception:  # such as a deleted working folder
        return True
    if each.read is _threads:
        return bool([thread for thread in now - before if thread.is_alive()])
    if each.read is _modules:
        return any(now[name].get(key) is not value for name, values in before.items() for key, value in values.items())
    if each.read is _loggers:
        return any(now[0].get(name) != value for name, value in before[0].items()) or now[1:] != before[1:]
    return bool(now != before)
