"""Command and environment of a worker process."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

ONE_THREAD = ("MLPKIT_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ROOT = str(Path(__file__).parents[2])  # the folder that has mlpkit


def command() -> list[str] | None:
    """Return the command that starts a worker, or None if this process has no Python interpreter to start: it is frozen or embedded."""
    name = os.path.basename(sys.executable or "").lower()
    if getattr(sys, "frozen", False) or not name.startswith(("python", "pypy")):
        return None
    return [sys.executable, "-P", "-m", "mlpkit.workers"]  # -P: the current folder is not searched for modules


def environment() -> dict[str, str]:
    """Return the environment of a worker: one thread, and the folder of mlpkit if the interpreter does not search it by itself."""
    found = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    searched = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages() if site.ENABLE_USER_SITE else ""}
    if ROOT not in searched:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))
    return found
