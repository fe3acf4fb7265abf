"""`mlpkit doctor`: versions and settings for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from mlpkit.cli.console import Console
from mlpkit.cli.model_facts import aligned
from mlpkit.cli.options import Json
from mlpkit.cli.plugins.description import broken, record

if TYPE_CHECKING:
    from mlpkit.plugin.registry import PluginInfo

PACKAGES = ("numpy", "pydantic", "typer", "h5py")
THREADS = ("MLPKIT_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def doctor(console: Console, json: Json = False) -> None:
    """Show versions, BLAS and plugins, to paste into a bug report; of kernels and engines, why they are not active."""
    found = diagnosis()
    if json:
        console.json(found)
        return
    plugins = found.pop("plugins")
    lines = [*found.pop("versions").items(), *found.pop("threads").items(), *found.items()]
    console.out(aligned([(name, str(value)) for name, value in lines]))
    others = [plugin for plugin in plugins if plugin["distribution"] != "mlpkit" or plugin["error"]]
    shown = [(f"  {plugin['group']} {plugin['full_name']}", _state(plugin)) for plugin in others]
    console.out(f"plugins: {len(plugins)}, {len(plugins) - len(others)} of them built in" + (f"\n{aligned(shown)}" if shown else ""))


def diagnosis() -> dict[str, Any]:
    """Return all information as JSON values. Plugins are imported to find broken ones."""
    from importlib.metadata import PackageNotFoundError, version

    from mlpkit.plugin import plugins
    from mlpkit.version import __version__

    versions = {"mlpkit": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "versions": versions,
        "platform": platform.platform(),
        "executable": sys.executable,
        "cpus": os.cpu_count(),
        "blas": _blas(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "plugins": [{**record(info), "error": broken(info), **_activity(info)} for info in plugins()],
    }


def _activity(info: PluginInfo) -> dict[str, Any]:
    """Return the reason why kernels or an engine are not active, or None if they are; nothing for other kinds."""
    from mlpkit.plugin import REGISTRIES
    from mlpkit.plugin.base import RAISED
    from mlpkit.plugin.environment import KERNELS

    if info.kind not in ("kernels", "engines") or broken(info):
        return {}
    if info.kind == "kernels" and os.environ.get(KERNELS, "").strip() == "0":
        return {"inactive": f"{KERNELS} is 0"}
    try:
        return {"inactive": REGISTRIES[info.kind].get(info.full_name)().status() or None}
    except RAISED as error:
        return {"inactive": f"{type(error).__name__}: {error}"}


def _blas() -> str:
    """Return the BLAS that NumPy was built with."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    parts = (blas.get("name"), blas.get("version"), blas.get("openblas configuration"))
    return " ".join(str(part) for part in parts if part) or "unknown"


def _state(plugin: dict[str, Any]) -> str:
    source = f"{plugin['distribution']} {plugin['version']}"
    if plugin["error"]:
        return f"{source}  BROKEN: {plugin['error']}"
    if "inactive" in plugin:
        return f"{source}  NOT ACTIVE: {plugin['inactive']}" if plugin["inactive"] else f"{source}  active"
    return source
